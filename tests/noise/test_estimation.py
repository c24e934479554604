"""Estimates of sigma: the truth on images whose noise we made, scikit-image's MAD, and where each one fails."""

import warnings

import numpy as np
import pytest
import pywt
import torch
from scipy import stats
from skimage.restoration import estimate_sigma

from course_lib import noise
from course_lib.data.brains import brain_slices

SIGMAS = [0.02, 0.05, 0.11, 0.2]
ESTIMATORS = {
    "background": noise.estimate_sigma_background,
    "mad": noise.estimate_sigma_mad,
    "local": noise.estimate_sigma_local,
}


@pytest.fixture(scope="module")
def head():
    """Eight slices of Colin27, 26 to 57 % of them empty, and their brain masks."""
    slices = brain_slices("colin27", slices=8)
    return slices.images, slices.brain_masks


def rician(images, sigma, seed=0):
    return noise.rician(images, sigma, generator=torch.Generator().manual_seed(seed))


def flat(sigma, size=(181, 217), level=0.5):
    return noise.gaussian(np.full(size, level), sigma, generator=np.random.default_rng(0))


@pytest.mark.parametrize("sigma", SIGMAS)
def test_background_on_a_real_head(head, sigma):
    ratios = noise.estimate_sigma_background(rician(head[0], sigma)) / sigma
    assert ratios.shape == (8,) and abs(ratios.mean() - 1) < 0.015 and (abs(ratios - 1) < 0.035).all()


@pytest.mark.parametrize("sigma", SIGMAS)
def test_background_on_a_head_without_skull(head, sigma):
    images, masks = head
    ratios = noise.estimate_sigma_background(rician(images * masks, sigma)) / sigma  # 50 to 95 % empty
    assert (abs(ratios - 1) < 0.02).all()


@pytest.mark.parametrize("sigma", SIGMAS)
def test_background_with_a_mask(head, sigma):
    images, _ = head
    ratios = noise.estimate_sigma_background(rician(images, sigma), images == 0) / sigma
    assert (abs(ratios - 1) < 0.02).all()


@pytest.mark.parametrize("coils", [2, 8])
def test_background_of_several_coils(head, coils):
    images, _ = head
    noisy = noise.noncentral_chi(images, 0.05, coils=coils, generator=torch.Generator().manual_seed(0))
    for mask in (None, images == 0):
        ratios = noise.estimate_sigma_background(noisy, mask, coils=coils) / 0.05
        assert (abs(ratios - 1) < 0.03).all()
    # the wrong number of coils is noticed, not answered
    with pytest.raises(ValueError, match="found none"):
        noise.estimate_sigma_background(noisy)


def test_background_that_is_not_there_is_an_error(head):
    images, masks = head
    noisy = rician(images, 0.05)
    inside = noisy[4:5, :, 70:130, 60:120]
    for image in (inside, images + 0.3, torch.full((1, 1, 20, 30), 0.5), flat(0.05)):
        with pytest.raises(ValueError, match=r"expected an empty, noisy background, found none"):
            noise.estimate_sigma_background(image)
    for image in (noisy * (images > 0.5), torch.zeros(40, 40)):
        with pytest.raises(ValueError, match="exactly 0"):
            noise.estimate_sigma_background(image)


def test_background_that_may_be_faint_tissue_is_a_warning(head):
    # inside the brain fluid of about one sigma is darkest: its distribution is that of noise, its borders are not
    inside = rician(head[0][4:5, :, 70:150, 50:130], 0.2)
    with pytest.warns(UserWarning, match="without a gap") as caught:
        assert noise.estimate_sigma_background(inside)[0] > 1.1 * 0.2
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise.estimate_sigma_background(rician(head[0], 0.11))


def test_zero_padding_is_left_out(head):
    noisy = rician(head[0][:1], 0.11)
    padded = torch.nn.functional.pad(noisy, (20, 20, 20, 20))
    assert noise.estimate_sigma_background(padded)[0] == pytest.approx(0.11, rel=0.03)


@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (24, 31), (25, 32), (32, 24), (101, 103)])
def test_mad_is_that_of_pywavelets_coefficients(shape):
    image = np.random.default_rng(0).normal(size=shape)
    # PyWavelets starts two pixels before the image; the coefficients that need no mirrored pixel are the same
    inner = pywt.dwt2(image, "db2")[1][2][1:, 1:][: shape[0] // 2 - 1, : shape[1] // 2 - 1]
    expected = np.median(abs(inner)) / stats.norm.ppf(0.75)
    assert noise.estimate_sigma_mad(image) == pytest.approx(expected, rel=1e-12)


def test_mad_is_near_that_of_scikit_image(head):
    for noisy in rician(head[0], 0.1)[:, 0].numpy():
        # which counts the mirrored border, too
        assert noise.estimate_sigma_mad(noisy) == pytest.approx(estimate_sigma(noisy), rel=0.04)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_mad_of_gaussian_noise_on_a_real_head(head, sigma):
    noisy = noise.gaussian(head[0], sigma, generator=torch.Generator().manual_seed(0))
    ratios = noise.estimate_sigma_mad(noisy) / sigma
    assert abs(ratios.mean() - 1) < 0.05 and (abs(ratios - 1) < 0.08).all()


def test_mad_fails_on_a_rician_background_and_a_mask_mends_it(head):
    images, masks = head
    noisy = rician(images, 0.05)
    assert 0.7 < noise.estimate_sigma_mad(noisy).mean() / 0.05 < 0.9, "the docstring says too low"
    background = images == 0
    assert noise.estimate_sigma_mad(noisy, mask=background).mean() / 0.05 == pytest.approx(0.65, abs=0.02)
    assert noise.estimate_sigma_mad(noisy, mask=masks).mean() / 0.05 == pytest.approx(1, abs=0.05)


def test_mad_with_a_mask_uses_whole_blocks_inside_it():
    image = np.zeros((40, 40))
    image[:20] = np.random.default_rng(0).normal(size=(20, 40))
    image[20:] = 100 * np.random.default_rng(1).normal(size=(20, 40))
    mask = np.zeros((40, 40), dtype=bool)
    mask[:20] = True
    assert 0.8 < noise.estimate_sigma_mad(image, mask=mask) < 1.2
    assert noise.estimate_sigma_mad(image, mask=np.ones_like(mask)) == noise.estimate_sigma_mad(image)
    with pytest.raises(ValueError, match="4×4"):
        noise.estimate_sigma_mad(image, mask=np.eye(40, dtype=bool))
    assert noise.estimate_sigma_mad(np.zeros((8, 8))) == 0


@pytest.mark.parametrize("sigma", SIGMAS)
def test_local_on_a_real_head(head, sigma):
    ratios = noise.estimate_sigma_local(rician(head[0], sigma)) / sigma
    assert abs(ratios.mean() - 1) < 0.03 and (abs(ratios - 1) < 0.08).all()
    # unaware of Rician noise, half of the slices give the spread of the background, 0.655
    assert noise.estimate_sigma_local(rician(head[0], sigma), rician=False).min() / sigma < 0.75


@pytest.mark.parametrize("window", [3, 5, 8])
def test_local_on_a_flat_image_of_gaussian_noise(window):
    estimate = noise.estimate_sigma_local(flat(0.05, level=-20.0), window=window, rician=False)
    assert estimate == pytest.approx(0.05, rel=0.08)
    assert noise.estimate_sigma_local(flat(0.05, level=2.0), window=window) == pytest.approx(0.05, rel=0.08)


def test_local_takes_texture_for_noise():
    texture = noise.gaussian(np.full((64, 64), 1.0), 0.2, generator=np.random.default_rng(5))
    noisy = noise.rician(texture, 0.05, generator=np.random.default_rng(6))
    assert noise.estimate_sigma_local(noisy) > 3 * 0.05, "the docstring says too high"


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_number_an_image_and_numpy_agrees_with_torch(head, name, dtype):
    estimate = ESTIMATORS[name]
    noisy = rician(head[0][:3], 0.1).numpy().astype(dtype)
    batch, tensor = estimate(noisy), estimate(torch.from_numpy(noisy))
    assert (
        batch.shape == (3,)
        and batch.dtype == dtype
        and tensor.shape == (3,)
        and tensor.dtype == torch.float32
        or (dtype == "float64" and tensor.dtype == torch.float64)
    )
    assert np.array_equal(batch, tensor.numpy())
    single, reversed_rows = estimate(noisy[1, 0]), estimate(noisy[1, 0, ::-1])
    assert np.ndim(single) == 0 and single == batch[1] and estimate(torch.from_numpy(noisy[1, 0])).ndim == 0
    assert reversed_rows == pytest.approx(single, rel=0.05)
    assert estimate(noisy * np.asarray(3, dtype)) == pytest.approx(3 * batch, rel=1e-5), "not in units of the image"
    pooled = estimate(noisy[:2].transpose(1, 0, 2, 3))  # two slices as the channels of one image
    assert pooled.shape == (1,) and pooled[0] == pytest.approx(batch[:2].mean(), rel=0.06)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_input_is_refused_in_words(name):
    estimate = ESTIMATORS[name]
    for image, error, says in [
        ([[0.1]], TypeError, "got list"),
        (np.ones((3, 20, 20)), ValueError, "shape"),
        (np.full((20, 20), np.nan), ValueError, "NaN"),
        (np.ones((2, 3)), ValueError, "expected at (least|most)"),
    ]:
        with pytest.raises(error, match=says):
            estimate(image)
    if name != "mad":
        with pytest.raises(ValueError, match="magnitude"):
            estimate(-np.ones((20, 20)))
    if name != "local":
        with pytest.raises(ValueError, match="mask"):
            estimate(np.ones((20, 20)), mask=np.ones((20, 21), dtype=bool))
        with pytest.raises(TypeError, match="mask"):
            estimate(np.ones((20, 20)), mask=np.ones((20, 20)))
    else:
        with pytest.raises(ValueError, match="window"):
            estimate(np.ones((20, 20)), window=2)
    if name == "background":
        with pytest.raises(ValueError, match="coils"):
            estimate(np.ones((20, 20)), coils=0)

"""Rician wrappers: identity in, exact laws out; on a real head they beat the uncorrected filter by decibels."""

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from skimage.restoration import denoise_nl_means

from course_lib import metrics, noise
from course_lib.classical.rician import bias_corrected, stabilised
from course_lib.data.brains import brain_slices

SIGMA = 0.11
WRAPPERS = {
    "squared": lambda f: bias_corrected(f, method="squared"),
    "magnitude": lambda f: bias_corrected(f, method="magnitude"),
    "mean": bias_corrected,
    "stabilised": stabilised,
}


def average(image, sigma):
    """The mean of each image: the perfect denoiser of a flat image."""
    return image * 0 + image.mean()


def gaussian_filter(image, sigma):
    return ndimage.gaussian_filter(image, (0, 0, 1.2, 1.2))


def non_local_means(image, sigma):
    return np.stack([[denoise_nl_means(x[0], 5, 6, 0.6 * sigma, sigma=sigma)] for x in image])


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("snr", [0.0, 1.0, 2.0, 5.0])
def test_a_flat_image_is_found_again(kind, snr):
    image = np.full((401, 403), snr * SIGMA)
    noisy = noise.rician(image, SIGMA, generator=np.random.default_rng(0))
    noisy = noisy if kind == "numpy" else torch.from_numpy(noisy)
    bias = stats.rice(snr).mean() - snr
    assert float(average(noisy, SIGMA).mean()) / SIGMA - snr == pytest.approx(bias, abs=0.01)
    for name in ("mean", "stabilised"):
        found = WRAPPERS[name](average)(noisy, SIGMA)
        assert type(found) is type(noisy) and found.shape == noisy.shape
        # near no signal the square root amplifies what is left of the noise
        assert float(found.mean()) / SIGMA == pytest.approx(snr, abs=0.01 if snr else 0.15)
    squared = float(bias_corrected(average, method="squared")(noisy, SIGMA).mean()) / SIGMA
    assert squared == pytest.approx(np.sqrt(max(stats.rice(snr).mean() ** 2 - 2, 0)), abs=0.02)
    assert squared <= snr
    magnitude = float(bias_corrected(average, method="magnitude")(noisy, SIGMA).mean()) / SIGMA
    assert magnitude == pytest.approx(snr, abs=0.05) if snr >= 2 else magnitude > snr + 0.1


def test_the_denoiser_sees_gaussian_noise_of_the_same_sigma_in_units_of_the_image():
    seen = []

    def spy(image, sigma):
        seen.append((image, sigma))
        return image

    levels = np.array([0.0, 0.1, 0.3, 0.9])[:, None, None, None] + np.zeros((4, 1, 201, 203))
    noisy = noise.rician(levels, SIGMA, generator=np.random.default_rng(0))
    stabilised(spy)(noisy, SIGMA)
    (image, sigma) = seen[0]
    assert sigma == SIGMA and np.allclose(image.std((1, 2, 3)), SIGMA, rtol=0.045)
    assert np.allclose(image.mean((1, 2, 3))[2:], [0.3, 0.9], atol=0.02)
    bias_corrected(spy)(noisy, SIGMA)
    assert seen[1][0] is noisy and seen[1][1] == SIGMA


def test_undershooting_denoisers_become_zero_and_not_bright():
    for wrapper in WRAPPERS.values():
        below = wrapper(lambda image, sigma: image * 0 - 5.0)
        assert np.array_equal(below(np.ones((5, 7)), SIGMA), np.zeros((5, 7)))


@pytest.mark.parametrize("name", WRAPPERS)
def test_types_are_kept(name):
    for image in (np.ones((5, 7), np.float32), torch.ones(2, 1, 5, 7)):
        result = WRAPPERS[name](lambda image, sigma: image)(image, SIGMA)
        assert type(result) is type(image) and result.dtype == image.dtype and result.shape == image.shape


@pytest.mark.parametrize("denoiser", [gaussian_filter, non_local_means])
def test_on_a_real_head_every_correction_helps_and_the_brain_wants_the_one_of_a_mean(denoiser):
    slices = brain_slices("colin27", slices=9)
    clean, masks = slices.images[3:6].numpy(), slices.brain_masks[3:6].numpy()
    noisy = noise.rician(clean, SIGMA, generator=np.random.default_rng(0))

    def psnr(image, mask=None):
        return metrics.psnr(image.clip(0, 1), clean, data_range=1.0, mask=mask).mean()

    plain = denoiser(noisy, SIGMA)
    for name, wrapper in WRAPPERS.items():
        corrected = wrapper(denoiser)(noisy, SIGMA)
        assert psnr(corrected) > psnr(plain) + 3, f"{name}: whole image"
        gain = psnr(corrected, masks) - psnr(plain, masks)
        assert gain < 0 if name == "squared" else gain > 0.4, f"{name}: {gain:+.2f} dB in the brain"


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="'mean', 'magnitude' or 'squared', got 'cube'"):
        bias_corrected(average, method="cube")
    with pytest.raises(ValueError, match="above 0"):
        stabilised(average)(np.ones((3, 3)), 0)
    for wrapper in WRAPPERS.values():
        with pytest.raises(ValueError, match="sigma"):
            wrapper(average)(np.ones((3, 3)), -0.1)

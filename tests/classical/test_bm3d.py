"""BM3D against the paper written as loops, against PyPI's binary, and against the laws that it must keep."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from course_lib import metrics, noise
from course_lib.classical.bm3d import bm3d
from course_lib.data import brains


def haar(size):
    """Rows of the orthonormal Haar transform, from their definition."""
    rows = [np.full(size, size**-0.5)]
    length = size
    while length > 1:
        for start in range(0, size, length):
            row = np.zeros(size)
            row[start : start + length // 2] = 1
            row[start + length // 2 : start + length] = -1
            rows.append(row / np.sqrt(length))
        length //= 2
    return np.array(rows)


def by_loops(image, sigma, *, step, search, group, threshold, wiener):
    """Both stages of Dabov 2007, one reference patch after the other; the borders of the image must fit the steps."""
    reach = search // 2
    rows, columns = (size - 7 for size in image.shape)
    kaiser = np.outer(np.kaiser(8, 2), np.kaiser(8, 2))

    def patch(array, row, column):
        return array[row : row + 8, column : column + 8]

    def stage(guide, shrink):
        total, weights = np.zeros(image.shape), np.zeros(image.shape)
        for row, column in itertools.product(range(0, rows, step), range(0, columns, step)):
            near = [
                (r, c)
                for r in range(max(0, row - reach), min(rows, row + reach + 1))
                for c in range(max(0, column - reach), min(columns, column + reach + 1))
            ]
            reference = patch(guide, row, column)
            near.sort(key=lambda place: ((patch(guide, *place) - reference) ** 2).sum())
            chosen = near[:group]

            def transform(array, chosen=chosen):
                spectra = np.stack([dctn(patch(array, *place), norm="ortho") for place in chosen])
                return np.tensordot(haar(group), spectra, 1)  # (group, 8, 8)

            filtered, weight = shrink(transform(image), transform(guide))
            for place, spectrum in zip(chosen, np.tensordot(haar(group).T, filtered, 1), strict=True):
                patch(total, *place)[:] += weight * kaiser * idctn(spectrum, norm="ortho")
                patch(weights, *place)[:] += weight * kaiser
        return total / weights

    def hard(noisy, _):
        kept = np.where(np.abs(noisy) > threshold * sigma, noisy, 0)
        return kept, 1 / max(1, np.count_nonzero(kept))

    def empirical_wiener(noisy, basic):
        gain = basic**2 / (basic**2 + (wiener * sigma) ** 2)
        return gain * noisy, 1 / (gain**2).sum()

    return stage(stage(image, hard), empirical_wiener)


@pytest.mark.parametrize(
    ("shape", "step", "search", "group"), [((20, 26), 3, 9, 8), ((23, 17), 3, 7, 16), ((19, 22), 1, 5, 4)]
)
def test_is_the_paper_written_as_loops(shape, step, search, group):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = 0.5 + 0.3 * np.sin(rows / 3) * np.cos(columns / 5) + 0.1 * rng.standard_normal(shape)
    settings = dict(step=step, search=search, group=group, threshold=2.7, wiener=1.0)
    expected = by_loops(image, 0.1, **settings)
    assert np.abs(expected - image).max() > 0.1  # it does something
    assert np.allclose(bm3d(image, 0.1, **settings), expected, atol=2e-5)


def colin27(sigma):
    clean = brains.brain_slices("colin27", slices=4).images
    return clean, noise.gaussian(clean, sigma, generator=torch.Generator().manual_seed(0))


def mean_psnr(denoised, clean):
    return metrics.psnr(denoised.clamp(0, 1), clean, data_range=1).mean().item()


# Measured once with PyPI bm3d 4.0.3 on the images of `colin27`, at the multiple of sigma that was best for it (see
# `test_pypi_bm3d_gives_the_numbers_written_here`). Its licence is non-commercial, so `make test` does
# not install it.
PYPI_BM3D = {0.05: (1.1, 36.641), 0.1: (1.1, 33.008), 0.2: (1.1, 29.377)}


@pytest.mark.parametrize("sigma", PYPI_BM3D)
def test_is_as_good_as_pypi_bm3d(sigma):
    clean, noisy = colin27(sigma)
    assert mean_psnr(bm3d(noisy, sigma), clean) > PYPI_BM3D[sigma][1] - 0.1


@pytest.mark.parametrize("sigma", PYPI_BM3D)
def test_pypi_bm3d_gives_the_numbers_written_here(sigma):
    peer = pytest.importorskip("bm3d", reason="PyPI bm3d is not installed (non-commercial licence)")
    clean, noisy = colin27(sigma)
    multiple, measured = PYPI_BM3D[sigma]
    denoised = np.stack([peer.bm3d(image[0].double().numpy(), multiple * sigma)[None] for image in noisy])
    assert mean_psnr(torch.from_numpy(denoised).float(), clean) == pytest.approx(measured, abs=0.02)


def picture(shape=(41, 53), seed=1):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    clean = 0.5 + 0.4 * np.sign(np.sin(rows / 6) * np.cos(columns / 7))
    return (clean + 0.1 * rng.standard_normal(shape)).astype(np.float32)


def equal_but_for_ties(found, expected):
    """Two patches that are equally near but for rounding may change places in a group: far below the noise (0.1)."""
    difference = np.asarray(found - expected)
    return np.sqrt(np.mean(difference**2)) < 1e-3 and np.abs(difference).max() < 0.02


def test_numbers_scale_with_the_image():
    image = picture()
    # by a power of two, so that rounding scales, too
    assert np.allclose(bm3d(256 * image, 25.6), 256 * bm3d(image, 0.1), atol=256e-6)


def test_a_mirrored_or_turned_image_gives_a_mirrored_or_turned_result():
    image = picture((41, 53))  # both sides are 8 + 3 n: the references lie symmetrically
    expected = bm3d(image, 0.1)
    assert equal_but_for_ties(bm3d(np.ascontiguousarray(image[::-1]), 0.1)[::-1], expected)
    assert equal_but_for_ties(bm3d(np.ascontiguousarray(image.T), 0.1).T, expected)


def test_each_image_of_a_batch_is_denoised_on_its_own():
    batch = np.stack([picture(seed=seed) for seed in range(4)]).reshape(2, 2, 41, 53)
    together = bm3d(batch, 0.1)
    assert together.shape == batch.shape
    for n, c in itertools.product(range(2), range(2)):
        assert equal_but_for_ties(together[n, c], bm3d(batch[n, c], 0.1))


def test_many_images_at_once_as_on_a_gpu_give_the_same_as_one_by_one():
    from course_lib.classical import bm3d as module

    batch = torch.stack([torch.from_numpy(picture(seed=seed)) for seed in range(3)])[:, None]
    at_once = module._two_stages(batch, 0.1, 3, 19, 16, 3.0, 1.05)
    assert equal_but_for_ties(at_once.numpy(), bm3d(batch, 0.1).numpy())


def test_wide_images_need_several_strips_and_narrow_ones_one(monkeypatch):
    from course_lib.classical import bm3d as module

    image = picture((22, 130))
    expected = bm3d(image, 0.1)
    for strip in (1, 7, 500):
        monkeypatch.setattr(module, "STRIP", strip)
        assert equal_but_for_ties(bm3d(image, 0.1), expected), strip


def test_the_number_of_threads_is_as_before_also_with_callers_at_once_and_after_an_error(monkeypatch):
    from course_lib.classical import bm3d as module

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        images = [picture(seed=seed) for seed in range(4)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda image: bm3d(image, 0.1), images))
        assert torch.get_num_threads() == 3
        for image, denoised in zip(images, found, strict=True):
            assert np.array_equal(bm3d(image, 0.1), denoised)

        def broken(*args, **kwargs):
            assert torch.get_num_threads() == 1
            raise RuntimeError("broken on purpose")

        monkeypatch.setattr(module, "_match", broken)
        with pytest.raises(RuntimeError, match="on purpose"):
            bm3d(images[0], 0.1)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_autocast_does_not_touch_it():
    image = torch.from_numpy(picture())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = bm3d(image, 0.1)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, bm3d(image, 0.1))


@pytest.mark.parametrize("shape", [(11, 11), (11, 200), (37, 18), (64, 65), (66, 67)])
def test_any_size_comes_back_with_less_noise(shape):
    rng = np.random.default_rng(2)
    noisy = (0.5 + 0.1 * rng.standard_normal(shape)).astype(np.float32)
    denoised = bm3d(noisy, 0.1)
    assert denoised.shape == shape
    assert np.isfinite(denoised).all()
    assert np.abs(denoised - 0.5).mean() < 0.4 * np.abs(noisy - 0.5).mean()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kind_and_dtype_stay_and_the_image_is_left_alone(dtype):
    image = picture().astype(dtype)
    before = image.copy()
    denoised = bm3d(image, 0.1)
    assert isinstance(denoised, np.ndarray)
    assert denoised.dtype == dtype
    assert np.array_equal(image, before)
    tensor = torch.from_numpy(image).requires_grad_()
    from_tensor = bm3d(tensor, 0.1)
    assert from_tensor.dtype == tensor.dtype
    assert not from_tensor.requires_grad
    assert np.allclose(from_tensor.numpy(), denoised, atol=1e-6)


def test_a_constant_image_stays_and_no_noise_changes_nothing():
    flat = np.full((30, 31), 0.7, dtype=np.float32)
    assert np.allclose(bm3d(flat, 0.05), 0.7, atol=1e-3)
    image = picture()
    assert np.array_equal(bm3d(image, 0), image)
    tensor = torch.from_numpy(image)
    assert torch.equal(bm3d(tensor, 0), tensor)
    assert bm3d(tensor, 0) is not tensor


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(image=[[0.0] * 9] * 9), TypeError, "numpy array or a torch tensor"),
        (dict(image=np.zeros((5, 40, 40))), ValueError, "shape"),
        (dict(image=np.zeros((7, 40))), ValueError, "at least 8×8 pixels, got 7×40"),
        (dict(image=np.zeros((9, 9))), ValueError, "at most 4 patches for 9×9 pixels, got 16"),
        (dict(sigma=-0.1), ValueError, "sigma"),
        (dict(step=0), ValueError, "step"),
        (dict(step=9), ValueError, "gaps"),
        (dict(search=38), ValueError, "odd"),
        (dict(search=3), ValueError, "search"),
        (dict(group=12), ValueError, "power of two"),
        (dict(group=1.5), TypeError, "group"),
        (dict(threshold=-1), ValueError, "threshold"),
        (dict(wiener=0), ValueError, "wiener"),
    ],
)
def test_says_what_is_wrong(change, error, message):
    settings = dict(image=picture(), sigma=0.1) | change
    with pytest.raises(error, match=message):
        bm3d(settings.pop("image"), settings.pop("sigma"), **settings)

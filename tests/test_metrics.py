"""Metrics against scikit-image, SciPy-free formulas and pytorch-msssim; laws on odd sizes; gradients; refusals."""

import numpy as np
import pytest
import torch
from skimage import metrics as oracle

from course_lib import metrics

SIZES = [(11, 11), (32, 32), (33, 47), (217, 181)]


def pair(size, seed=0, dtype=np.float32, sigma=0.1):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    target = 0.5 + 0.4 * np.sin(rows / 5) * np.cos(columns / 7)
    return np.clip(target + sigma * rng.standard_normal(size), 0, 1).astype(dtype), target.astype(dtype)


def wang(prediction, target, data_range):
    return oracle.structural_similarity(
        prediction, target, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("data_range", [1.0, 2.5])
def test_agrees_with_scikit_image(size, data_range):
    a, b = pair(size, dtype=np.float64)
    assert metrics.mse(a, b) == pytest.approx(oracle.mean_squared_error(b, a), abs=1e-12)
    assert metrics.psnr(a, b, data_range=data_range) == pytest.approx(
        oracle.peak_signal_noise_ratio(b, a, data_range=data_range), abs=1e-9
    )
    assert metrics.ssim(a, b, data_range=data_range) == pytest.approx(wang(a, b, data_range), abs=1e-6)
    uniform = metrics.ssim(a, b, data_range=data_range, window="uniform")
    assert uniform == pytest.approx(oracle.structural_similarity(a, b, data_range=data_range), abs=1e-6)


@pytest.mark.parametrize("window", ["gaussian", "uniform"])
def test_torch_float32_agrees_with_scikit_image_in_double(window):
    a, b = pair((33, 47))
    value = metrics.ssim(torch.from_numpy(a), torch.from_numpy(b), data_range=1, window=window).item()
    expected = wang if window == "gaussian" else lambda a, b, r: oracle.structural_similarity(a, b, data_range=r)
    assert value == pytest.approx(expected(a.astype(float), b.astype(float), 1), abs=2e-6)


def test_same_value_as_pytorch_msssim():
    peer = pytest.importorskip("pytorch_msssim")
    a, b = (torch.from_numpy(np.stack([pair((40, 51), s)[i] for s in range(3)]))[:, None] for i in (0, 1))
    ours = metrics.ssim(a, b, data_range=1)
    assert torch.allclose(ours, peer.ssim(a, b, data_range=1, size_average=False), atol=2e-6)


@pytest.mark.parametrize("metric", ["mse", "psnr", "ssim", "dssim"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_batch_gives_one_value_for_each_image(metric, kind):
    function, arguments = getattr(metrics, metric), {} if metric == "mse" else {"data_range": 1}
    pairs = [pair((19, 23), seed, np.float64, sigma=0.05 * (seed + 1)) for seed in range(4)]
    single = [float(function(a, b, **arguments)) for a, b in pairs]
    a, b = (np.stack([p[i] for p in pairs])[:, None] for i in (0, 1))
    if kind == "torch":
        a, b = torch.from_numpy(a), torch.from_numpy(b)
    values = function(a, b, **arguments)
    assert type(values) is type(a) and tuple(values.shape) == (4,)
    assert np.allclose(np.asarray(values), single, atol=1e-10)


def test_channels_are_averaged():
    a, b = (np.stack([pair((15, 16), s, np.float64)[i] for s in (0, 1)])[None] for i in (0, 1))  # (1, 2, H, W)
    each = [metrics.ssim(a[0, c], b[0, c], data_range=1) for c in (0, 1)]
    assert metrics.ssim(a, b, data_range=1)[0] == pytest.approx(np.mean(each), abs=1e-12)
    assert metrics.mse(a, b)[0] == pytest.approx(((a - b) ** 2).mean())


def test_laws():
    a, b = pair((30, 21), dtype=np.float64)
    assert metrics.ssim(b, b, data_range=1) == pytest.approx(1)
    assert metrics.dssim(b, b, data_range=1) == pytest.approx(0)
    assert metrics.mse(b, b) == 0 and metrics.psnr(b, b, data_range=1) == np.inf
    assert metrics.ssim(a, b, data_range=1) == pytest.approx(metrics.ssim(b, a, data_range=1))
    # the units cancel: image and data range scaled together
    assert metrics.psnr(255 * a, 255 * b, data_range=255) == pytest.approx(metrics.psnr(a, b, data_range=1))
    assert metrics.ssim(255 * a, 255 * b, data_range=255) == pytest.approx(metrics.ssim(a, b, data_range=1))
    # 20 dB for every factor of ten in the error
    assert metrics.psnr(b + 0.01, b, data_range=1) - metrics.psnr(b + 0.1, b, data_range=1) == pytest.approx(20)
    assert metrics.dssim(a, b, data_range=1) == pytest.approx((1 - metrics.ssim(a, b, data_range=1)) / 2)
    assert isinstance(metrics.ssim(a, b, data_range=1), float)


@pytest.mark.parametrize("window", ["gaussian", "uniform"])
def test_ssim_gradient(window):
    a, b = (torch.from_numpy(x[:12, :13].copy()) for x in pair((30, 21), dtype=np.float64))
    for shape in ((12, 13), (1, 1, 12, 13)):
        x = a.reshape(shape).requires_grad_()
        y = b.reshape(shape)
        assert torch.autograd.gradcheck(lambda x, y=y: metrics.ssim(x, y, data_range=1, window=window), (x,))


@pytest.mark.parametrize("metric", ["psnr", "ssim", "dssim"])
@pytest.mark.parametrize(
    ("a", "b", "data_range", "error", "says"),
    [
        (np.ones((12, 12)), np.ones((12, 13)), 1, ValueError, "same shape"),
        (np.ones((12, 12)), torch.ones(12, 12), 1, TypeError, "two numpy arrays or two torch tensors"),
        (np.ones((3, 12, 12)), np.ones((3, 12, 12)), 1, ValueError, r"\(H, W\) or \(N, C, H, W\)"),
        (np.ones((12, 12), np.uint8), np.ones((12, 12), np.uint8), 255, TypeError, "floating-point"),
        (np.full((12, 12), np.nan), np.ones((12, 12)), 1, ValueError, "NaN"),
        (np.ones((12, 12)), np.ones((12, 12)), 0, ValueError, "data_range"),
        (np.ones((12, 12)), np.ones((12, 12)), "1", TypeError, "data_range"),
        (np.ones((12, 12)), 255 * np.eye(12), 1, ValueError, r"in \[0, 255\] it is 255"),
    ],
)
def test_refusals_in_words(metric, a, b, data_range, error, says):
    with pytest.raises(error, match=says):
        getattr(metrics, metric)(a, b, data_range=data_range)


def test_ssim_refuses_small_images_and_unknown_windows():
    with pytest.raises(ValueError, match="at least 11×11"):
        metrics.ssim(np.ones((10, 20)), np.ones((10, 20)), data_range=1)
    assert metrics.ssim(np.ones((7, 7)), np.ones((7, 7)), data_range=1, window="uniform") == pytest.approx(1)
    with pytest.raises(ValueError, match="'gaussian' or 'uniform'"):
        metrics.ssim(np.ones((20, 20)), np.ones((20, 20)), data_range=1, window="flat")


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_inside_a_mask_only_its_pixels_count(kind):
    a, b = (np.stack([pair((20, 23), s, np.float64)[i] for s in (0, 1)])[:, None] for i in (0, 1))
    mask = np.zeros(a.shape, dtype=bool)
    mask[0, 0, 3:12, 5:9], mask[1, 0, 8, 9] = True, True
    spoiled = np.where(mask, a, 5.0)
    maps = [oracle.structural_similarity(
        x[0], y[0], data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1] for x, y in zip(a, b, strict=True)]  # fmt: skip
    inner = mask[:, 0].copy()
    inner[:, :5], inner[:, -5:], inner[:, :, :5], inner[:, :, -5:] = False, False, False, False
    expected_ssim = [m[i].mean() for m, i in zip(maps, inner, strict=True)]
    expected_mse = [((x - y)[m] ** 2).mean() for x, y, m in zip(a, b, mask, strict=True)]
    if kind == "torch":
        a, b, spoiled, mask = (torch.from_numpy(x) for x in (a, b, spoiled, mask))
    assert np.allclose(metrics.mse(spoiled, b, mask=mask), expected_mse)
    assert np.allclose(metrics.psnr(spoiled, b, data_range=1, mask=mask), -10 * np.log10(expected_mse))
    assert np.allclose(metrics.ssim(a, b, data_range=1, mask=mask), expected_ssim, atol=1e-9)
    assert np.allclose(metrics.dssim(a, b, data_range=1, mask=mask), (1 - np.array(expected_ssim)) / 2, atol=1e-9)
    assert metrics.mse(a[0, 0], b[0, 0], mask=mask[0, 0]) == pytest.approx(expected_mse[0])


def test_inside_a_mask_with_uniform_windows():
    a, b = pair((20, 23), dtype=np.float64)
    mask = np.zeros(a.shape, dtype=bool)
    mask[2:9, 3:8] = True
    full = oracle.structural_similarity(a, b, data_range=1, full=True)[1]
    inner = mask.copy()
    inner[:3], inner[-3:], inner[:, :3], inner[:, -3:] = False, False, False, False
    assert metrics.ssim(a, b, data_range=1, mask=mask, window="uniform") == pytest.approx(full[inner].mean(), abs=1e-9)


@pytest.mark.parametrize(
    ("mask", "error", "says"),
    [
        (np.ones((12, 13), bool), ValueError, "the image's shape"),
        (np.ones((12, 12)), TypeError, "booleans"),
        (torch.ones(12, 12, dtype=torch.bool), TypeError, "booleans"),
        (np.zeros((12, 12), bool), ValueError, "at least one pixel"),
        (np.eye(12, dtype=bool) & (np.arange(12) < 3), ValueError, "one whole window"),
    ],
)
def test_bad_masks_are_refused_in_words(mask, error, says):
    with pytest.raises(error, match=says):
        metrics.ssim(np.ones((12, 12)), np.ones((12, 12)), data_range=1, mask=mask)

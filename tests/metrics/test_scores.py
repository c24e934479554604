"""Metrics against scikit-image, SciPy, formulas and other packages; laws on odd sizes; gradients; refusals."""

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


@pytest.mark.parametrize(
    "metric", ["mse", "psnr", "ssim", "dssim", "snr", "coc", "epi", "residual_whiteness", "ms_ssim"]
)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_batch_gives_one_value_for_each_image(metric, kind):
    arguments = {"data_range": 1} if metric in ("psnr", "ssim", "dssim", "ms_ssim") else {}
    arguments |= {"scales": 1} if metric == "ms_ssim" else {}
    function = getattr(metrics, metric)
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


# --- MS-SSIM ---


def batch(size, dtype=np.float64, count=2):
    return (np.stack([pair(size, s, dtype, sigma=0.05 + 0.1 * s)[i] for s in range(count)])[:, None] for i in (0, 1))


def piqa_ms_ssim(a, b, scales=5):
    piqa = pytest.importorskip("piqa.ssim")
    weights = torch.tensor([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales], dtype=torch.float64)
    kernel = piqa.gaussian_kernel(11, 1.5).double().reshape(1, 1, 11)
    return piqa.ms_ssim(a, b, kernel, weights if scales == 5 else weights / weights.sum())


@pytest.mark.parametrize("size", [(161, 161), (176, 192), (181, 217), (168, 203)])
def test_ms_ssim_agrees_with_piqa_at_all_sizes(size):
    a, b = batch(size)
    expected = piqa_ms_ssim(*map(torch.from_numpy, (a, b))).numpy()
    assert np.allclose(metrics.ms_ssim(a, b, data_range=1), expected, atol=1e-6)
    single = metrics.ms_ssim(torch.from_numpy(a).float(), torch.from_numpy(b).float(), data_range=1)
    assert single.dtype == torch.float32 and np.allclose(single.numpy(), expected, atol=2e-6)
    one = metrics.ms_ssim(a[1, 0], b[1, 0], data_range=1)
    assert isinstance(one, float) and one == pytest.approx(expected[1], abs=1e-6)


@pytest.mark.parametrize(("scales", "size"), [(4, (81, 90)), (3, (41, 47)), (2, (21, 22)), (1, (11, 30))])
def test_fewer_scales_at_their_smallest_sizes(scales, size):
    a, b = batch(size)
    expected = piqa_ms_ssim(*map(torch.from_numpy, (a, b)), scales).numpy()
    assert np.allclose(metrics.ms_ssim(a, b, data_range=1, scales=scales), expected, atol=1e-6)
    with pytest.raises(ValueError, match=f"at least {size[0]} pixels a side for {scales} scales.*got .*; "):
        metrics.ms_ssim(a[..., 1:, :], b[..., 1:, :], data_range=1, scales=scales)


def test_where_pytorch_msssim_agrees_and_where_not():
    peer = pytest.importorskip("pytorch_msssim")
    # sixteen divides the size: nothing is odd, and the definitions coincide
    a, b = map(torch.from_numpy, batch((176, 192)))
    theirs = peer.ms_ssim(a, b, data_range=1, size_average=False)
    assert torch.allclose(metrics.ms_ssim(a, b, data_range=1), theirs, atol=1e-6)
    # odd sizes: it averages the last row with zeros
    a, b = a[..., :-1, :-1], b[..., :-1, :-1]
    theirs = peer.ms_ssim(a, b, data_range=1, size_average=False)
    assert (metrics.ms_ssim(a, b, data_range=1) - theirs).abs().max() > 1e-4


def test_laws_of_ms_ssim():
    a, b = pair((45, 50), dtype=np.float64)
    three = {"data_range": 1, "scales": 3}
    assert metrics.ms_ssim(b, b, **three) == pytest.approx(1)
    assert metrics.ms_ssim(a, b, **three) == pytest.approx(metrics.ms_ssim(b, a, **three))
    assert metrics.ms_ssim(255 * a, 255 * b, data_range=255, scales=3) == pytest.approx(metrics.ms_ssim(a, b, **three))
    assert metrics.ms_ssim(a, b, data_range=1, scales=1) == pytest.approx(metrics.ssim(a, b, data_range=1))
    # noise is fine-grained, so coarse scales hardly see it
    assert metrics.ms_ssim(a, b, **three) > metrics.ssim(a, b, data_range=1) + 0.05
    assert metrics.ms_ssim(1 - a, a, **three) == 0, "contrast the wrong way round"
    # channels are images of their own
    x, y = (np.stack([pair((41, 44), s, np.float64)[i] for s in (0, 1)])[None] for i in (0, 1))  # (1, 2, H, W)
    each = [metrics.ms_ssim(x[0, c], y[0, c], **three) for c in (0, 1)]
    assert metrics.ms_ssim(x, y, **three)[0] == pytest.approx(np.mean(each), abs=1e-12)


def test_ms_ssim_gradient():
    a, b = (torch.from_numpy(x[:22, :21].copy()) for x in pair((30, 30), dtype=np.float64))
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: metrics.ms_ssim(x, b, data_range=1, scales=2), (a,), fast_mode=True)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_ms_ssim_inside_a_mask(kind):
    a, b = pair((48, 52), dtype=np.float64)
    mask = np.zeros(a.shape, bool)
    mask[16:32, 16:36] = True  # falls on whole pixels of all three scales
    # by hand: contrast-structure of two scales, SSIM of the third, at the centres inside
    expected = 1.0
    x, y, inside = a, b, mask
    weights = np.array([0.0448, 0.2856, 0.3001])
    for scale, weight in enumerate(weights / weights.sum()):
        if scale:
            x, y, inside = (z.reshape(z.shape[0] // 2, 2, -1, 2).mean((1, 3)) for z in (x, y, inside))
        from scipy.ndimage import gaussian_filter

        mean = {k: gaussian_filter(v, 1.5, radius=5) for k, v in dict(x=x, y=y, xx=x * x, yy=y * y, xy=x * y).items()}
        covariance = mean["xy"] - mean["x"] * mean["y"]
        variances = mean["xx"] + mean["yy"] - mean["x"] ** 2 - mean["y"] ** 2
        values = (2 * covariance + 0.0009) / (variances + 0.0009)
        if scale == 2:
            values *= (2 * mean["x"] * mean["y"] + 0.0001) / (mean["x"] ** 2 + mean["y"] ** 2 + 0.0001)
        inner = inside[5:-5, 5:-5] > 0.5
        expected *= values[5:-5, 5:-5][inner].mean() ** weight
    if kind == "torch":
        a, b, mask = map(torch.from_numpy, (a, b, mask))
    assert float(metrics.ms_ssim(a, b, data_range=1, scales=3, mask=mask)) == pytest.approx(expected, abs=1e-9)
    everything = mask | True
    whole = float(metrics.ms_ssim(a, b, data_range=1, scales=3))
    assert float(metrics.ms_ssim(a, b, data_range=1, scales=3, mask=everything)) == pytest.approx(whole, abs=1e-12)


def test_ms_ssim_refusals():
    with pytest.raises(
        ValueError, match=r"at least 161 pixels a side for 5 scales.*got \(160, 200\); scales=4 would fit"
    ):
        metrics.ms_ssim(np.ones((160, 200)), np.ones((160, 200)), data_range=1)
    with pytest.raises(ValueError, match="no number of scales fits"):
        metrics.ms_ssim(np.ones((10, 200)), np.ones((10, 200)), data_range=1)
    with pytest.raises(ValueError, match="1 to 5, got 6"):
        metrics.ms_ssim(np.ones((400, 400)), np.ones((400, 400)), data_range=1, scales=6)
    mask = np.zeros((48, 48), bool)
    mask[8:12, 8:12] = True
    with pytest.raises(ValueError, match="none at scale 3 of 3"):
        metrics.ms_ssim(np.ones((48, 48)), np.ones((48, 48)), data_range=1, scales=3, mask=mask)


# --- SNR, correlation, edges, whiteness ---


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("size", [(11, 11), (33, 47)])
def test_snr_coc_and_epi_against_formulas(kind, size):
    from scipy.ndimage import laplace

    a, b = pair(size, dtype=np.float64)
    mask = np.zeros(size, bool)
    mask[2:8, 3:9] = True
    snr = [10 * np.log10((b[m] ** 2).sum() / ((a - b)[m] ** 2).sum()) for m in (mask | True, mask)]
    coc = [np.corrcoef(a[m], b[m])[0, 1] for m in (mask | True, mask)]
    inner = np.zeros(size, bool)
    inner[1:-1, 1:-1] = True
    epi = [np.corrcoef(laplace(a)[m], laplace(b)[m])[0, 1] for m in (inner, mask)]
    if kind == "torch":
        a, b, mask = map(torch.from_numpy, (a, b, mask))
    for function, expected in ((metrics.snr, snr), (metrics.coc, coc), (metrics.epi, epi)):
        assert float(function(a, b)) == pytest.approx(expected[0], abs=1e-9)
        assert float(function(a, b, mask=mask)) == pytest.approx(expected[1], abs=1e-9)
        spoiled = a + 0
        spoiled[0, 0] = 9.0  # outside the mask, and not beside it
        assert float(function(spoiled, b, mask=mask)) == pytest.approx(expected[1], abs=1e-9)


def test_laws_of_snr_coc_and_epi():
    from scipy.ndimage import gaussian_filter

    a, b = pair((30, 31), dtype=np.float64, sigma=0.02)
    assert metrics.snr(b, b) == np.inf and metrics.snr(b + 0, 0 * b + b) == np.inf
    assert metrics.snr(1.1 * b, b) == pytest.approx(20)  # an error of a tenth of the signal
    assert metrics.snr(5 * a, 5 * b) == pytest.approx(metrics.snr(a, b))
    for function in (metrics.coc, metrics.epi):
        assert function(b, b) == pytest.approx(1) and function(1 - b, b) == pytest.approx(-1)
        assert function(3 * a + 2, b) == pytest.approx(function(a, b)), "brightness and contrast are not seen"
        assert function(a, b) == pytest.approx(function(b, a))
    step = np.kron([[0, 1], [1, 0]], np.ones((16, 16)))
    assert metrics.epi(gaussian_filter(step, 2), step) < 0.5 < 0.9 < metrics.coc(gaussian_filter(step, 2), step)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_does_not_vary_has_no_correlation(kind, dtype):
    _, b = pair((20, 21), dtype=dtype)
    flat = np.full_like(b, 0.3)
    slope = np.broadcast_to(np.linspace(0, 1, 21, dtype=dtype), b.shape).copy()  # its Laplacian is rounding errors
    if kind == "torch":
        b, flat, slope = map(torch.from_numpy, (b, flat, slope))
    assert np.isnan(float(metrics.coc(flat, b))) and np.isnan(float(metrics.coc(b, flat)))
    assert np.isnan(float(metrics.epi(flat, b))) and np.isnan(float(metrics.epi(slope, b)))
    assert not np.isnan(float(metrics.coc(slope, b)))
    assert np.isnan(float(metrics.residual_whiteness(b, b))) and np.isnan(float(metrics.residual_whiteness(b, b + 0.1)))


def whiteness(residual, mask=None, radius=2):
    """By hand: every pair of pixels, lag by lag."""
    height, width = residual.shape
    inside = np.ones_like(residual, dtype=bool) if mask is None else mask
    r, squares = residual - residual[inside].mean(), []
    for down in range(radius + 1):
        for right in range(-radius, radius + 1):
            if (down, right) <= (0, 0):
                continue
            products = [
                r[i, j] * r[i + down, j + right]
                for i in range(height - down)
                for j in range(max(0, -right), min(width, width - right))
                if inside[i, j] and inside[i + down, j + right]
            ]
            squares.append(np.sum(products) ** 2 / np.sum(np.square(products)))
    return np.mean(squares) ** -0.5


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_whiteness_against_its_definition(radius):
    noisy, denoised = pair((13, 18), dtype=np.float64)
    mask = np.zeros(noisy.shape, bool)
    mask[2:11, 3:15] = True
    mask[5, 5] = False
    for m in (None, mask):
        ours = metrics.residual_whiteness(noisy, denoised, mask=m, radius=radius)
        assert ours == pytest.approx(whiteness(noisy - denoised, m, radius), rel=1e-9)
        tensors = [None if x is None else torch.from_numpy(x) for x in (noisy, denoised, m)]
        theirs = metrics.residual_whiteness(tensors[0], tensors[1], mask=tensors[2], radius=radius)
        assert theirs.item() == pytest.approx(ours, rel=1e-9)


def test_whiteness_of_white_noise_is_one_and_of_structure_less():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    clean = np.broadcast_to(pair((64, 65), dtype=np.float64)[1], (200, 1, 64, 65))
    strength = np.linspace(0.02, 0.2, 65)  # white, but not equally strong everywhere
    noise = strength * rng.standard_normal(clean.shape)
    values = metrics.residual_whiteness(clean + noise, clean)
    # mean z² is 1 with standard deviation sqrt(2 / 12 / 200) = 0.03: five of them
    assert np.mean(values**-2.0) == pytest.approx(1, abs=0.15)
    assert 0.55 < values.min() and values.max() < 2.6
    noisy = (clean + noise)[0, 0]
    assert metrics.residual_whiteness(noisy, 0.5 * (noisy + clean[0, 0])) == pytest.approx(values[0]), "half the noise"
    assert metrics.residual_whiteness(noisy, gaussian_filter(noisy, 1)) < 0.25, "only high frequencies removed"
    assert metrics.residual_whiteness(noisy, noise[0, 0]) < 0.1, "the anatomy was removed, not the noise"


def test_gradients_of_the_new_metrics():
    a, b = (torch.from_numpy(x[:9, :10].copy()) for x in pair((30, 21), dtype=np.float64))
    a.requires_grad_()
    for function in (metrics.snr, metrics.coc, metrics.epi, metrics.residual_whiteness):
        assert torch.autograd.gradcheck(lambda x, function=function: function(x, b), (a,))


@pytest.mark.parametrize(
    "metric", ["mse", "psnr", "snr", "ssim", "dssim", "ms_ssim", "coc", "epi", "residual_whiteness"]
)
def test_half_precision_computes_in_float32(metric):
    a, b = (torch.from_numpy(x).half() for x in pair((33, 47)))
    arguments = {"data_range": 1} if "ssim" in metric or metric == "psnr" else {}
    arguments |= {"scales": 2} if metric == "ms_ssim" else {}
    function = getattr(metrics, metric)
    expected = function(a.float(), b.float(), **arguments)
    assert function(a, b, **arguments).dtype == torch.float32
    assert function(a, b, **arguments).item() == pytest.approx(expected.item(), rel=1e-6)
    arrays = function(a.numpy(), b.numpy(), **arguments)
    assert arrays == pytest.approx(expected.item(), rel=1e-4) and arrays.dtype in (np.float32, np.float64)
    with torch.autocast("cpu", torch.bfloat16):
        assert function(a.float(), b.float(), **arguments).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("convert", [lambda x: x.astype(np.float16), lambda x: torch.from_numpy(x).half()])
def test_errors_that_half_precision_cannot_square(convert):
    """Its squares end below 6e-8, a PSNR of 72 dB, and above 65504, an error of 256."""
    zero, small = (convert(np.full((4, 4), value, np.float32)) for value in (0, 1e-4))
    assert float(metrics.psnr(small, zero, data_range=1)) == pytest.approx(80, abs=0.01)
    dark, bright = (convert(np.full((4, 4), value, np.float32)) for value in (0, 1000))
    assert float(metrics.mse(dark, bright)) == pytest.approx(1e6, rel=1e-6)
    assert float(metrics.snr(bright, convert(np.full((4, 4), 2000, np.float32)))) == pytest.approx(6.0206, abs=1e-4)


def test_small_images_of_the_new_metrics_are_refused():
    with pytest.raises(ValueError, match="at least 3×3"):
        metrics.epi(np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="more than 2 pixels a side, got 2×9"):
        metrics.residual_whiteness(np.ones((2, 9)), np.ones((2, 9)))
    with pytest.raises(ValueError, match="radius"):
        metrics.residual_whiteness(np.ones((9, 9)), np.ones((9, 9)), radius=0)
    with pytest.raises(ValueError, match="denoised: expected finite"):
        metrics.residual_whiteness(np.ones((9, 9)), np.full((9, 9), np.nan))
    mask = np.zeros((9, 9), bool)
    mask[0, 0] = True
    with pytest.raises(ValueError, match="at least one pixel"):
        metrics.epi(np.eye(9), np.eye(9), mask=mask)

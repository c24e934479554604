"""What is reported: MSE, PSNR, SSIM and DSSIM, one value per image.

An image is (H, W) and gives a number; a batch is (N, C, H, W) and gives N numbers, so that error bars and paired tests
stay possible: average them with `.mean()`. numpy in, numpy out; torch in, torch out (same device, differentiable).
`data_range` is always explicit: PSNR and SSIM mean nothing without it. Nothing is clipped here. With `mask`, only the
pixels inside it count (those inside the brain, say: an empty background flatters every whole-image score).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from course_lib._checks import Array, check_data_range, check_mask, check_pair


def mse(prediction: Array, target: Array, *, mask: Array | None = None) -> Array:
    """Mean squared error, in squared units of the image.

    prediction, target: (H, W) -> a number, (N, C, H, W) -> (N,). mask: boolean, of the same shape.
    Raises TypeError/ValueError on bad input.
    Source: lecture on denoising and reconstruction, evaluation metrics; lab 02.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    return _mean((prediction - target) ** 2, mask)


def psnr(prediction: Array, target: Array, *, data_range: float, mask: Array | None = None) -> Array:
    """Peak signal-to-noise ratio in dB: `10 log10(data_range² / MSE)`; infinite where the two are equal.

    prediction, target: (H, W) -> a number, (N, C, H, W) -> (N,), each image with its own MSE. mask: as for `mse`.
    Raises TypeError/ValueError on bad input. Source: lecture, evaluation metrics; lab 02.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    data_range = check_data_range(data_range, target)
    error = _mean((prediction - target) ** 2, mask)
    if isinstance(error, torch.Tensor):
        return 10 * torch.log10(data_range**2 / error)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / error)


def ssim(
    prediction: Array,
    target: Array,
    *,
    data_range: float,
    mask: Array | None = None,
    window: str = "gaussian",
    k1: float = 0.01,
    k2: float = 0.03,
) -> Array:
    """Structural similarity: the mean of the local SSIM map, 1 for equal images.

    prediction, target: (H, W) -> a number, (N, C, H, W) -> (N,); at least 11 pixels a side (7 for "uniform").
    window: "gaussian" as Wang et al. 2004 (11×11, sigma 1.5, population covariance), or "uniform" (7×7, sample
    covariance), the default of scikit-image, in which some published tables are computed. Only windows that lie whole
    inside the image count. mask: as for `mse`; it chooses the windows by their centre.
    Raises TypeError/ValueError on bad input.
    Source: Wang et al. 2004, equation 13; lecture, evaluation metrics; lab 02.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    data_range = check_data_range(data_range, target)
    if window not in ("gaussian", "uniform"):
        raise ValueError(f"window: expected 'gaussian' or 'uniform', got {window!r}")
    size = 11 if window == "gaussian" else 7
    if min(prediction.shape[-2:]) < size:
        raise ValueError(
            f"prediction and target: expected at least {size}×{size} pixels for a {window} window,"
            f" got {tuple(prediction.shape[-2:])}"
        )
    if mask is not None:
        half = size // 2
        mask = mask[..., half:-half, half:-half]  # (…, H, W) -> (…, H', W'), the centres of whole windows
        check_mask(mask, mask)
    if isinstance(prediction, torch.Tensor):
        return _mean(_ssim_map(prediction, target, data_range, window, k1, k2), mask)
    # double precision: local variances are small differences of large squares
    pair = (torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64)) for x in (prediction, target))
    return _mean(_ssim_map(*pair, data_range, window, k1, k2).numpy(), mask)


def dssim(
    prediction: Array, target: Array, *, data_range: float, mask: Array | None = None, window: str = "gaussian"
) -> Array:
    """Structural dissimilarity: `(1 - SSIM) / 2`, from 0 (equal) to 1. Arguments and shapes as for `ssim`.

    Source: healthy-brain thesis, loss functions; lab 05.
    """
    return (1 - ssim(prediction, target, data_range=data_range, mask=mask, window=window)) / 2


def _mean(values: Array, mask: Array | None) -> Array:
    """Mean of each image, over the mask if there is one: (H, W) -> (), (N, C, H, W) -> (N,)."""
    axes = (0, 1) if values.ndim == 2 else (1, 2, 3)
    if mask is None:
        return values.mean(axes)
    return (values * mask).sum(axes) / mask.sum(axes)


def _ssim_map(x: torch.Tensor, y: torch.Tensor, data_range: float, window: str, k1: float, k2: float) -> torch.Tensor:
    """Local SSIM of every window that fits: (…, H, W) -> (…, H', W')."""
    height, width = x.shape[-2:]
    # Four local means are enough: SSIM needs the variances only as their sum.
    maps = torch.stack([x, y, x * x + y * y, x * y])  # (4, N?, C?, H, W)
    means = _local_mean(maps.reshape(1, -1, height, width), window)  # (1, 4·N·C, H', W')
    # each (…, H', W')
    mean_x, mean_y, mean_squares, mean_product = means.reshape(4, *x.shape[:-2], *means.shape[-2:])
    # N / (N - 1) turns the population covariance into the sample covariance
    scale = 1.0 if window == "gaussian" else 49 / 48
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance = scale * (mean_product - product)
    variances = scale * (mean_squares - squares)
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    return ((2 * product + c1) * (2 * covariance + c2)) / ((squares + c1) * (variances + c2))


def _local_mean(maps: torch.Tensor, window: str) -> torch.Tensor:
    """Weighted mean in every window that fits: (1, M, H, W) -> (1, M, H - size + 1, W - size + 1).

    The maps stand in the channel axis of one grouped convolution: on a CPU that is far faster than as a batch.
    """
    weights = _window(window).to(maps)
    count = maps.shape[1]
    columns = weights.reshape(1, 1, -1, 1).expand(count, 1, -1, 1)
    rows = weights.reshape(1, 1, 1, -1).expand(count, 1, 1, -1)
    return F.conv2d(F.conv2d(maps, columns, groups=count), rows, groups=count)


@cache
def _window(window: str) -> torch.Tensor:
    if window == "uniform":
        return torch.full((7,), 1 / 7, dtype=torch.float64)
    offsets = torch.arange(-5, 6, dtype=torch.float64)
    weights = torch.exp(-(offsets**2) / (2 * 1.5**2))
    return weights / weights.sum()

"""The local statistics behind SSIM and MS-SSIM, in torch: what `metrics` reports and `losses` minimises."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache

import torch
import torch.nn.functional as F

from course_lib._checks import check_count

# Wang et al. 2003: how much each scale counts, the full resolution first
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def precise(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both in one type, at least float32: half precision has too few digits for differences of squares."""
    dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    return x.to(dtype), y.to(dtype)


def ssim_map(x: torch.Tensor, y: torch.Tensor, data_range: float, window: str, k1: float, k2: float) -> torch.Tensor:
    """Local SSIM of every window that fits: (…, H, W) -> (…, H', W')."""
    a, b, c, d = _factors(x, y, data_range, window, k1, k2)
    return (a * c) / (b * d)


def check_scales(scales: int) -> int:
    """Refuse what is no number of scales; returns an int."""
    scales = check_count(scales, "scales")
    if scales > len(SCALE_WEIGHTS):
        raise ValueError(f"scales: expected 1 to {len(SCALE_WEIGHTS)}, got {scales}")
    return scales


def check_sides(shape: tuple[int, ...], scales: int) -> None:
    """Refuse images in whose coarsest scale no whole window fits."""
    smallest = min(shape[-2:])
    if smallest >= smallest_side(scales):
        return
    fit = [n for n in range(1, scales) if smallest >= smallest_side(n)]
    remedy = f"scales={fit[-1]} would fit" if fit else "no number of scales fits"
    raise ValueError(
        f"prediction and target: expected at least {smallest_side(scales)} pixels a side for {scales} scales"
        f" (each halves the image, and the coarsest must hold an 11×11 window), got {tuple(shape[-2:])}; {remedy}"
    )


def smallest_side(scales: int) -> int:
    """Pixels a side that so many scales need: halved and rounded up each time, 11 must be left."""
    return 10 * 2 ** (scales - 1) + 1


def scale_terms(
    x: torch.Tensor,
    y: torch.Tensor,
    data_range: float,
    scales: int,
    k1: float = 0.01,
    k2: float = 0.03,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean contrast-structure of each scale, at the coarsest mean SSIM.

    Args:
        x, y: (…, H, W).
        data_range, k1, k2: as for `metrics.ssim`.
        scales: how many.
        mask: weights of the pixels; in a coarser scale a pixel counts by the share of it that is inside.

    Returns:
        (scales, …).

    Raises:
        ValueError: a scale without a whole window in the mask.
    """
    terms = []
    for scale in range(scales):
        if scale:
            x, y, mask = halved(x), halved(y), None if mask is None else halved(mask)
        a, b, c, d = _factors(x, y, data_range, "gaussian", k1, k2)
        values = (a * c) / (b * d) if scale == scales - 1 else c / d
        if mask is None:
            terms.append(values.mean((-2, -1)))
            continue
        centres = mask[..., 5:-5, 5:-5]
        share = centres.sum((-2, -1))
        if not bool((share > 0).all()):
            raise ValueError(
                f"mask: expected one whole window in it at every scale, got none at scale {scale + 1} of {scales};"
                " coarse windows have their centres far from the border of the image"
            )
        terms.append((values * centres).sum((-2, -1)) / share)
    return torch.stack(terms)


def scale_weights(scales: int, like: torch.Tensor) -> torch.Tensor:
    """Weights of the first scales, shaped to multiply terms (scales, …); of fewer than five, divided by their sum."""
    weights = torch.tensor(SCALE_WEIGHTS[:scales], dtype=torch.float64)
    if scales < len(SCALE_WEIGHTS):  # all five are used as they were published, with sum 1.0001
        weights = weights / weights.sum()
    return weights.to(like).reshape(-1, *[1] * (like.ndim - 1))


def halved(maps: torch.Tensor) -> torch.Tensor:
    """Means of 2×2 pixels; the last of an odd number of rows stays as it is.

    So does the program of Wang et al., which mirrors the image at its border and keeps every second pixel.

    Args:
        maps: (…, H, W).

    Returns:
        (…, ⌈H/2⌉, ⌈W/2⌉).
    """
    flat = maps.reshape(1, -1, *maps.shape[-2:])
    small = F.avg_pool2d(flat, 2, ceil_mode=True)
    return small.reshape(*maps.shape[:-2], *small.shape[-2:])


def local_mean(maps: torch.Tensor, window: str, padding: int = 0) -> torch.Tensor:
    """Weighted mean in every window that fits.

    The maps stand in the channel axis of one grouped convolution: on a CPU that is far faster than as a batch.

    Args:
        maps: (1, M, H, W).
        window: "gaussian" or "uniform", as for `metrics.ssim`.
        padding: so many zeros are put around the maps first.

    Returns:
        (1, M, H - size + 1, W - size + 1).
    """
    weights = _window(window, maps.dtype, maps.device)
    count, kind = maps.shape[1], maps.device.type
    columns = weights.reshape(1, 1, -1, 1).expand(count, 1, -1, 1)
    rows = weights.reshape(1, 1, 1, -1).expand(count, 1, 1, -1)
    # autocast would compute these convolutions in half precision
    full = torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
    with full:
        maps = F.conv2d(maps, columns, groups=count, padding=(padding, 0))
        return F.conv2d(maps, rows, groups=count, padding=(0, padding))


def _factors(
    x: torch.Tensor, y: torch.Tensor, data_range: float, window: str, k1: float, k2: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """a, b, c, d of every window that fits, each (…, H', W'): luminance is a / b, contrast-structure c / d."""
    height, width = x.shape[-2:]
    # Four local means are enough: SSIM needs the variances only as their sum.
    maps = torch.stack([x, y, x * x + y * y, x * y])  # (4, N?, C?, H, W)
    means = local_mean(maps.reshape(1, -1, height, width), window)  # (1, 4·N·C, H', W')
    # each (…, H', W')
    mean_x, mean_y, mean_squares, mean_product = means.reshape(4, *x.shape[:-2], *means.shape[-2:])
    # N / (N - 1) turns the population covariance into the sample covariance
    scale = 1.0 if window == "gaussian" else 49 / 48
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance = scale * (mean_product - product)
    variances = scale * (mean_squares - squares)
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    return 2 * product + c1, squares + c1, 2 * covariance + c2, variances + c2


@cache
def _window(window: str, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    # a tensor made in inference mode could never be used in a training afterwards, and this one is kept
    with torch.inference_mode(False):
        if window == "uniform":
            return torch.full((7,), 1 / 7, dtype=torch.float64).to(device, dtype)
        offsets = torch.arange(-5, 6, dtype=torch.float64)
        weights = torch.exp(-(offsets**2) / (2 * 1.5**2))
        return (weights / weights.sum()).to(device, dtype)

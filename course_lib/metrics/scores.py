"""Scores of an image: a number for an image (H, W), N numbers for a batch (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from course_lib._checks import Array, as_tensor, check_count, check_data_range, check_image, check_mask, check_pair
from course_lib.metrics.structure import check_scales, check_sides, precise, scale_terms, scale_weights
from course_lib.metrics.structure import ssim_map as _ssim_map


def mse(prediction: Array, target: Array, *, mask: Array | None = None) -> Array:
    """Mean squared error, in squared units of the image.

    Args:
        prediction, target: (H, W) or (N, C, H, W).
        mask: boolean, of the same shape; only the pixels inside it count.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: lecture on denoising and reconstruction, evaluation metrics.
    Lab: 02.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    return _mean(_squared(prediction, target), mask)


def psnr(prediction: Array, target: Array, *, data_range: float, mask: Array | None = None) -> Array:
    """Peak signal-to-noise ratio in dB: `10 log10(data_range² / MSE)`; infinite where the two are equal.

    Args:
        prediction, target: (H, W) or (N, C, H, W).
        data_range: in units of the image, 1 for images in [0, 1].
        mask: as for `mse`.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W), each image with its own MSE.

    Raises:
        TypeError, ValueError: bad input.

    Source: lecture, evaluation metrics.
    Lab: 02.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    data_range = check_data_range(data_range, target)
    error = _mean(_squared(prediction, target), mask)
    if isinstance(error, torch.Tensor):
        return 10 * torch.log10(data_range**2 / error)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / error)


def snr(prediction: Array, target: Array, *, mask: Array | None = None) -> Array:
    """Signal-to-noise ratio in dB: `10 log10(sum target² / sum (prediction - target)²)`; infinite for equal images.

    Unlike PSNR it needs no data range, but it changes with the brightness of the target: compare it on one image only.

    Args:
        prediction, target: (H, W) or (N, C, H, W).
        mask: as for `mse`.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: lecture, evaluation metrics.
    Lab: 05.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    signal, error = _mean(_at_least_single(target) ** 2, mask), _mean(_squared(prediction, target), mask)
    if isinstance(error, torch.Tensor):
        return 10 * torch.log10(signal / error)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10 * np.log10(signal / error)


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

    Only windows that lie whole inside the image count.

    Args:
        prediction, target: (H, W) or (N, C, H, W); at least 11 pixels a side (7 for "uniform").
        data_range: in units of the image, 1 for images in [0, 1].
        mask: as for `mse`; it chooses the windows by their centre.
        window: "gaussian" as Wang et al. 2004 (11×11, sigma 1.5, population covariance), or "uniform" (7×7, sample
            covariance), the default of scikit-image, in which some published tables are computed.
        k1, k2: the constants of SSIM are (k1·data_range)² and (k2·data_range)².

    Returns:
        A number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Wang et al. 2004, equation 13; lecture, evaluation metrics.
    Lab: 05; used from lab 02 on.
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
    x, y = _in_torch(prediction, target)
    values = _ssim_map(x, y, data_range, window, k1, k2)
    if isinstance(prediction, torch.Tensor):
        return _as_given(_mean(values, mask), prediction)
    return _mean(values.numpy(), mask)


def dssim(
    prediction: Array, target: Array, *, data_range: float, mask: Array | None = None, window: str = "gaussian"
) -> Array:
    """Structural dissimilarity: `(1 - SSIM) / 2`, from 0 (equal) to 1.

    Args:
        prediction, target, data_range, mask, window: as for `ssim`, shapes too.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: healthy-brain thesis, loss functions.
    Lab: 06.
    """
    return (1 - ssim(prediction, target, data_range=data_range, mask=mask, window=window)) / 2


def ms_ssim(
    prediction: Array,
    target: Array,
    *,
    data_range: float,
    mask: Array | None = None,
    scales: int = 5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Array:
    """Multi-scale SSIM: contrast and structure on a pyramid of scales, luminance at the coarsest; 1 for equal images.

    The image is halved from scale to scale (means of 2×2 pixels). The mean of each scale is raised to its weight
    (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), and the results are multiplied. A scale whose mean is negative, where
    prediction and target vary against each other, counts as 0, and so makes the whole 0, with gradient 0
    (`losses.MSSSIMLoss` keeps a gradient there).

    The coarse windows stand in the middle of the image: 2×4 of them in 181×217 pixels. An odd last row or column is
    kept as it is, as in the program of Wang et al. and in piqa; pytorch-msssim averages it with zeros, torchmetrics and
    MONAI drop it.

    Args:
        prediction, target: (H, W) or (N, C, H, W); at least 161 pixels a side, so that the coarsest scale holds one
            11×11 window.
        data_range: in units of the image, 1 for images in [0, 1].
        mask: chooses windows by their centre, in coarser scales by the share of the centre inside.
        scales: 1 to 5; fewer scales need 81, 41, 21, 11 pixels, and the first weights, divided by their sum, apply.
        k1, k2: as for `ssim`.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W), the mean of the channels' values.

    Raises:
        TypeError, ValueError: bad input.

    Source: Wang, Simoncelli and Bovik 2003, equation 7, windows as in `ssim`.
    Lab: 05.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    data_range = check_data_range(data_range, target)
    scales = check_scales(scales)
    check_sides(prediction.shape, scales)
    x, y = _in_torch(prediction, target)
    weights = None if mask is None else as_tensor(mask).to(x)
    terms = scale_terms(x, y, data_range, scales, k1, k2, weights)
    positive = terms > 0
    # the power of 0 has an infinite slope: it must not reach the gradient, where it would become NaN
    powers = torch.where(positive, terms, 1) ** scale_weights(scales, terms)
    values = powers.prod(0) * positive.all(0)  # () or (N, C)
    values = values.mean(-1) if values.ndim else values
    return _as_given(values, prediction)


def coc(prediction: Array, target: Array, *, mask: Array | None = None) -> Array:
    """Coefficient of correlation of the pixels (Pearson's r), from -1 to 1. NaN where one of the two is constant.

    It does not see a wrong brightness or contrast: 2·target + 1 scores 1, -target scores -1.

    Args:
        prediction, target: (H, W) or (N, C, H, W).
        mask: as for `mse`.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: lecture, evaluation metrics.
    Lab: 05.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    return _correlation(prediction, target, lambda image: image, mask)


def epi(prediction: Array, target: Array, *, mask: Array | None = None) -> Array:
    """Edge preservation index: the correlation of the two Laplacians, 1 where all edges are kept. NaN where one is 0.

    The Laplacian is that of 3×3 pixels with four neighbours; only neighbourhoods inside the image count. Noise left
    over lowers it as blurred edges do.

    Args:
        prediction, target: (H, W) or (N, C, H, W); at least 3 pixels a side.
        mask: chooses the neighbourhoods by their centre.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Sattar et al. 1997; lecture, evaluation metrics.
    Lab: 05.
    """
    check_pair(prediction, target)
    check_mask(mask, target)
    if min(prediction.shape[-2:]) < 3:
        raise ValueError(f"prediction and target: expected at least 3×3 pixels, got {tuple(prediction.shape[-2:])}")
    if mask is not None:
        mask = mask[..., 1:-1, 1:-1]
        check_mask(mask, mask)
    return _correlation(prediction, target, _laplacian, mask)


def residual_whiteness(noisy: Array, denoised: Array, *, mask: Array | None = None, radius: int = 2) -> Array:
    """How white the removed noise is: 1 if its pixels are uncorrelated, 0.1 if they correlate 10 times as chance would.

    With the residual r = noisy - denoised, minus its mean, each lag up to `radius` pixels has the statistic z = sum(r_p
    r_q) / sqrt(sum(r_p² r_q²)) over all pairs p, q so far apart. For white noise z has mean 0 and standard deviation 1,
    also where the noise is stronger in some places than in others. The result, 1 / sqrt(mean z²), has no unit; for
    white noise and the 12 lags of radius 2 chance keeps it from 0.7 to 1.7. The same correlation stands out more the
    more pixels there are: compare methods on one image. Anatomy among the removed lowers it, and so does a filter that
    takes only some frequencies of the noise away. A 1 alone is no praise: half the noise is white, too.

    Args:
        noisy, denoised: (H, W) or (N, C, H, W), more than `radius` pixels a side.
        mask: as for `mse`; only pairs inside count.
        radius: the largest lag, in pixels.

    Returns:
        A number for (H, W), (N,) for (N, C, H, W). NaN where nothing, or a constant, was removed.

    Raises:
        TypeError, ValueError: bad input.

    Source: the residual as "method noise": Buades et al. 2005; z: Lobato et al. 2001, for images.
    Lab: 05.
    """
    check_image(noisy, "noisy", shapes=True)
    check_image(denoised, "denoised", shapes=True)
    check_pair(noisy, denoised)
    check_mask(mask, noisy)
    radius = check_count(radius, "radius")
    height, width = noisy.shape[-2:]
    if min(height, width) <= radius:
        raise ValueError(f"noisy and denoised: expected more than {radius} pixels a side, got {height}×{width}")
    first, second = _in_torch(noisy, denoised)
    inside = None if mask is None else as_tensor(mask)
    residual, flat = _centred(first - second, noisy, inside)
    if inside is not None:
        residual = residual * inside
    squares, axes = [], (0, 1) if residual.ndim == 2 else (1, 2, 3)
    for down in range(radius + 1):
        for right in range(-radius if down else 1, radius + 1):
            # p is the part of the image that has a partner, q its partners
            p = residual[..., : height - down, max(0, -right) : width - max(0, right)]
            q = residual[..., down:, max(0, right) : width - max(0, -right)]
            product = p * q
            squares.append(product.sum(axes) ** 2 / (product**2).sum(axes))  # z²
    values = torch.where(flat, torch.nan, torch.stack(squares).mean(0) ** -0.5)
    return _as_given(values, noisy)


def _squared(prediction: Array, target: Array) -> Array:
    return (_at_least_single(prediction) - _at_least_single(target)) ** 2


def _at_least_single(image: Array) -> Array:
    """Half precision has no squares below 6e-8, where a PSNR of 72 dB becomes infinite, and none above 65504."""
    if isinstance(image, torch.Tensor):
        return image.float() if image.element_size() < 4 else image
    return image.astype(np.float32) if image.dtype.itemsize < 4 else image


def _mean(values: Array, mask: Array | None) -> Array:
    """Mean of each image, over the mask if there is one: (H, W) -> (), (N, C, H, W) -> (N,)."""
    axes = (0, 1) if values.ndim == 2 else (1, 2, 3)
    if mask is None:
        return values.mean(axes)
    return (values * mask).sum(axes) / mask.sum(axes)


def _in_torch(prediction: Array, target: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """As tensors, arrays in double precision: local variances are small differences of large squares."""
    if isinstance(prediction, torch.Tensor):
        return precise(prediction, target)
    x, y = (torch.from_numpy(np.ascontiguousarray(image, dtype=np.float64)) for image in (prediction, target))
    return x, y


def _as_given(values: torch.Tensor, image: Array) -> Array:
    """Values computed in torch, in the image's kind; a score has at least single precision."""
    if isinstance(image, torch.Tensor):
        return values.to(torch.promote_types(image.dtype, torch.float32))
    return values.numpy()[()]


def _laplacian(image: Array) -> Array:
    """(…, H, W) -> (…, H - 2, W - 2)."""
    vertical = image[..., :-2, 1:-1] + image[..., 2:, 1:-1]
    horizontal = image[..., 1:-1, :-2] + image[..., 1:-1, 2:]
    return vertical + horizontal - 4 * image[..., 1:-1, 1:-1]


def _correlation(
    prediction: Array, target: Array, feature: Callable[[torch.Tensor], torch.Tensor], mask: Array | None
) -> Array:
    """Pearson's r of a feature of the two images, over the mask; NaN where a feature does not vary."""
    x, y = _in_torch(prediction, target)
    inside = None if mask is None else as_tensor(mask)
    a, flat_a = _centred(feature(x), prediction, inside)
    b, flat_b = _centred(feature(y), target, inside)
    r = _mean(a * b, inside) / (_mean(a * a, inside) * _mean(b * b, inside)) ** 0.5
    return _as_given(torch.where(flat_a | flat_b, torch.nan, r), prediction)


def _centred(values: torch.Tensor, image: Array, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Values computed from an image minus their mean over the mask, and whether they vary by rounding errors only."""
    mean = _mean(values, mask)
    values = values - (mean if values.ndim == 2 else mean.reshape(-1, 1, 1, 1))
    eps = torch.finfo(image.dtype).eps if isinstance(image, torch.Tensor) else np.finfo(image.dtype).eps
    size = as_tensor(image).to(values)
    return values, _mean(values**2, mask) <= (16 * float(eps)) ** 2 * _mean(size**2, None)

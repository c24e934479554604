"""Seven classical denoisers of one form, `f(image, sigma, **options) -> image`: the yardsticks of lab 04.

image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; each channel of each image is filtered by itself. numpy
in, numpy out; torch in, torch out, of the same dtype and on the same device. sigma: the noise's standard deviation in
units of the data range. With sigma 0 the defaults give the image back, up to rounding. Nothing is clipped.
All raise TypeError/ValueError on bad input.

The defaults follow from sigma by a simple formula. They were tuned for PSNR at sigma 0.05, 0.1 and 0.2 on slices of
synthetic heads, never on the test head; `evaluation.tune` does the same for your images. Options called `strength`
are in units of sigma, so that one value serves every noise level. SciPy, scikit-image and PyWavelets do the work on
the CPU, and no gradient passes through it; the bilateral filter is our own, runs on the image's device, and is
differentiable. Those packages are imported when they are used.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, as_tensor, check_count, check_image, check_number

__all__ = [
    "bilateral", "gaussian", "median", "non_local_means", "shift_invariant_wavelet", "total_variation", "wavelet",
]  # fmt: skip


def gaussian(image: Array, sigma: float, *, width: float | None = None) -> Array:
    """Average the neighbours with Gaussian weights: the simplest filter, it blurs edges and noise alike.

    Args:
        image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; numpy or torch.
        sigma: standard deviation of the noise, in units of the data range.
        width: standard deviation of the weights in pixels; default 3.3 √sigma. Mirrored borders.

    Returns:
        The same kind, shape and dtype, not clipped; see the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: scipy.ndimage.gaussian_filter; attention U-Net deck, Table 1.
    Lab: 04.
    """
    sigma = _check(image, sigma)
    width = 3.3 * math.sqrt(sigma) if width is None else check_number(width, "width", low=0)
    from scipy import ndimage

    return _each(image, lambda pixels: ndimage.gaussian_filter(pixels, width))


def median(image: Array, sigma: float, *, size: int | None = None) -> Array:
    """Take the middle one of the size × size nearest values: made for outliers such as salt and pepper.

    Args:
        image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; numpy or torch.
        sigma: standard deviation of the noise, in units of the data range.
        size: odd, in pixels; default 3, and 5 from sigma 0.075 on. Mirrored borders.

    Returns:
        The same kind, shape and dtype, not clipped; see the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: scipy.ndimage.median_filter; Tukey 1977.
    Lab: 04.
    """
    sigma = _check(image, sigma)
    size = (3 if sigma < 0.075 else 5) if size is None and sigma > 0 else size
    size = _check_odd(1 if size is None else size, "size")
    from scipy import ndimage

    return _each(image, lambda pixels: ndimage.median_filter(pixels, size))


def bilateral(
    image: Array, sigma: float, *, strength: float = 5.0, sigma_spatial: float | None = None, size: int | None = None
) -> Array:
    """Average the neighbours that look alike: weights fall with the distance *and* with the difference in grey.

    w = exp(-d² / (2 sigma_spatial²) - (x - y)² / (2 sigma_color²)); sigma_color = strength · sigma. As strength grows,
    the second factor tends to 1, and the filter to a Gaussian one (the law that its tests check: the one in
    scikit-image 0.26.0 breaks it for every odd window).

    Runs on the image's device and is differentiable. Mirrored borders.

    Args:
        image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; numpy or torch.
        sigma: standard deviation of the noise, in units of the data range.
        strength: sigma_color in units of sigma.
        sigma_spatial: in pixels, above 0; default 1 + 2 sigma.
        size: side of the square window, odd; default covers 3 sigma_spatial on each side.

    Returns:
        The same kind, shape and dtype, not clipped; see the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Tomasi and Manduchi 1998, section 2.
    Lab: 04.
    """
    sigma = _check(image, sigma)
    sigma_color = check_number(strength, "strength", low=0) * sigma
    if sigma_spatial is None:
        sigma_spatial = 1 + 2 * sigma
    sigma_spatial = check_number(sigma_spatial, "sigma_spatial", low=0, above=True)
    radius = math.ceil(3 * sigma_spatial) if size is None else _check_odd(size, "size") // 2
    if sigma_color == 0:
        return _copy(image)
    pixels = as_tensor(image)
    # half precision has too few digits for the sums of a hundred weights
    pixels = pixels.to(torch.promote_types(pixels.dtype, torch.float32))
    height, width = pixels.shape[-2:]
    # numpy mirrors an index as often as the window needs, also where it is larger than the image
    rows, columns = (
        torch.as_tensor(np.pad(np.arange(n), radius, mode="symmetric"), device=pixels.device) for n in (height, width)
    )
    padded = pixels[..., rows, :][..., columns]  # (…, H, W) -> (…, H + 2 radius, W + 2 radius)
    total, weights = torch.zeros_like(pixels), torch.zeros_like(pixels)
    for row in range(2 * radius + 1):
        for column in range(2 * radius + 1):
            neighbour = padded[..., row : row + height, column : column + width]
            distance = ((row - radius) ** 2 + (column - radius) ** 2) / (2 * sigma_spatial**2)
            weight = torch.exp(-((neighbour - pixels) ** 2) / (2 * sigma_color**2) - distance)
            total += weight * neighbour
            weights += weight
    filtered = total / weights  # the pixel itself has weight 1: never 0 / 0
    return filtered.to(image.dtype) if isinstance(image, torch.Tensor) else filtered.numpy().astype(image.dtype)


def total_variation(
    image: Array, sigma: float, *, strength: float = 0.85, tolerance: float = 2e-5, iterations: int = 200
) -> Array:
    """Find the image near the noisy one whose gradients add up to the least: flat regions, sharp edges.

    Minimises ||u - image||² / 2 + strength · sigma · TV(u) by Chambolle's projection.

    Args:
        image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; numpy or torch.
        sigma: standard deviation of the noise, in units of the data range.
        strength: of the penalty, in units of sigma.
        tolerance: it stops when a step changes the energy by less than this times its first value.
        iterations: at most so many.

    Returns:
        The same kind, shape and dtype, not clipped; see the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Rudin, Osher and Fatemi 1992; Chambolle 2004; skimage.restoration.denoise_tv_chambolle.
    Lab: 04.
    """
    sigma = _check(image, sigma)
    weight = check_number(strength, "strength", low=0) * sigma
    tolerance = check_number(tolerance, "tolerance", low=0, above=True)
    iterations = check_count(iterations, "iterations")
    if weight == 0:
        return _copy(image)
    from skimage.restoration import denoise_tv_chambolle

    # our default is ten times stricter than scikit-image's, whose early stop makes two weights act as one
    return _each(image, lambda pixels: denoise_tv_chambolle(pixels, weight, eps=tolerance, max_num_iter=iterations))


def wavelet(
    image: Array,
    sigma: float,
    *,
    strength: float | None = None,
    basis: str = "sym8",
    levels: int = 3,
    shrinkage: str = "soft",
) -> Array:
    """Shrink the small coefficients of an orthogonal wavelet transform: noise is spread over all, edges over a few.

    Args:
        image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; numpy or torch.
        sigma: standard deviation of the noise, in units of the data range.
        strength: the threshold in units of sigma, the same in every band; None: BayesShrink, sigma² / s in each band,
            where s² = max(mean square - sigma², 0) estimates its signal.
        basis: a wavelet of PyWavelets.
        levels: as many as the image allows, at most this.
        shrinkage: "soft" (shrink all by the threshold) or "hard" (keep or kill).

    Returns:
        The same kind, shape and dtype, not clipped; see the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Donoho and Johnstone 1994; Chang, Yu and Vetterli 2000.
    Lab: 04.
    """
    sigma = _check(image, sigma)
    strength = None if strength is None else check_number(strength, "strength", low=0)
    base = _check_basis(basis)
    levels = check_count(levels, "levels")
    _check_shrinkage(shrinkage)
    import pywt

    # beyond this level every coefficient would see the border
    levels = min(levels, max(1, pywt.dwt_max_level(min(image.shape[-2:]), base.dec_len)))

    def filtered(pixels: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():  # PyWavelets warns where even one level is too many: a digit of 28 × 28
            warnings.simplefilter("ignore", UserWarning)
            coarse, *details = pywt.wavedec2(pixels, base, mode="symmetric", level=levels)
        shrunk = [coarse] + [_shrink(bands, sigma, strength, shrinkage) for bands in details]
        whole = pywt.waverec2(shrunk, base, mode="symmetric")
        return whole[: pixels.shape[0], : pixels.shape[1]]  # an odd side comes back one pixel longer

    return _each(image, filtered)


def shift_invariant_wavelet(
    image: Array,
    sigma: float,
    *,
    strength: float | None = 3.6,
    basis: str = "bior1.3",
    levels: int = 3,
    shrinkage: str = "hard",
) -> Array:
    """Average `wavelet` over all shifts of the image (cycle spinning), by one undecimated transform.

    A decimated transform leaves artefacts that depend on where an edge lies on its grid; averaging over the
    2^levels × 2^levels shifts removes them. The stationary transform does all of them at once. The image is mirrored at
    its borders.

    Args:
        image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; numpy or torch.
        sigma: standard deviation of the noise, in units of the data range.
        strength: as for `wavelet`.
        basis: as for `wavelet`.
        levels: as for `wavelet`.
        shrinkage: as for `wavelet`.

    Returns:
        The same kind, shape and dtype, not clipped; see the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Coifman and Donoho 1995; pywt.swt2.
    Lab: 04.
    """
    sigma = _check(image, sigma)
    strength = None if strength is None else check_number(strength, "strength", low=0)
    base = _check_basis(basis)
    levels = check_count(levels, "levels")
    _check_shrinkage(shrinkage)
    import pywt

    height, width = image.shape[-2:]
    grid = 2**levels  # the transform needs sides that are multiples of it, and it wraps around
    margins = [(grid, grid + -size % grid) for size in (height, width)]

    def filtered(pixels: np.ndarray) -> np.ndarray:
        padded = np.pad(pixels, margins, mode="symmetric")
        coarse, *details = pywt.swt2(padded, base, levels, trim_approx=True)
        shrunk = [coarse] + [_shrink(bands, sigma, strength, shrinkage) for bands in details]
        return pywt.iswt2(shrunk, base)[grid : grid + height, grid : grid + width]

    return _each(image, filtered)


def non_local_means(
    image: Array, sigma: float, *, strength: float = 0.7, patch_size: int | None = None, distance: int = 5
) -> Array:
    """Average the pixels whose surroundings look alike, wherever they lie: repeated structure denoises itself.

    Weights exp(-max(d² - 2 sigma², 0) / h²), where d² is the mean squared difference of two patches and h = strength ·
    sigma. This is scikit-image's fast mode with integral images. Its sums lack the first row and column of a patch (but
    are divided by patch_size²), and it takes weights below exp(-5) for 0.

    Args:
        image: (H, W) or (N, C, H, W), float32 in [0, 1] plus noise; numpy or torch.
        sigma: standard deviation of the noise, in units of the data range.
        strength: h in units of sigma.
        patch_size: odd, in pixels; default 5, and 7 from sigma 0.075 on.
        distance: how far, in pixels, patches are looked for, in each direction.

    Returns:
        The same kind, shape and dtype, not clipped; see the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Buades, Coll and Morel 2005 (the idea) and 2011 (these weights); Darbon 2008 (the integral images);
        skimage.restoration.denoise_nl_means.
    Lab: 04.
    """
    sigma = _check(image, sigma)
    h = check_number(strength, "strength", low=0) * sigma
    patch_size = (5 if sigma < 0.075 else 7) if patch_size is None else _check_odd(patch_size, "patch_size")
    distance = check_count(distance, "distance")
    if h == 0:
        return _copy(image)
    from skimage.restoration import denoise_nl_means

    return _each(image, lambda pixels: denoise_nl_means(pixels, patch_size, distance, h, fast_mode=True, sigma=sigma))


def _check(image: Array, sigma: float) -> float:
    check_image(image, shapes=True)
    return check_number(sigma, "sigma", low=0)


def _check_odd(value: int, name: str) -> int:
    value = check_count(value, name)
    if value % 2 == 0:
        raise ValueError(f"{name}: expected an odd number of pixels (a window has a middle), got {value}")
    return value


def _check_shrinkage(shrinkage: str) -> None:
    if shrinkage not in ("soft", "hard"):
        raise ValueError(f"shrinkage: expected 'soft' or 'hard', got {shrinkage!r}")


def _check_basis(basis: str) -> Any:
    """The wavelet of that name; it must be one with a discrete transform."""
    import pywt

    if basis not in pywt.wavelist(kind="discrete"):
        raise ValueError(f"basis: expected a discrete wavelet of PyWavelets, as 'db2' or 'sym8', got {basis!r}")
    return pywt.Wavelet(basis)


def _shrink(
    bands: tuple[np.ndarray, ...], sigma: float, strength: float | None, shrinkage: str
) -> tuple[np.ndarray, ...]:
    """The three detail bands of one level, shrunk."""
    import pywt

    shrunk = []
    for band in bands:
        if strength is None:
            signal = math.sqrt(max(float(np.mean(band * band)) - sigma**2, 0))
            threshold = sigma**2 / signal if signal > 0 else np.abs(band).max()
        else:
            threshold = strength * sigma
        # pywt divides by the coefficient, and by 0 where it is 0 and the threshold as well
        shrunk.append(pywt.threshold(band, threshold, shrinkage) if threshold > 0 else band)
    return tuple(shrunk)


def _copy(image: Array) -> Array:
    return image.clone() if isinstance(image, torch.Tensor) else image.copy()


def _each(image: Array, function: Callable[[np.ndarray], np.ndarray]) -> Array:
    """Apply `function`, of a numpy image (H, W), to each channel of each image; same type, dtype, device."""
    if isinstance(image, torch.Tensor):
        # numpy knows no bfloat16
        pixels = image.detach().cpu().to(torch.promote_types(image.dtype, torch.float32)).numpy()
    else:
        pixels = image.astype(np.promote_types(image.dtype, np.float32), copy=False)
    planes = pixels.reshape(-1, *pixels.shape[-2:])  # (…, H, W) -> (N·C, H, W)
    filtered = np.stack([function(plane) for plane in planes]).reshape(pixels.shape)
    if isinstance(image, torch.Tensor):
        return torch.from_numpy(filtered).to(image)
    return filtered.astype(image.dtype, copy=False)

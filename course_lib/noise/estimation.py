"""How strong is the noise? Three answers from one image: its empty background, its finest wavelets, its flat places.

An image is (H, W) and gives a number, a batch (N, C, H, W) gives (N,), channels pooled: same kind, dtype and device as
the image, units of the image; computed in double precision, not differentiable. sigma is always the standard deviation
of *one channel* (real or imaginary), not of the magnitude: in the background the magnitude's is 0.655 sigma.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F

from course_lib._checks import Array, as_tensor, check_count, check_image, check_mask
from course_lib.noise.rice import check_magnitude, koay_inversion

# Windows in which the automatic background looks, and how many standard deviations above their expected mean square
# still count as empty: larger windows see fainter tissue, but miss narrow backgrounds.
_WINDOW = 9
_TOLERANCE = 2.0
_SMALLEST_BACKGROUND = 0.02
# Daubechies' wavelet with two vanishing moments
_LOW = np.array([1 + 3**0.5, 3 + 3**0.5, 3 - 3**0.5, 1 - 3**0.5]) / (4 * 2**0.5)
_HIGH = _LOW[::-1] * [1, -1, 1, -1]


def estimate_sigma_background(image: Array, mask: Array | None = None, *, coils: int = 1) -> Array:
    """Estimate sigma where there is no signal, from the second moment: `sqrt(mean(m²) / (2·coils))`.

    That is the maximum-likelihood estimate for Rayleigh (chi) noise. Without a mask the background is found: all 9×9
    windows whose mean square fits the noise of the darkest ones, at least 2 % of the image. Windows with pixels that
    are exactly 0 are left out: no noisy magnitude is, so they were masked or padded.

    Fails: where the background was cut off, masked or filtered (without a mask: ValueError where the darkest regions
    are no Rayleigh or chi noise); where the darkest regions hold a signal of about sigma, which looks like noise (too
    high; a UserWarning where they have no clear border). Measured on Colin27, sigma 0.02 to 0.2: within 3 %.

    Args:
        image: a magnitude, (H, W) or (N, C, H, W).
        mask: boolean, True = background. None: the background is found.
        coils: channels of a root sum of squares.

    Returns:
        Sigma of one channel, in units of the image: a number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Sijbers et al. 1998 (Rayleigh maximum likelihood); Koay, Özarslan and Pierpaoli 2009 (background found by
        its distribution).
    Lab: 04.
    """
    coils = check_count(coils, "coils")
    check_magnitude(image, "image", shapes=True)
    if mask is not None:
        return _for_each(image, mask, lambda x, chosen: math.sqrt(float((x[chosen] ** 2).mean()) / (2 * coils)))
    if min(image.shape[-2:]) < _WINDOW:
        raise ValueError(
            f"image: expected at least {_WINDOW}×{_WINDOW} pixels to find the background in, got"
            f" {tuple(image.shape[-2:])}; give a mask"
        )
    return _for_each(image, None, lambda x, _: _automatic_background(x, coils))


def estimate_sigma_mad(image: Array, *, mask: Array | None = None) -> Array:
    """Estimate sigma from the finest diagonal wavelets: median(|d|) / 0.6745, d the diagonal band of Daubechies 2.

    An image has few edges that are both fine and diagonal, so half of these coefficients hold little but noise. The
    noise must be Gaussian. Coefficients that are exactly 0 do not count.

    Fails: on the background of a magnitude image, where the noise is Rayleigh and weaker (0.655 sigma; on Colin27 whole
    it finds 0.91 to 0.77 of sigma for 0.02 to 0.2, inside the brain 1.03 to 0.90: there because the signal is then only
    a few sigma); on fine texture (too high); on filtered or interpolated images (too low).

    Args:
        image: any sign, (H, W) or (N, C, H, W); at least 4×4.
        mask: boolean, True = pixels to use (those of the head, say); a coefficient counts where all its 16 pixels are
            inside.

    Returns:
        Sigma of one channel, in units of the image: a number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Donoho and Johnstone 1994.
    Lab: 04.
    """
    check_image(image, shapes=True)
    if min(image.shape[-2:]) < 4:
        raise ValueError(f"image: expected at least 4×4 pixels, got {tuple(image.shape[-2:])}")
    return _for_each(image, mask, _mad)


def estimate_sigma_local(image: Array, *, window: int = 5, rician: bool = True) -> Array:
    """Estimate sigma from the most frequent of all local estimates: what flat places agree on.

    In each window the mean and standard deviation give sigma by `koay_inversion`, in background, flat tissue and
    between; windows on edges and texture give larger values, each its own, so the mode of all is that of the noise.

    Fails: where no region is flat over a window: texture counts as noise (too high); on filtered or interpolated images
    (too low). A mode uses few of the windows, so it scatters: measured on Colin27, sigma 0.02 to 0.2, within 2 % on
    average and 7 % on single slices.

    Args:
        image: (H, W) or (N, C, H, W).
        window: side of the windows in pixels, at least 3 and not above the image's.
        rician: False for Gaussian noise (any sign), where the local standard deviation itself counts.

    Returns:
        Sigma of one channel, in units of the image: a number for (H, W), (N,) for (N, C, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Aja-Fernández, Tristán-Vega and Alberola-López 2009 (mode of local moments); Koay and Basser 2006.
    Lab: 04.
    """
    window = check_count(window, "window", low=3)
    if rician:
        check_magnitude(image, "image", shapes=True)
    else:
        check_image(image, shapes=True)
    if min(image.shape[-2:]) < window:
        raise ValueError(f"window: expected at most the image's side {min(image.shape[-2:])}, got {window}")

    def estimate(x: torch.Tensor, _: torch.Tensor | None) -> float:
        mean = F.avg_pool2d(x, window, stride=1)  # (C, H, W) -> (C, H', W')
        count = window**2
        # about the image's mean first: variances are small differences of large squares
        shift = x.mean()
        spread = F.avg_pool2d((x - shift) ** 2, window, stride=1) - (mean - shift) ** 2
        sd = (spread.clamp(min=0) * count / (count - 1)).sqrt()
        sigmas = koay_inversion(mean.clamp(min=0), sd)[1] if rician else sd
        return _half_sample_mode(sigmas.flatten().numpy())

    return _for_each(image, None, estimate)


def _automatic_background(x: torch.Tensor, coils: int) -> float:
    """Grow the background from the darkest windows until no window fits any more: (C, H, W) -> sigma."""
    square = F.avg_pool2d(x**2, _WINDOW, stride=1).flatten()
    mean = F.avg_pool2d(x, _WINDOW, stride=1).flatten()
    noisy = F.max_pool2d((x == 0).double(), _WINDOW, stride=1).flatten() == 0  # no exact zero in the window
    smallest = math.ceil(_SMALLEST_BACKGROUND * square.numel())
    if int(noisy.sum()) < smallest:
        raise ValueError(
            "image: expected noise in the background, got pixels that are exactly 0 nearly everywhere outside:"
            " the background was masked away, or the image is clean; use another estimator"
        )
    square, mean = square[noisy], mean[noisy]
    power = float(square.kthvalue(smallest).values)
    previous = 0.0
    while abs(power - previous) > 1e-5 * power:  # ends: a higher power lets more windows in, so it only rises, or falls
        # the mean of n squares of chi noise with 2·coils degrees of freedom has a relative sd of 1 / sqrt(n·coils)
        empty = square <= power * (1 + _TOLERANCE / (_WINDOW * math.sqrt(coils)))
        previous, power = power, float(square[empty].mean())
    # mean / root mean square: 0.886 for Rayleigh noise, near 1 for noise on a signal
    expected = math.exp(math.lgamma(coils + 0.5) - math.lgamma(coils)) / math.sqrt(coils)
    found = float(mean[empty].mean()) / math.sqrt(power)
    if abs(found - expected) > (1 - expected) / 4 or int(empty.sum()) < smallest:
        raise ValueError(
            "image: expected an empty, noisy background, found none: in the darkest regions mean / root mean square is"
            f" {found:.3f}, and {expected:.3f} in the noise of {coils} coil(s); give a mask, or use another estimator"
        )
    # A real background stands alone; faint tissue has neighbours: three times the tolerance doubles its windows.
    brighter = square <= power * (1 + 3 * _TOLERANCE / (_WINDOW * math.sqrt(coils)))
    if int(brighter.sum()) > 2 * int(empty.sum()):
        warnings.warn(
            "the darkest regions of the image go over into brighter ones without a gap: they may be faint tissue and no"
            " background, and sigma then is too high; look at them, and give a mask",
            stacklevel=5,
        )
    return math.sqrt(power / (2 * coils))


def _mad(x: torch.Tensor, chosen: torch.Tensor | None) -> float:
    """Median absolute diagonal coefficient over 0.6745: (C, H, W) -> sigma."""
    kernel = torch.from_numpy(np.outer(_HIGH, _HIGH))[None, None]
    # No border is made up: in one that mirrors the image, noise is weaker (by 5 % in the background of Colin27).
    coefficients = F.conv2d(x[:, None], kernel, stride=2)  # (C, H, W) -> (C, 1, ⌊H / 2⌋ - 1, ⌊W / 2⌋ - 1)
    if chosen is not None:
        outside = F.max_pool2d((~chosen).double()[:, None], 4, stride=2)
        coefficients = coefficients[outside == 0]
        if coefficients.numel() == 0:
            raise ValueError("mask: expected at least one block of 4×4 pixels inside, got none")
    sizes = coefficients[coefficients != 0].abs().numpy()
    return float(np.median(sizes)) / 0.6744897501960817 if sizes.size else 0.0


def _half_sample_mode(values: np.ndarray) -> float:
    """Halve the sample again and again, each time to the half that lies closest together (Robertson and Cryer 1974)."""
    values = np.sort(values)
    while len(values) > 3:
        half = (len(values) + 1) // 2
        first = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[first : first + half]
    return float(values.mean())


def _for_each(
    image: Array, mask: Array | None, estimate: Callable[[torch.Tensor, torch.Tensor | None], float]
) -> Array:
    """One estimate for each image: (H, W) -> (), (N, C, H, W) -> (N,)."""
    check_mask(mask, image)
    stack = as_tensor(image).detach().cpu()
    stack = stack.double().reshape(-1, *image.shape[-3:] if image.ndim == 4 else (1, *image.shape))  # (N, C, H, W)
    masks: Iterable[torch.Tensor | None] = [None] * len(stack)
    if mask is not None:
        masks = as_tensor(mask).cpu().reshape(stack.shape)
    results = []
    for x, chosen in zip(stack, masks, strict=True):  # a loop: in a comprehension warnings would name other lines
        results.append(estimate(x, chosen))
    if isinstance(image, np.ndarray):
        values = np.array(results, dtype=image.dtype)
    else:
        values = torch.tensor(results, dtype=image.dtype, device=image.device)
    return values if image.ndim == 4 else values[0]

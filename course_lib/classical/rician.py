"""Any denoiser made for Gaussian noise, made to serve for Rician noise: correct its bias, or stabilise the variance.

A denoiser is a function `f(image, sigma) -> image`; what comes back is one, too, so that it fits wherever `f` does:

    non_local_means = stabilised(filters.non_local_means)
    clean = non_local_means(magnitude, 0.11)
"""

from __future__ import annotations

from collections.abc import Callable

from course_lib import noise
from course_lib._checks import Array

Denoiser = Callable[[Array, float], Array]


def bias_corrected(denoiser: Denoiser, *, method: str = "squared") -> Denoiser:
    """Denoise the magnitude as if its noise were Gaussian, then take the Rician bias out of the result.

    A smoothing filter averages magnitudes, so "mean" is right inside the head; "squared" takes off too much there, but
    sets what is near the noise floor to 0, which an empty background wants. Whole image and brain mask then disagree on
    which is better.

    Args:
        denoiser: f(image, sigma) -> image.
        method: "squared", `sqrt(max(d² - 2 sigma², 0))` of the denoised image d (`noise.correct_bias`), or "mean", the
            signal whose Rician mean is d (`noise.invert_mean`).

    Returns:
        g(image, sigma) -> image: (H, W) or (N, C, H, W), as the denoiser takes them; nothing above 0 is clipped.

    Raises:
        ValueError: an unknown method.

    Source: Gudbjartsson and Patz 1995.
    Lab: 04.
    """
    corrections = {"squared": noise.correct_bias, "mean": noise.invert_mean}
    if method not in corrections:
        raise ValueError(f"method: expected 'squared' or 'mean', got {method!r}")

    def corrected(image: Array, sigma: float) -> Array:
        # a magnitude is not negative, though a denoiser may undershoot
        return corrections[method](denoiser(image, sigma).clip(min=0), sigma)

    return corrected


def stabilised(denoiser: Denoiser) -> Denoiser:
    """Make the noise equally strong everywhere, denoise, and go back by the exact unbiased inverse.

    Args:
        denoiser: f(image, sigma) -> image, for Gaussian noise. It is given an image in the units of the original (an
            offset apart: empty regions lie near 0 sigma, one sigma or two below where they lay) with noise of the same
            sigma, so parameters that were tuned for sigma and data range stay good.

    Returns:
        g(image, sigma) -> image, sigma > 0: (H, W) or (N, C, H, W), as the denoiser takes them; not clipped.

    Source: Foi 2011.
    Lab: 04.
    """

    def around(image: Array, sigma: float) -> Array:
        # stabilised values are in units of sigma; denoisers' parameters are not always
        flat = noise.stabilise(image, sigma) * sigma
        return noise.unstabilise(denoiser(flat, sigma) / sigma, sigma)

    return around

"""Any denoiser made for Gaussian noise, made to serve for Rician noise: correct its bias, or stabilise the variance.

A denoiser is a function `f(image, sigma) -> image`; what comes back is one, too, so that it fits wherever `f` does:

    non_local_means = stabilised(filters.non_local_means)
    clean = non_local_means(magnitude, 0.11)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from course_lib import noise
from course_lib._checks import Array

Denoiser = Callable[[Array, float], Array]


def bias_corrected(denoiser: Denoiser, *, method: str = "mean") -> Denoiser:
    """Denoise the magnitude as if its noise were Gaussian, then take the Rician bias out of the result.

    A filter averages magnitudes, so its answer d estimates the *mean* of the Rician distribution, and "mean" is right
    at every signal. "magnitude" is its short form for bright pixels, and leaves 0.76 sigma in an empty background.
    "squared" belongs to a mean of squares: of a filter's answer it takes too much, which hurts tissue and helps only
    the background, by setting what is near the noise floor to 0.

    Args:
        denoiser: f(image, sigma) -> image.
        method: "mean", the signal whose Rician mean is d (`noise.invert_mean`); "magnitude", `sqrt(max(d² - sigma²,
            0))`; or "squared", `sqrt(max(d² - 2 sigma², 0))` (both `noise.correct_bias`).

    Returns:
        g(image, sigma) -> image: (H, W) or (N, C, H, W), as the denoiser takes them; nothing above 0 is clipped.

    Raises:
        ValueError: an unknown method.

    Source: Koay and Basser 2006 ("mean"); Gudbjartsson and Patz 1995 ("magnitude"); McGibney and Smith 1993
        ("squared").
    Lab: 04.
    """
    corrections: dict[str, Callable[[Array, float], Array]] = {
        "mean": noise.invert_mean,
        "magnitude": partial(noise.correct_bias, of="magnitude"),
        "squared": noise.correct_bias,
    }
    if method not in corrections:
        raise ValueError(f"method: expected 'mean', 'magnitude' or 'squared', got {method!r}")

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

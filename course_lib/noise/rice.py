"""Undoing the bias of a magnitude image, from its second moment, its mean, or its mean and standard deviation.

All arrays of any shape, numpy or torch; what comes back has the same kind, shape, dtype and device.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, overload

import numpy as np
import torch

from course_lib._checks import Array, check_count, check_image, check_number
from course_lib.noise.lookup import Table, elementwise, inverse_table, root

# Up to this many sigma the tables hold; above, series in 1/SNR are more precise than float32.
_HIGH = 20.0


def correct_bias(magnitude: Array, sigma: float, *, coils: int = 1, of: str = "square") -> Array:
    """Subtract the noise from the squared magnitude: `sqrt(max(m² - c·sigma², 0))`, with the c that fits the average.

    Which c is right depends on what was averaged. A mean of *squares* lies 2·coils·sigma² above A², at every signal: of
    "square" takes c = 2·coils, exactly. A mean of *magnitudes*, as a filter makes it, lies about (2·coils - 1)·sigma² /
    2A above A where A is several sigma: of "magnitude" takes c = 2·coils - 1. For one coil that is within 0.05 sigma of
    A from A = 2 sigma on, but leaves 0.76 sigma in the background. The larger c on a mean of magnitudes takes off too
    much everywhere (all of a signal below 0.73 sigma, 0.16 sigma at 3 sigma, 0.1 at 5), and thus empties the
    background. `invert_mean` is right at every signal. On single noisy pixels the cut at 0 leaves a bias of its own
    (0.46 sigma in the background of one coil, of "square").

    Args:
        magnitude: any shape, not negative.
        sigma: standard deviation of each channel, in units of the magnitude, >= 0.
        coils: channels of a root sum of squares.
        of: what `magnitude` averages: "square" (single pixels, or the root of a mean of squares) or "magnitude".

    Returns:
        The corrected magnitude: same shape, kind, dtype and device.

    Raises:
        TypeError, ValueError: bad input.

    Source: McGibney and Smith 1993 (`m² - 2 sigma²`); Gudbjartsson and Patz 1995 (`m² - sigma²`, for high SNR).
    Lab: 04.
    """
    check_magnitude(magnitude)
    sigma, coils = check_number(sigma, "sigma", low=0), check_count(coils, "coils")
    if of not in ("square", "magnitude"):
        raise ValueError(f"of: expected 'square' or 'magnitude', got {of!r}")
    constant = 2 * coils if of == "square" else 2 * coils - 1
    return elementwise(lambda m: root(m**2 - constant * sigma**2), magnitude)


def invert_mean(magnitude: Array, sigma: float) -> Array:
    """Return the A whose Rician mean is `magnitude`: E[Rician(A, sigma)] = magnitude; 0 below the Rayleigh mean.

    For a filtered image, whose pixels are local means of the magnitude. One coil. Precise to 1e-4 sigma.

    Args:
        magnitude: any shape; a filter may have brought it below 0.
        sigma: standard deviation of each channel, in units of the magnitude, >= 0.

    Returns:
        The signal A: same shape, kind, dtype and device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Koay and Basser 2006 (the inversion); Gudbjartsson and Patz 1995 (the mean).
    Lab: 04.
    """
    check_image(magnitude, "magnitude")
    sigma = check_number(sigma, "sigma", low=0)
    if sigma == 0:
        return magnitude * 1  # a copy, as everywhere

    def invert(m: torch.Tensor) -> torch.Tensor:
        mean = m / sigma
        high = mean.clamp(min=_HIGH)
        # E[m] = A + 1 / 2A + 1 / 8A³ + … (in units of sigma), solved for A
        series = high - 1 / (2 * high) - 3 / (8 * high**3)
        return sigma * torch.where(mean < _HIGH, root(_squares_over_means()(mean)), series)

    return elementwise(invert, magnitude)


@overload
def koay_inversion(mean: float, sd: float) -> tuple[float, float]: ...
@overload
def koay_inversion(mean: Array, sd: Array) -> tuple[Array, Array]: ...
def koay_inversion(mean: Any, sd: Any) -> tuple[Any, Any]:
    """Return the (signal, sigma) of a Rician magnitude from its measured mean and standard deviation.

    The ratio mean / sd determines the SNR through the fixed point `SNR² = ξ(SNR)·(1 + (mean / sd)²) - 2`, where ξ = (sd
    / sigma)² is 0.43 without signal and 1 at high SNR. The fixed points stand in a table. A ratio below that of
    Rayleigh noise (1.913) has no fixed point: the signal is 0, and sigma comes from the second moment. Near that floor
    the ratio hardly depends on the SNR (only through SNR⁴), so estimates from few pixels scatter widely. From exact
    moments the signal is precise to 0.005 sigma (0.02 below SNR 0.1), sigma to 0.1 %.

    Args:
        mean, sd: two numbers, or two arrays of the same kind and shape, not negative; sd 0 gives (mean, 0).

    Returns:
        (signal, sigma), in the units of the mean.

    Raises:
        TypeError, ValueError: bad input.

    Source: Koay and Basser 2006.
    Lab: 04.
    """
    if isinstance(mean, (int, float, np.floating)) and isinstance(sd, (int, float, np.floating)):
        signal, sigma = koay_inversion(np.array([mean], np.float64), np.array([sd], np.float64))
        return float(signal[0]), float(sigma[0])
    check_magnitude(mean, "mean")
    check_magnitude(sd, "sd")
    if isinstance(mean, torch.Tensor) != isinstance(sd, torch.Tensor) or mean.shape != sd.shape:
        raise ValueError(
            "mean and sd: expected two arrays of one kind and shape, got"
            f" {type(mean).__name__} {tuple(mean.shape)} and {type(sd).__name__} {tuple(sd.shape)}"
        )

    def solve(m: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        power = m**2 + s**2  # A² + 2 sigma²
        ratio = m / s.clamp(min=torch.finfo(s.dtype).tiny)
        # θ⁴, and not θ, is smooth in the ratio at its floor
        snr_squared = root(_fourth_powers_over_ratios()(ratio))
        high = ratio.clamp(min=_HIGH, max=1e6)
        variance = torch.where(
            ratio < _HIGH, power / (2 + snr_squared), s**2 / (1 - 1 / (2 * (high**2 - 1)))
        )  # ξ = 1 - 1 / 2 SNR² + … at high SNR
        return torch.stack([root(power - 2 * variance), root(variance)])

    both = elementwise(solve, mean, sd)
    return both[0], both[1]


def rician_mean(snr: np.ndarray) -> np.ndarray:
    """Mean of a Rician magnitude for sigma 1: `sqrt(π/2)·L_{1/2}(-snr²/2)`."""
    half = torch.from_numpy(snr**2 / 2)
    # i0e and i1e are Bessel functions times exp(-x): the plain ones overflow at an SNR of 38
    laguerre = (1 + half) * torch.special.i0e(half / 2) + half * torch.special.i1e(half / 2)
    return math.sqrt(math.pi / 2) * laguerre.numpy()


@cache
def _squares_over_means() -> Table:
    """A² over E[Rician(A, 1)]: A² and not A, because the mean leaves its floor as A²."""
    snr = np.linspace(0, _HIGH + 0.1, 8001)
    return inverse_table(snr**2, rician_mean(snr), step=0.004)


@cache
def _fourth_powers_over_ratios() -> Table:
    """SNR⁴ over mean / sd: the fixed points of Koay and Basser."""
    snr = np.linspace(0, _HIGH + 0.1, 8001)
    mean = rician_mean(snr)
    return inverse_table(snr**4, mean / np.sqrt(2 + snr**2 - mean**2), step=0.004)


def check_magnitude(magnitude: Array, name: str = "magnitude", *, shapes: bool = False) -> None:
    """Refuse what is no image (of the shapes of `check_image`), and what has negative values."""
    check_image(magnitude, name, shapes=shapes)
    if bool((magnitude < 0).any()):
        raise ValueError(
            f"{name}: expected a magnitude, so no negative values, got a minimum of {float(magnitude.min()):g}"
        )

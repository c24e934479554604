"""Noise whose neighbours are alike: what interpolation, zero-filling and the console's filters make of white noise.

Real scans are seldom white: they were interpolated to a finer grid, zero-filled in k-space, filtered, or resampled by
whoever had them before. Averaging neighbours then removes less noise than expected, and an estimator that looks at the
finest differences finds half of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, check_image, check_number
from course_lib._random import generator_for, normal

#: What makes the noise correlated, and what `strength` means there.
FILTERS = ("smoothed", "interpolated", "zero-filled")


def correlated(
    image: Array, sigma: float, *, filter: str, strength: float, magnitude: bool = False, generator: Any = None
) -> Array:
    """Add noise of standard deviation sigma whose neighbours are correlated; `magnitude`: in both channels.

    White noise goes through a filter in k-space and is then scaled, so that each pixel's standard deviation is sigma
    again. The image itself is not filtered. The noise is periodic: it is as correlated over the border.

    Args:
        image: (…, H, W), floating point.
        sigma: standard deviation of the filtered noise, of each channel, in units of the data range, >= 0.
        filter: "smoothed": by a Gaussian whose standard deviation is `strength` pixels. "interpolated": shifted by the
            share `strength` of a pixel, from 0 to 0.5, linearly, along both axes. "zero-filled": the image was made
            from a k-space that is `strength` times as wide along both axes, the share above 0 and up to 1.
        strength: see `filter`. Noise is white at 0, 0 and 1.
        magnitude: True: the magnitude of the image plus complex noise, as `rician`; the image must not be negative.
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy image: same shape, type, dtype, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gudbjartsson and Patz 1995 (zero-filling correlates the noise of neighbours).
    Lab: 14.
    """
    check_image(image)
    if image.ndim < 2:
        raise ValueError(f"image: expected shape (…, H, W), got {tuple(image.shape)}")
    sigma = check_number(sigma, "sigma", low=0)
    height, width = image.shape[-2:]
    response = transfer((height, width), filter, strength)
    generator = generator_for(image, generator)
    real = image + sigma * _filtered(normal(image, generator), response)
    if not magnitude:
        return real
    if bool((image < 0).any()):
        raise ValueError("image: expected a magnitude, not negative, with magnitude=True")
    imaginary = sigma * _filtered(normal(image, generator), response)
    return (real**2 + imaginary**2) ** 0.5


def transfer(shape: tuple[int, int], filter: str, strength: float) -> np.ndarray:
    """What each frequency of white noise is multiplied by, scaled so that the noise's variance stays 1.

    Args:
        shape: (H, W).
        filter, strength: as for `correlated`.

    Returns:
        float64 or complex128 (H, W), zero frequency first.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 14.
    """
    ky, kx = (np.fft.fftfreq(count) for count in shape)  # cycles a pixel
    if filter == "smoothed":
        width = check_number(strength, "strength", low=0)
        along = [np.exp(-2 * (math.pi * width * k) ** 2) for k in (ky, kx)]
    elif filter == "interpolated":
        share = check_number(strength, "strength", low=0, high=0.5)
        along = [1 - share + share * np.exp(2j * math.pi * k) for k in (ky, kx)]
    elif filter == "zero-filled":
        share = check_number(strength, "strength", low=0, above=True, high=1)
        along = [(np.abs(k) <= share / 2).astype(float) for k in (ky, kx)]
    else:
        raise ValueError(f"filter: expected one of {', '.join(map(repr, FILTERS))}, got {filter!r}")
    response = along[0][:, None] * along[1][None]
    return response / math.sqrt(float((np.abs(response) ** 2).mean()))


def _filtered(noise: Array, response: np.ndarray) -> Array:
    """White noise (…, H, W) times `response` in k-space; real again."""
    if isinstance(noise, torch.Tensor):
        weights = torch.as_tensor(response, device=noise.device)
        spectrum = torch.fft.fft2(noise) * weights.to(noise.dtype.to_complex())
        return torch.fft.ifft2(spectrum).real.to(noise.dtype)
    return np.fft.ifft2(np.fft.fft2(noise) * response).real.astype(noise.dtype, copy=False)

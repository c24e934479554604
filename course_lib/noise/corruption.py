"""Noise models: `f(image, level, *, generator=None)` gives a corrupted copy of any shape, same type, dtype, device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, check_count, check_image, check_number
from course_lib._random import generator_for, normal


def gaussian(image: Array, sigma: float, *, generator: Any = None) -> Array:
    """Add Gaussian noise: `image + n`, n ~ N(0, sigma²), independent in each pixel.

    Args:
        image: any shape, floating point.
        sigma: standard deviation, in units of the data range, >= 0.
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy image: same shape, type, dtype, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gondara 2016, section IV.
    Lab: 01.
    """
    check_image(image)
    sigma = check_number(sigma, "sigma", low=0)
    return image + sigma * normal(image, generator_for(image, generator))


def rician(image: Array, sigma: float, *, generator: Any = None) -> Array:
    """Take the magnitude of a complex image whose two channels are noisy: `sqrt((image + n1)² + n2²)`.

    n1, n2 ~ N(0, sigma²). In the background (image 0) the result is Rayleigh with mean sigma·sqrt(π/2): magnitude MR
    images are never dark where they are empty.

    Args:
        image: any shape, a magnitude, so not negative.
        sigma: standard deviation of each channel, in units of the data range, >= 0.
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy magnitude: same shape, type, dtype, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gudbjartsson and Patz 1995, equation 1.
    Lab: 04.
    """
    check_image(image)
    _check_not_negative(image, "rician noise is that of a magnitude image")
    sigma = check_number(sigma, "sigma", low=0)
    generator = generator_for(image, generator)
    real = image + sigma * normal(image, generator)
    imaginary = sigma * normal(image, generator)
    return (real**2 + imaginary**2) ** 0.5


def complex_gaussian(values: Array, sigma: float, *, generator: Any = None) -> Array:
    """Add noise to both channels of complex values: `values + n1 + i·n2`, n1, n2 ~ N(0, sigma²).

    Args:
        values: a complex image or its k-space, any shape (real values are taken as complex).
        sigma: standard deviation of *each channel*, in units of the data range, >= 0.
        generator: of the values' kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy complex values, same shape, type, device (float32 gives complex64).

    Raises:
        TypeError, ValueError: bad input.

    Source: Gudbjartsson and Patz 1995.
    Lab: 04.
    """
    real = _check_complex(values)
    sigma = check_number(sigma, "sigma", low=0)
    generator = generator_for(values, generator)
    return values + sigma * (normal(real, generator) + 1j * normal(real, generator))


def rician_from_kspace(image: Array, sigma: float, *, generator: Any = None) -> Array:
    """Make Rician noise where the scanner makes it: k-space plus complex noise, back to the image, magnitude.

    The orthonormal FFT keeps white noise white and as strong as it was, so this has the distribution of `rician`.

    Args:
        image: (…, H, W), real or complex.
        sigma: standard deviation of each channel, in units of the data range, >= 0.
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy magnitude of the image (float32 for complex64); same shape, type, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gudbjartsson and Patz 1995.
    Lab: 04.
    """
    _check_complex(image)
    if image.ndim < 2:
        raise ValueError(f"image: expected shape (…, H, W), got {tuple(image.shape)}")
    # Where the zero frequency stands plays no part for white noise, so nothing is shifted to the centre.
    if isinstance(image, torch.Tensor):
        noisy = complex_gaussian(torch.fft.fft2(image, norm="ortho"), sigma, generator=generator)
        return torch.fft.ifft2(noisy, norm="ortho").abs()
    noisy = complex_gaussian(np.fft.fft2(image, norm="ortho"), sigma, generator=generator)
    # NumPy before 2.0 computes every FFT in double precision
    return np.abs(np.fft.ifft2(noisy, norm="ortho")).astype(image.real.dtype, copy=False)


def noncentral_chi(
    image: Array, sigma: float, *, coils: int, sensitivities: Array | None = None, generator: Any = None
) -> Array:
    """Combine noisy complex coil images by their root sum of squares: `sqrt(Σ |s·image + n1 + i·n2|²)`.

    In the background this is chi with 2·coils degrees of freedom: the more coils, the brighter. One coil: Rician.

    Args:
        image: any shape, real or complex (with `sensitivities`: (…, H, W)).
        sigma: standard deviation of each channel of each coil, in units of the data range, >= 0; the coils' noise is
            independent.
        coils: how many, at least 1.
        sensitivities: (coils, H, W), real or complex, of the image's kind; by default all are 1 / sqrt(coils). Their
            squares should sum to 1: the noise-free result is image·sqrt(Σ|s|²).
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy magnitude: real, same shape, type, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Constantinides, Atalar and McVeigh 1997.
    Lab: 04.
    """
    real = _check_complex(image)
    coils = check_count(coils, "coils")
    generator = generator_for(image, generator)
    each: Iterable[Any] = [coils**-0.5] * coils
    if sensitivities is not None:
        _check_sensitivities(sensitivities, image, coils)
        each = sensitivities
    power: Any = 0
    for sensitivity in each:  # one coil at a time: (…, H, W) · (H, W)
        noisy = complex_gaussian(image * sensitivity, sigma, generator=generator)
        power = power + noisy.real**2 + noisy.imag**2
    magnitude = power**0.5
    return magnitude.to(real.dtype) if isinstance(real, torch.Tensor) else magnitude.astype(real.dtype, copy=False)


def masking(image: Array, fraction: float, *, generator: Any = None) -> Array:
    """Set each pixel to zero with probability `fraction`, and leave the others exactly as they are.

    Args:
        image: any shape, floating point.
        fraction: in [0, 1].
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The corrupted image: same shape, type, dtype, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Vincent 2008, section 2.3 (the corruption of the first denoising autoencoder).
    Lab: 01.
    """
    check_image(image)
    fraction = check_number(fraction, "fraction", low=0, high=1)
    dropped = _uniform(image, generator_for(image, generator)) < fraction
    return _where(dropped, 0.0, image)


def salt_and_pepper(image: Array, fraction: float, *, generator: Any = None) -> Array:
    """Replace each pixel with probability `fraction`: half of them by 0 (pepper), half by 1 (salt).

    Args:
        image: any shape, in [0, 1].
        fraction: in [0, 1].
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The corrupted image: same shape, type, dtype, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Vincent 2010, section 3.3.
    Lab: 05.
    """
    check_image(image)
    fraction = check_number(fraction, "fraction", low=0, high=1)
    draw = _uniform(image, generator_for(image, generator))
    return _where(draw < fraction / 2, 0.0, _where((draw >= fraction / 2) & (draw < fraction), 1.0, image))


def poisson(image: Array, peak: float, *, generator: Any = None) -> Array:
    """Count photons: `Poisson(image · peak) / peak`, with variance image / peak. A small peak is a dark, noisy image.

    Args:
        image: any shape, not negative.
        peak: expected count where the image is 1, above 0.
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy image: same shape, type, dtype, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gondara 2016, section IV.
    Lab: 04.
    """
    check_image(image)
    _check_not_negative(image, "a count of photons has no negative mean")
    peak = check_number(peak, "peak", low=0, above=True)
    generator = generator_for(image, generator)
    if isinstance(image, torch.Tensor):
        return torch.poisson(image * peak, generator=generator) / peak
    return (generator.poisson(image * peak) / peak).astype(image.dtype)


def speckle(image: Array, sigma: float, *, generator: Any = None) -> Array:
    """Multiply by noise, as in ultrasound: `image · (1 + n)`, n ~ N(0, sigma²). Dark pixels stay dark.

    Args:
        image: any shape, floating point.
        sigma: standard deviation of n, >= 0.
        generator: of the image's kind, numpy or torch; without one, fresh entropy.

    Returns:
        The noisy image: same shape, type, dtype, device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Thomas et al., Denoising autoencoder for the removal of noise in medical images (slides; ultrasound).
    Lab: 04.
    """
    check_image(image)
    sigma = check_number(sigma, "sigma", low=0)
    return image * (1 + sigma * normal(image, generator_for(image, generator)))


def _uniform(image: Array, generator: Any) -> Array:
    if isinstance(image, torch.Tensor):
        return torch.rand(image.shape, generator=generator, device=image.device)
    return generator.random(image.shape)


def _where(condition: Array, value: float, image: Array) -> Array:
    if isinstance(image, torch.Tensor):
        return image.masked_fill(condition, value)
    return np.where(condition, np.asarray(value, dtype=image.dtype), image)


def _check_complex(values: Array, name: str = "image") -> Array:
    """Check both channels of what may be complex, and return the real one."""
    if isinstance(values, (np.ndarray, torch.Tensor)) and "complex" in str(values.dtype):
        check_image(values.imag, name)
        return check_image(values.real, name)
    return check_image(values, name)


def _check_sensitivities(sensitivities: Array, image: Array, coils: int) -> None:
    _check_complex(sensitivities, "sensitivities")
    if isinstance(sensitivities, torch.Tensor) != isinstance(image, torch.Tensor):
        raise TypeError(
            f"sensitivities: expected the image's kind, {type(image).__name__}, got {type(sensitivities).__name__}"
        )
    if tuple(sensitivities.shape) != (coils, *image.shape[-2:]) or image.ndim < 2:
        raise ValueError(
            f"sensitivities: expected shape (coils, H, W) = {(coils, *image.shape[-2:])}, got"
            f" {tuple(sensitivities.shape)}"
        )


def _check_not_negative(image: Array, why: str) -> None:
    if bool((image < 0).any()):
        raise ValueError(f"image: expected no negative values ({why}), got a minimum of {float(image.min()):g}")

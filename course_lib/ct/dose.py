"""What a lower dose costs: fewer photons arrive, and the logarithm of a noisy count is noisy, and biased."""

from __future__ import annotations

import torch

from course_lib._checks import check_image, check_number
from course_lib._random import generator_for, normal

#: Photons that start along each line of a full-dose scan: with 180 views of 256 detectors, a liver of 42 HU noise.
FULL_DOSE = 2e5
#: Standard deviation of what the electronics add to each count of photons.
ELECTRONIC = 5.0


def low_dose(
    sinogram: torch.Tensor,
    photons: float = FULL_DOSE,
    *,
    fraction: float = 1.0,
    sigma_electronic: float = ELECTRONIC,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Line integrals as a scanner measures them: photons are counted, and the logarithm is taken.

    `N ~ Poisson(fraction · photons · exp(-p)) + n`, n ~ N(0, sigma_electronic²), and what comes out is
    `-log(max(N, 1) / (fraction · photons))`. The dose changes the beam, so it comes before chance does. Its variance is
    about 1/N, and, since a logarithm is bent, its mean lies 1/(2N) too high: lines through much bone, on which few
    photons arrive, look too dense, and leave dark streaks.

    Args:
        sinogram: p, line integrals of the attenuation (no unit), any shape, floating point, >= 0.
        photons: that start along each line, above 0.
        fraction: of the dose, above 0: 1/4 is a quarter.
        sigma_electronic: in counts, >= 0.
        generator: without one, fresh entropy.

    Returns:
        Noisy line integrals: same shape, dtype and device.

    Raises:
        TypeError, ValueError: bad input.

    Source: Beer and Lambert's law, and Poisson's; the bias is the second term of the logarithm's expansion.
    Lab: 10.
    """
    check_image(sinogram, "sinogram")
    if not isinstance(sinogram, torch.Tensor):
        raise TypeError(f"sinogram: expected a tensor, got {type(sinogram).__name__}")
    if float(sinogram.min()) < -1e-4:
        raise ValueError(f"sinogram: expected line integrals of at least 0, got {float(sinogram.min()):.3g}")
    photons = check_number(photons, "photons", low=0, above=True)
    fraction = check_number(fraction, "fraction", low=0, above=True)
    sigma = check_number(sigma_electronic, "sigma_electronic", low=0)
    generator = generator_for(sinogram, generator)
    start = fraction * photons
    counts = torch.poisson(start * torch.exp(-sinogram), generator=generator)
    if sigma:
        counts = counts + sigma * normal(sinogram, generator)
    return -torch.log(counts.clamp(min=1) / start)

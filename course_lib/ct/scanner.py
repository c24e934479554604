"""A CT scan of a slice in Hounsfield units, from the beam to the picture."""

from __future__ import annotations

import torch

from course_lib._checks import check_image, check_number
from course_lib.ct.dose import ELECTRONIC, FULL_DOSE, low_dose
from course_lib.ct.hounsfield import to_attenuation, to_hounsfield
from course_lib.ct.projection import parallel_angles, project
from course_lib.ct.reconstruction import fbp


def line_integrals(hounsfield: torch.Tensor, pixel: float, views: int = 180) -> torch.Tensor:
    """What a scanner without noise would measure of a slice.

    Args:
        hounsfield: (N, C, H, H), floating point, in HU.
        pixel: the side of a pixel in mm.
        views: over half a turn.

    Returns:
        (N, C, views, H), no unit.

    Raises:
        TypeError, ValueError: bad input.

    Source: Beer and Lambert's law; Kak and Slaney 1988, chapter 4.
    Lab: 10.
    """
    pixel = check_number(pixel, "pixel", low=0, above=True)
    return project(to_attenuation(hounsfield) * pixel, parallel_angles(views))


def reconstruct(sinogram: torch.Tensor, pixel: float, *, window: str = "ramp") -> torch.Tensor:
    """The picture in Hounsfield units, by filtered backprojection.

    Args:
        sinogram: (N, C, A, W), line integrals of views spread evenly over half a turn, as `line_integrals` gives them.
        pixel: the side of a pixel in mm.
        window: "ramp" or "hann".

    Returns:
        (N, C, W, W) in HU.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 10.
    """
    pixel = check_number(pixel, "pixel", low=0, above=True)
    check_image(sinogram, "sinogram")
    return to_hounsfield(fbp(sinogram, parallel_angles(sinogram.shape[-2]), window=window) / pixel)


def scan(
    hounsfield: torch.Tensor,
    pixel: float,
    *,
    fraction: float | None = 1.0,
    photons: float = FULL_DOSE,
    sigma_electronic: float = ELECTRONIC,
    views: int = 180,
    window: str = "ramp",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Scan a slice: project, count photons, reconstruct.

    Compare a noisy scan with the noise-free one of the same geometry (`fraction=None`), never with the slice that was
    scanned: a perfect scan by 180 views differs from that already, by its resolution.

    Args:
        hounsfield: (N, C, H, H), floating point, in HU.
        pixel: the side of a pixel in mm.
        fraction: of the full dose; None: no noise at all.
        photons, sigma_electronic: as for `low_dose`.
        views: over half a turn.
        window: of the reconstruction, "ramp" or "hann".
        generator: of the noise; without one, fresh entropy.

    Returns:
        (N, C, H, H) in HU.

    Raises:
        TypeError, ValueError: bad input.

    Source: Yang et al. 2018 for the question; the simulation is a textbook's (Kak and Slaney 1988, chapters 3 to 5).
    Lab: 10.
    """
    sinogram = line_integrals(hounsfield, pixel, views)
    if fraction is not None:
        sinogram = low_dose(
            sinogram, photons, fraction=fraction, sigma_electronic=sigma_electronic, generator=generator
        )
    return reconstruct(sinogram, pixel, window=window)

"""How a CT picture is judged where it is flat: mean and spread in a region, and what its noise looks like."""

from __future__ import annotations

import torch

from course_lib._checks import check_count, check_image, check_number


def roi_statistics(hounsfield: torch.Tensor, mask: torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation in a region, in Hounsfield units: what a phantom test reports.

    Args:
        hounsfield: any shape, floating point, in HU; not the grey values of a window, which are cut off.
        mask: boolean, same shape, at least two pixels.

    Returns:
        Mean; standard deviation, divided by the number of pixels less 1.

    Raises:
        TypeError, ValueError: bad input.

    Source: Yang et al. 2018, whose tables give both for a flat region.
    Lab: 10.
    """
    check_image(hounsfield, "hounsfield")
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != hounsfield.shape:
        got = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(f"mask: expected booleans of the shape {tuple(hounsfield.shape)}, got {got}")
    inside = hounsfield[mask].double()
    if len(inside) < 2:
        raise ValueError(f"mask: expected at least two pixels, got {len(inside)}")
    return float(inside.mean()), float(inside.std())


def noise_power_spectrum(noise: torch.Tensor, pixel: float, *, rings: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """How strong noise is at each spatial frequency: the mean of its squared spectrum, in rings.

    White noise has the same power everywhere, σ²·pixel². The noise of filtered backprojection has hardly any at low
    frequencies; smoothing takes it away at high ones, and what is left looks blotchy.

    Args:
        noise: (N, 1, H, W), floating point: patches without structure, as the difference of two scans by √2; the mean
            of each is taken off.
        pixel: the side of a pixel in mm.
        rings: how many, from 0 to the highest frequency along an axis.

    Returns:
        Frequencies, (rings,), the middles of the rings, in 1/mm; power, (rings,), in HU²·mm². Summed over all of the
        plane of frequencies, power is the variance.

    Raises:
        TypeError, ValueError: bad input.

    Source: Siewerdsen, Cunningham, Jaffray 2002, Med. Phys. 29, 2655.
    Lab: 10.
    """
    check_image(noise, "noise", shapes=True)
    pixel, rings = check_number(pixel, "pixel", low=0, above=True), check_count(rings, "rings")
    if noise.ndim != 4:
        raise ValueError(f"noise: expected patches (N, 1, H, W), got {tuple(noise.shape)}")
    height, width = noise.shape[-2:]
    centred = noise - noise.mean((-2, -1), keepdim=True)
    power = torch.fft.fft2(centred).abs().square().mean((0, 1)) * pixel**2 / (height * width)
    rows = torch.fft.fftfreq(height, pixel, dtype=power.dtype, device=power.device)
    columns = torch.fft.fftfreq(width, pixel, dtype=power.dtype, device=power.device)
    radius = (rows[:, None] ** 2 + columns[None] ** 2).sqrt()
    highest = 0.5 / pixel
    ring = (radius / highest * rings).long()
    inside = (ring < rings) & (radius > 0)  # the mean was taken off
    counts = torch.bincount(ring[inside], minlength=rings)
    sums = torch.bincount(ring[inside], weights=power[inside], minlength=rings)
    middles = (torch.arange(rings, device=power.device) + 0.5) * highest / rings
    return middles, sums / counts.clamp(min=1)

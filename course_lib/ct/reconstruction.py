"""From a sinogram back to the image: filtered backprojection."""

from __future__ import annotations

import math
from functools import partial

import torch

from course_lib.ct._rows import LinearPair, padded, read, spread
from course_lib.ct.projection import check_sinogram

WINDOWS = ("ramp", "hann")


def ramp_filter(sinogram: torch.Tensor, *, window: str = "ramp") -> torch.Tensor:
    """Filter each view of a sinogram by the ramp |ω|, taken from its kernel in space.

    The kernel is 1/4 at 0, -1/(πn)² at odd n, and 0 at other even n. Sampling |ω| itself would lose the mean of the
    image; without zeros behind the views, one end would run into the other.

    Args:
        sinogram: (..., W), floating point.
        window: "ramp" alone, or "hann" times it, which falls to 0 at the highest frequency: less noise, less detail.

    Returns:
        The filtered sinogram, same shape and dtype.

    Raises:
        ValueError: an unknown window.

    Source: Kak and Slaney 1988, chapter 3, equation 61.
    Lab: 10.
    """
    if window not in WINDOWS:
        raise ValueError(f"window: expected one of {', '.join(WINDOWS)}, got {window!r}")
    width = sinogram.shape[-1]
    length = 2 ** math.ceil(math.log2(2 * width))  # a circular convolution of so many is a straight one
    response = _response(length, window).to(sinogram)
    return torch.fft.irfft(torch.fft.rfft(sinogram, length) * response, length)[..., :width]


def fbp(sinogram: torch.Tensor, angles: torch.Tensor, *, window: str = "ramp") -> torch.Tensor:
    """Reconstruct by filtered backprojection: filter the views, then add them up at the place of each pixel.

    Linear and differentiable. A scale of 1 comes back as 1: `fbp(project(x)) ≈ x` for smooth x that is 0 at the rim.

    Args:
        sinogram: (N, C, A, W), floating point: line integrals over pixels, of views spread evenly over half a turn.
        angles: (A,), radians.
        window: as for `ramp_filter`.

    Returns:
        (N, C, W, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Kak and Slaney 1988, chapter 3.
    Lab: 10.
    """
    check_sinogram(sinogram, angles)
    filtered = ramp_filter(sinogram, window=window).flatten(0, 1)
    image = LinearPair.apply(filtered, partial(_add_up, angles=angles), partial(_take_apart, angles=angles))
    size = sinogram.shape[-1]
    return image.view(*sinogram.shape[:2], size, size) * (math.pi / len(angles))


def fbp_noise(sigma: float, views: int, *, window: str = "ramp") -> float:
    """The standard deviation of an image that `fbp` makes of white noise.

    Each pixel reads between two neighbours of each view, which averages some of the noise away: 2/3 of the variance
    and 1/3 of the covariance of neighbours are left, over all places between two samples.

    Args:
        sigma: of the noise in the sinogram, the same everywhere.
        views: how many.
        window: as for `ramp_filter`.

    Returns:
        The standard deviation far from the rim, in units of the image.

    Source: Kak and Slaney 1988, chapter 5; here with linear interpolation between the detectors.
    Lab: 10.
    """
    response = _response(1 << 16, window)
    whole = torch.cat([response, response[1:-1].flip(0)])  # both signs of the frequency
    kernel = torch.fft.ifft(whole**2).real  # autocorrelation of the kernel, by Wiener and Khinchin
    variance = 2 / 3 * float(kernel[0]) + 1 / 3 * float(kernel[1])
    return sigma * math.pi * math.sqrt(variance / views)


def _response(length: int, window: str) -> torch.Tensor:
    """The filter at the frequencies of `rfft`: float64 (length / 2 + 1,)."""
    n = torch.fft.fftfreq(length, 1 / length, dtype=torch.float64).round()
    kernel = torch.where(n % 2 != 0, -1 / (math.pi * torch.where(n == 0, 1.0, n)) ** 2, 0.0)
    kernel[0] = 0.25
    response = torch.fft.rfft(kernel).real
    if window == "hann":
        response = response * (0.5 + 0.5 * torch.cos(2 * math.pi * torch.fft.rfftfreq(length, dtype=torch.float64)))
    return response


def _add_up(views: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """(N, A, W) -> (N, W, W): each pixel takes from every view what stands at its place there."""
    rows = padded(views.permute(1, 2, 0))  # (N, A, W) -> (A, W + 3, N)
    size = views.shape[-1]
    image = views.new_zeros(size * size, views.shape[0])
    for row, angle in zip(rows, angles.tolist(), strict=True):
        image += read(row[None], _places(angle, views))[0]  # (1, W + 3, N) -> (1, W·W, N)
    return image.view(size, size, -1).permute(2, 0, 1).contiguous()


def _take_apart(images: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """(N, W, W) -> (N, A, W): the adjoint of `_add_up`."""
    size = images.shape[-1]
    values = images.permute(1, 2, 0).reshape(1, size * size, -1)  # (N, W, W) -> (1, W·W, N)
    rows = images.new_zeros(len(angles), size + 3, len(images))
    for row, angle in zip(rows, angles.tolist(), strict=True):
        spread(row[None], values, _places(angle, images))
    return rows[:, 1:-2].permute(2, 0, 1).contiguous()


def _places(angle: float, like: torch.Tensor) -> torch.Tensor:
    """(1, W·W): where each pixel lies on the detector."""
    size = like.shape[-1]
    step = torch.arange(size, dtype=torch.float64, device=like.device) - (size - 1) / 2
    where = step[None, :] * math.cos(angle) - step[:, None] * math.sin(angle) + (size - 1) / 2
    return where.to(like.dtype).reshape(1, -1)

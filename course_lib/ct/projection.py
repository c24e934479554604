"""Parallel projections of images, and their exact adjoint."""

from __future__ import annotations

import math
from functools import partial

import torch

from course_lib._checks import check_count, check_image
from course_lib.ct._rows import LinearPair, padded, read_sum, spread


def parallel_angles(views: int) -> torch.Tensor:
    """Evenly spread directions over half a turn: the other half would see the same lines again.

    Args:
        views: how many, >= 1.

    Returns:
        float64 (views,) in radians, from 0 to below π.

    Raises:
        TypeError, ValueError: no whole number of at least 1.

    Source: Kak and Slaney 1988, chapter 3.
    Lab: 10.
    """
    views = check_count(views, "views")
    return torch.arange(views, dtype=torch.float64) * (math.pi / views)


def project(image: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Sum an image along parallel lines: its sinogram, or Radon transform.

    At angle θ the line of detector t is `x·cos θ + y·sin θ = t`, x to the right and y upwards from the image's centre.
    A line is followed from row to row (from column to column where it is flat), and read between two pixels of each
    (Joseph 1982). Linear and differentiable; `backproject` is the exact adjoint. Angle 0 gives the sums of columns.

    Args:
        image: (N, C, H, H), floating point; corners that no line of every view meets are cut off.
        angles: (A,), radians.

    Returns:
        (N, C, A, H), in units of the image times pixels: multiply by the pixel's size for a length.

    Raises:
        TypeError, ValueError: bad input.

    Source: Joseph 1982, IEEE Trans. Med. Imaging 1, 192; Kak and Slaney 1988, chapter 3.
    Lab: 10.
    """
    check_image(image, "image")
    if not isinstance(image, torch.Tensor) or image.ndim != 4 or image.shape[2] != image.shape[3]:
        raise ValueError(f"image: expected a square image as a tensor (N, C, H, H), got {tuple(image.shape)}")
    _check_angles(angles)
    size = image.shape[-1]
    result = LinearPair.apply(image.flatten(0, 1), partial(_project, angles=angles), partial(_smear, angles=angles))
    return result.view(*image.shape[:2], len(angles), size)


def backproject(sinogram: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """The exact adjoint of `project`: each value is laid along its line, with the weights that took it.

    That is what iterative methods and data consistency need: `(project(x) * y).sum() == (x * backproject(y)).sum()`. It
    is not what filtered backprojection does, which reads the sinogram at the pixels' places (`fbp`).

    Args:
        sinogram: (N, C, A, W), floating point.
        angles: (A,), radians.

    Returns:
        (N, C, W, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Natterer 1986, chapter V.
    Lab: 10.
    """
    check_sinogram(sinogram, angles)
    size = sinogram.shape[-1]
    result = LinearPair.apply(sinogram.flatten(0, 1), partial(_smear, angles=angles), partial(_project, angles=angles))
    return result.view(*sinogram.shape[:2], size, size)


def check_sinogram(sinogram: torch.Tensor, angles: torch.Tensor) -> None:
    """Refuse what is no sinogram (N, C, A, W) with one angle a view."""
    check_image(sinogram, "sinogram")
    _check_angles(angles)
    if not isinstance(sinogram, torch.Tensor) or sinogram.ndim != 4 or sinogram.shape[2] != len(angles):
        expected = f"a tensor (N, C, {len(angles)}, W), a view for each angle"
        raise ValueError(f"sinogram: expected {expected}, got {tuple(sinogram.shape)}")


def _check_angles(angles: torch.Tensor) -> None:
    check_image(angles, "angles")
    if not isinstance(angles, torch.Tensor) or angles.ndim != 1:
        raise ValueError(f"angles: expected a tensor (A,) in radians, got {tuple(angles.shape)}")


def _project(images: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """(N, H, H) -> (N, A, H)."""
    rows = padded(images.permute(1, 2, 0))  # (N, H, W) -> (H, W + 3, N)
    columns = padded(images.permute(2, 1, 0))  # (N, H, W) -> (W, H + 3, N)
    views = []
    for angle in angles.tolist():
        steep, where, weight = _crossings(angle, images)
        views.append(read_sum(rows if steep else columns, where) * weight)  # (H, T) -> (T, N)
    return torch.stack(views).permute(2, 0, 1).contiguous()  # (A, T, N) -> (N, A, T)


def _smear(sinograms: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """(N, A, W) -> (N, W, W): the adjoint of `_project`, step by step."""
    number, _, size = sinograms.shape
    rows, columns = (sinograms.new_zeros(size, size + 3, number) for _ in range(2))
    for angle, view in zip(angles.tolist(), sinograms.permute(1, 2, 0), strict=True):  # (N, A, W) -> (A, W, N)
        steep, where, weight = _crossings(angle, sinograms)
        spread(rows if steep else columns, (view * weight).expand(size, -1, -1), where)  # (W, N) -> (H, W, N)
    return (rows[:, 1:-2].permute(2, 0, 1) + columns[:, 1:-2].permute(2, 1, 0)).contiguous()


def _crossings(angle: float, like: torch.Tensor) -> tuple[bool, torch.Tensor, float]:
    """Where the lines of one view cross the rows, or, where these lie too flat, the columns of the image.

    Returns:
        Whether rows; (H, T), the place in each; the length of a line from one to the next.
    """
    size = like.shape[-1]
    middle = (size - 1) / 2
    # double precision: places near 100 would be off by 1e-5 of a pixel in float32
    step = torch.arange(size, dtype=torch.float64, device=like.device) - middle
    cos, sin = math.cos(angle), math.sin(angle)
    if abs(cos) >= abs(sin):
        where = (step[None, :] + step[:, None] * sin) / cos + middle  # y is upwards, rows count downwards
        return True, where.to(like.dtype), 1 / abs(cos)
    where = middle - (step[None, :] - step[:, None] * cos) / sin
    return False, where.to(like.dtype), 1 / abs(sin)

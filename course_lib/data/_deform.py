"""Where the pixels of a turned, scaled and bent image come from: the geometry of `augment.deform`.

Positions are in pixels, (row, column), from the centre of the image.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

#: Mean of the sum of squared cubic B-spline weights over one cell: the variance left of unit-variance coefficients.
VARIANCE_KEPT = 151 / 315

#: Coefficients are cut at two standard deviations, so that a largest one is known.
CUT = 2.0

#: Largest strength as a share of the spacing: no coefficient is above 1 / 2.046 of it, the bound of Choi and Lee 2000.
LARGEST = VARIANCE_KEPT / CUT / 2.0464


def affine_matrices(degrees: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """(N, 2, 2): from a place in the new image to that in the old one. Turns anticlockwise; scale 2 is larger."""
    cosine, sine = torch.deg2rad(degrees).cos(), torch.deg2rad(degrees).sin()
    rows = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], -2)  # (N, 2, 2)
    return rows / scales[:, None, None]


def displacement_fields(
    batch: torch.Tensor, strength: float, spacing: float, generator: torch.Generator
) -> torch.Tensor:
    """Smooth random displacements in pixels, (N, 2, H, W), of standard deviation about `strength`.

    A field is a sum of cubic B-splines, one for each random coefficient, `spacing` pixels apart.
    """
    along = [_weights(length, spacing, batch) for length in batch.shape[-2:]]  # (H, gh), (W, gw)
    shape = (len(batch), 2, along[0].shape[1], along[1].shape[1])
    coefficients = torch.randn(shape, generator=generator, device=generator.device, dtype=batch.dtype).to(batch.device)
    # VARIANCE_KEPT along each of two axes; cutting takes 4.5 % of the coefficients, and little of the deviation
    coefficients = coefficients.clamp(-CUT, CUT) * (strength / VARIANCE_KEPT)
    return torch.einsum("hi,ncij,wj->nchw", along[0], coefficients, along[1])


def sample(batch: torch.Tensor, matrices: torch.Tensor, shifts: torch.Tensor, fields: torch.Tensor) -> torch.Tensor:
    """Image (N, C, H, W) read at `matrix · (place + field) + shift`, bilinear, zero outside."""
    height, width = batch.shape[-2:]
    rows = torch.arange(height, device=batch.device, dtype=batch.dtype) - (height - 1) / 2
    columns = torch.arange(width, device=batch.device, dtype=batch.dtype) - (width - 1) / 2
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij")) + fields  # (N, 2, H, W)
    places = torch.einsum("nij,njhw->nihw", matrices, places) + shifts[:, :, None, None]
    # grid_sample wants (x, y) in units where the image's edges are at -1 and 1
    grid = torch.stack([places[:, 1] * (2 / width), places[:, 0] * (2 / height)], dim=-1)  # (N, H, W, 2)
    return F.grid_sample(batch, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _weights(length: int, spacing: float, like: torch.Tensor) -> torch.Tensor:
    """Cubic B-spline weights (length, coefficients) of the pixels 0 ... length - 1."""
    positions = torch.arange(length, device=like.device, dtype=like.dtype) / spacing
    knots = torch.arange(-1, math.floor((length - 1) / spacing) + 3, device=like.device, dtype=like.dtype)
    distance = (positions[:, None] - knots).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far)

"""Receive coils: what each of several sees, and one image from all of them. A part of `kspace`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from course_lib._checks import Array, check_count
from course_lib.kspace.checks import check_complex
from course_lib.kspace.masks import check_shape


def birdcage_sensitivities(shape: Sequence[int], coils: int) -> np.ndarray:
    """What `coils` loops on a ring around the head see: strong near the loop, its phase turning around it.

    s_c(r) ∝ exp(i·(angle of r from loop c - 2π c / coils)) / |r - r_c|, the loops at 1.5 times half the image's side.

    Args:
        shape: the last two sides (H, W) count.
        coils: how many, at least 1.

    Returns:
        complex64 (coils, H, W), whose root sum of squares is 1 everywhere (torch.from_numpy makes a tensor of it).

    Raises:
        TypeError, ValueError: bad input.

    Source: sigpy.mri.birdcage_maps, whose formula this is.
    Lab: 08.
    """
    height, width = check_shape(shape)
    coils = check_count(coils, "coils")
    turn = (2 * math.pi / coils * np.arange(coils))[:, None, None]  # (coils, 1, 1)
    x = (np.arange(width) * 2 / width - 1)[None, None, :] - 1.5 * np.cos(turn)
    y = (np.arange(height) * 2 / height - 1)[None, :, None] - 1.5 * np.sin(turn)
    maps = np.exp(1j * (np.arctan2(x, -y) - turn)) / np.hypot(x, y)  # (coils, H, W)
    return (maps / np.sqrt((np.abs(maps) ** 2).sum(0))).astype(np.complex64)


def root_sum_of_squares(images: Array, axis: int = -3) -> Array:
    """One magnitude from all coils, without knowing their sensitivities: `sqrt(Σ |image_c|²)`.

    Args:
        images: (coils, H, W) or (N, coils, H, W). Real or complex, numpy or torch, differentiable.
        axis: that of the coils.

    Returns:
        Real values (float32 for complex64): (H, W) for (coils, H, W); (N, 1, H, W), an image as all are, for (N, coils,
        H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Roemer 1990.
    Lab: 08.
    """
    check_complex(images, "images", real_too=True)
    if images.ndim < 3 or not -images.ndim <= axis < images.ndim:
        raise ValueError(f"images: expected an axis {axis} of coils, got shape {tuple(images.shape)}")
    keep = images.ndim > 3
    if isinstance(images, torch.Tensor):
        # unlike a square root, the norm has a gradient at 0
        return torch.linalg.vector_norm(images, dim=axis, keepdim=keep)
    return np.linalg.norm(images, axis=axis, keepdims=keep)


def spread(image: Array, sensitivities: Array | None) -> Array:
    """What each coil sees of the image: (H, W) -> (coils, H, W), (N, 1, H, W) -> (N, coils, H, W)."""
    return image if sensitivities is None else image * sensitivities


def combine(coil_images: Array, sensitivities: Array | None) -> Array:
    """The adjoint of `spread`: Σ conj(s_c) · image_c; (coils, H, W) -> (H, W), (N, coils, H, W) -> (N, 1, H, W)."""
    if sensitivities is None:
        return coil_images
    total = (sensitivities.conj() * coil_images).sum(-3)
    return total if coil_images.ndim == 3 else total[..., None, :, :]

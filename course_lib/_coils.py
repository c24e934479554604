"""Receive coils: what each of several sees, and one image from all of them. A part of `kspace`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, check_count
from course_lib._fourier import check_complex
from course_lib._sampling import check_kind, check_shape


def birdcage_sensitivities(shape: Sequence[int], coils: int) -> np.ndarray:
    """What `coils` loops on a ring around the head see: strong near the loop, its phase turning around it.

    s_c(r) ∝ exp(i·(angle of r from loop c - 2π c / coils)) / |r - r_c|, the loops at 1.5 times half the image's side.
    shape: the last two sides (H, W) count. Returns complex64 (coils, H, W), whose root sum of squares is 1 everywhere
    (torch.from_numpy makes a tensor of it). Raises TypeError/ValueError on bad input.
    Source: sigpy.mri.birdcage_maps, whose formula this is; lab 08.
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

    images: (coils, H, W) gives (H, W); (N, coils, H, W) gives (N, 1, H, W), an image as all are. Real or complex, numpy
    or torch, differentiable. axis: that of the coils. Returns real values (float32 for complex64).
    Raises TypeError/ValueError on bad input. Source: Roemer 1990; lab 08.
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


def check_sensitivities(sensitivities: Any, values: Array, name: str, *, coils: bool) -> None:
    """Refuse sensitivities that do not fit an image, or (with `coils`) the k-space of all coils; None is one coil."""
    if sensitivities is None:
        return
    check_kind(sensitivities, "sensitivities", values, name)
    check_complex(sensitivities, "sensitivities", real_too=True)
    shape, wanted = tuple(sensitivities.shape), tuple(values.shape)
    batched = len(wanted) == 4
    if coils:
        fits = len(wanted) in (3, 4) and len(shape) in (3, len(wanted)) and shape[-3:] == wanted[-3:]
        form = "(coils, H, W) or (N, coils, H, W)"
    else:
        fits = (len(wanted) == 2 or (batched and wanted[1] == 1)) and len(shape) in ((3, 4) if batched else (3,))
        fits = fits and shape[-2:] == wanted[-2:]
        form = "(H, W) or (N, 1, H, W)"
    if not fits or (len(shape) == 4 and shape[0] not in (1, wanted[0])):
        raise ValueError(
            f"sensitivities: expected (coils, H, W), or (N, coils, H, W), that fit {name} of shape {form}, got"
            f" {shape} for {name} of shape {wanted}"
        )

"""The phase that a magnitude image has lost: smooth, as real scans have it. A part of `kspace`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, check_number
from course_lib._random import generator_for
from course_lib.kspace.checks import check_complex

ORDERS = 4  # half waves along a side, at most 3: what the main field and the coils do to the phase is this smooth


def with_phase(image: Array, *, generator: Any = None, strength: float = 1.0) -> Array:
    """Give a magnitude image a random smooth phase: `image · exp(i·phase)`; its magnitude stays what it was.

    The k-space of a real image has the symmetry F(-k) = conj F(k), so a method could have half of it for free. A real
    scan's phase (field, coils, timing) takes that away. Here it is the sum of the 15 slowest cosine waves, with random
    weights that fall with frequency, and of a constant drawn from the full circle.

    Args:
        image: (H, W), (T, H, W) or (N, C, H, W), real or complex; each of the N has a phase of its own, its channels
            (frames) share it.
        generator: of the image's kind, fresh entropy by default.
        strength: the standard deviation of the phase over the image in radians, >= 0 (0 leaves the constant).

    Returns:
        complex64 (complex128 for double precision), of the image's shape.

    Raises:
        TypeError, ValueError: bad input.

    Source: the course.
    Lab: 08.
    """
    check_complex(image, "image", real_too=True)
    strength = check_number(strength, "strength", low=0)
    if image.ndim > 4:
        raise ValueError(f"image: expected shape (H, W), (T, H, W) or (N, C, H, W), got {tuple(image.shape)}")
    count = image.shape[0] if image.ndim == 4 else 1
    height, width = image.shape[-2:]
    weights, constants = _draw(image, generator, count)  # (N, 4, 4), (N, 1, 1)
    slow = np.arange(ORDERS)
    falling = 1 / (1.0 + slow[:, None] ** 2 + slow[None, :] ** 2)
    phase = _cosines(height).T @ (weights * falling) @ _cosines(width)  # (H, 4) · (N, 4, 4) · (4, W) -> (N, H, W)
    phase *= strength / np.maximum(phase.std(axis=(1, 2), keepdims=True), 1e-12)
    phase += constants
    double = str(image.dtype) in ("float64", "complex128", "torch.float64", "torch.complex128")
    phase = phase.astype(np.float64 if double else np.float32)
    turn = np.cos(phase) + 1j * np.sin(phase)  # np.exp(1j * phase) takes several times as long
    turn = turn[:, None] if image.ndim == 4 else turn[0]  # (N, 1, H, W) or (H, W)
    return image * (torch.from_numpy(turn).to(image.device) if isinstance(image, torch.Tensor) else turn)


def _cosines(size: int) -> np.ndarray:
    """The slowest cosines along a side, each of mean square 1: (4, size)."""
    places = (np.arange(size) + 0.5) / size
    waves = np.cos(np.pi * np.arange(ORDERS)[:, None] * places)
    waves[1:] *= np.sqrt(2)
    return waves


def _draw(image: Array, generator: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal weights (N, 4, 4) and constants from the full circle (N, 1, 1)."""
    generator = generator_for(image, generator)
    if isinstance(generator, torch.Generator):
        device, double = generator.device, torch.float64
        weights = torch.randn(count, ORDERS, ORDERS, generator=generator, device=device, dtype=double)
        turns = torch.rand(count, 1, 1, generator=generator, device=device, dtype=double)
        return weights.cpu().numpy(), 2 * np.pi * turns.cpu().numpy()
    return generator.standard_normal((count, ORDERS, ORDERS)), 2 * np.pi * generator.random((count, 1, 1))

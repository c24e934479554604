"""Random numbers of an array's own kind: a numpy Generator serves numpy, a torch.Generator torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from course_lib._checks import Array


def generator_for(values: Array, generator: Any) -> Any:
    """The caller's generator if it fits the values, or a fresh one seeded from the operating system."""
    if isinstance(values, torch.Tensor):
        if generator is None:
            generator = torch.Generator(device=values.device)
            generator.seed()
        if not isinstance(generator, torch.Generator):
            raise TypeError(f"generator: expected a torch.Generator for a tensor, got {type(generator).__name__}")
        return generator
    if generator is None:
        return np.random.default_rng()
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"generator: expected a numpy.random.Generator for a numpy array, got {type(generator).__name__}"
        )
    return generator


def normal(values: Array, generator: Any) -> Array:
    """Standard normal numbers, as many as there are values, of their (real) dtype and on their device."""
    if isinstance(values, torch.Tensor):
        return torch.randn(values.shape, generator=generator, device=values.device, dtype=values.dtype)
    return generator.standard_normal(values.shape).astype(values.dtype, copy=False)

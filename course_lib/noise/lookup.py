"""Functions without a closed form, as tables: built once in double precision, read by linear interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from course_lib._checks import Array, as_tensor


@dataclass(frozen=True)
class Table:
    """Values of a function at `start`, `start + step`, …; between them a line, outside the value at the end.

    Attributes:
        start: the first place.
        step: from one place to the next.
        values: of the function, one for each place.
    """

    start: float
    step: float
    values: np.ndarray

    @property
    def stop(self) -> float:
        """The last place that the table covers."""
        return self.start + self.step * (len(self.values) - 1)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The function at x, of any shape; same dtype and device."""
        values = torch.from_numpy(self.values).to(x)
        place = ((x - self.start) / self.step).clamp(0, len(self.values) - 1)
        below = place.detach().long().clamp(max=len(self.values) - 2)
        low = values[below]
        return low + (place - below) * (values[below + 1] - low)


def inverse_table(arguments: np.ndarray, results: np.ndarray, *, step: float) -> Table:
    """Turn samples of an increasing function round: a table of the argument over evenly spaced results."""
    count = int((results[-1] - results[0]) / step) + 1
    grid = results[0] + step * np.arange(count)
    return Table(float(results[0]), step, np.interp(grid, results, arguments))


def elementwise(function: Callable[..., torch.Tensor], *images: Array) -> Array:
    """Compute in torch, at least in single precision, and give back the kind, dtype and device of the first image."""
    first = images[0]
    if isinstance(first, torch.Tensor):
        return function(*(x if x.element_size() >= 4 else x.float() for x in images)).to(first.dtype)
    tensors = [as_tensor(x) for x in images]
    tensors = [x if x.element_size() >= 4 else x.float() for x in tensors]
    return function(*tensors).numpy().astype(first.dtype, copy=False)


def root(square: torch.Tensor) -> torch.Tensor:
    """`sqrt(max(square, 0))`, with gradient 0 (not NaN) where there is no root."""
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, torch.ones_like(square)).sqrt(), 0)

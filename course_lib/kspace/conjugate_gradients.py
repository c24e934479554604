"""Conjugate gradients for images: what solves the data step of several coils. A part of `kspace`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch


def conjugate_gradients(
    operator: Callable[[torch.Tensor], torch.Tensor], right: torch.Tensor, iterations: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Solve `operator(x) = right`, from x = 0: yield x, and what is left of `right`, after each iteration.

    Each image of a batch has steps of its own, as if it were alone. Where nothing is left, x stays. Differentiable: the
    gradient passes through the iterations that were done.

    Args:
        operator: linear, equal to its adjoint, and x · operator(x) >= 0, as Aᴴ A + constant.
        right: (N, C, H, W), an image each of the N, or (H, W); real or complex.
        iterations: how many.

    Yields:
        (x, right - operator(x)), of the shape of `right`.

    Source: Hestenes and Stiefel 1952.
    """
    axes = tuple(range(1, right.ndim)) if right.ndim == 4 else tuple(range(right.ndim))
    tiny = torch.finfo(right.dtype).tiny

    def product(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return (one.conj() * other).real.sum(axes, keepdim=True)

    found, left, direction = torch.zeros_like(right), right, right
    energy = product(left, left)
    for _ in range(iterations):
        seen = operator(direction)
        step = energy / product(direction, seen).clamp_min(tiny)
        found = found + step * direction
        left = left - step * seen
        before, energy = energy, product(left, left)
        direction = left + energy / before.clamp_min(tiny) * direction
        yield found, left

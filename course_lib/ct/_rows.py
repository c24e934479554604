"""Reading rows between their samples, and the exact adjoint of it: what projecting and backprojecting are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

FEW = 4  # images at once, up to which reading one by one is faster
Linear = Callable[[torch.Tensor], torch.Tensor]


class LinearPair(torch.autograd.Function):
    """`forward(values)` of a linear map whose derivative is its adjoint, of any order and without stored places."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, forward: Linear, adjoint: Linear) -> torch.Tensor:
        ctx.pair = adjoint, forward
        return forward(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return LinearPair.apply(gradients[0], *ctx.pair), None, None


def padded(rows: torch.Tensor) -> torch.Tensor:
    """Zeros around each row, so that what lies outside reads as 0: (K, W, N) -> (K, W + 3, N)."""
    return F.pad(rows, (0, 0, 1, 2))


def read(rows: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Linear interpolation in each row.

    Args:
        rows: (K, W + 3, N) of `padded`.
        where: (K, T), places in samples of the row before it was padded.

    Returns:
        (K, T, N).
    """
    index, part = _split(where, rows.shape[1])
    flat = rows.flatten(0, 1)  # (K, W + 3, N) -> (K·(W + 3), N)
    found = torch.lerp(flat.index_select(0, index), flat.index_select(0, index + 1), part)
    return found.view(*where.shape, -1)  # (K·T, N) -> (K, T, N)


def read_sum(rows: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """`read`, summed over the rows: (K, W + 3, N) and (K, T) -> (T, N)."""
    if rows.shape[-1] < FEW:
        return read(rows, where).sum(0)
    # a bag of weighted rows of the table for each place: what is read never lies in memory, K times as large as its sum
    index, part = _split(where, rows.shape[1])
    index, part = (values.view(where.shape).T for values in (index.int(), part))  # (K·T,) -> (T, K)
    pairs = torch.stack([index, index + 1], -1).flatten(1)  # (T, K) -> (T, 2·K)
    weights = torch.stack([1 - part, part], -1).flatten(1)
    return F.embedding_bag(pairs, rows.flatten(0, 1), mode="sum", per_sample_weights=weights)


def spread(into: torch.Tensor, values: torch.Tensor, where: torch.Tensor) -> None:
    """The adjoint of `read`: add values (K, T, N) to the two samples beside each place; `into` is changed."""
    index, part = _split(where, into.shape[1])
    flat, values = into.flatten(0, 1), values.reshape(-1, values.shape[-1])  # (K, T, N) -> (K·T, N)
    beyond = values * part
    flat.index_add_(0, index, values - beyond)
    flat.index_add_(0, index + 1, beyond)


def _split(where: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places as whole samples of the flattened padded rows, (K·T,), and what lies beyond these, (K·T, 1)."""
    where = (where + 1).clamp(0, width - 2)
    whole = where.floor()
    part = (where - whole).reshape(-1, 1)
    first = torch.arange(len(where), device=where.device)[:, None] * width
    return (whole.long() + first).reshape(-1), part

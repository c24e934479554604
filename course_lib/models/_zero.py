"""A convolution that starts at 0: what it adds to a sum is nothing at first, and is learned."""

from __future__ import annotations

from torch import nn


def start_at_zero(convolution: nn.Conv2d | nn.Conv3d) -> None:
    """Set its weights, and its bias if it has one, to 0."""
    nn.init.zeros_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)

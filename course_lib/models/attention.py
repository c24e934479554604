"""Attention in a convolutional network: squeeze and excitation over channels, over space, both; gates (lab 14).

All of them multiply features by numbers between 0 and 1 that are computed from the features themselves: shape,
dtype and device stay. Features: (N, channels, H, W), floating point, any H and W. TypeError/ValueError on bad input.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from course_lib._checks import check_count

COMBINATIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "sum": torch.add,
    "max": torch.maximum,
    "multiply": torch.mul,
}


class ChannelSE(nn.Module):
    """cSE: `x · sigmoid(W2 · ReLU(W1 · mean(x)))`; the mean is over H and W, so each channel gets one number an image.

    Shapes and errors: see the module.

    Args:
        channels: of the features.
        reduction: W1 has channels // reduction outputs, but at least 1.

    Source: Hu et al. 2018 (equations 2 to 4); Roy et al. 2018 ("cSE").
    Lab: 14.
    """

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        self.channels = check_count(channels, "channels")
        hidden = max(channels // check_count(reduction, "reduction"), 1)  # 8 // 16 would be a layer with no channels
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """The numbers from 0 to 1.

        Args:
            x: features (N, channels, H, W).

        Returns:
            (N, channels, 1, 1).
        """
        _check_features(x, self.channels)
        mean = x.mean((2, 3), keepdim=True)  # (N, C, H, W) -> (N, C, 1, 1)
        return torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)


class SpatialSE(nn.Module):
    """sSE: `x · sigmoid(w · x)`; w is a 1×1 convolution to one channel, so each place gets one number an image.

    Shapes and errors: see the module.

    Args:
        channels: of the features.

    Source: Roy et al. 2018 ("sSE").
    Lab: 14.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.channels = check_count(channels, "channels")
        self.project = nn.Conv2d(channels, 1, 1)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """The numbers from 0 to 1.

        Args:
            x: features (N, channels, H, W).

        Returns:
            (N, 1, H, W).
        """
        _check_features(x, self.channels)
        return torch.sigmoid(self.project(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)


class ConcurrentSE(nn.Module):
    """scSE: both at once, side by side, never one after the other: `x · (c + s)` with the gates c of cSE and s of sSE.

    The sum is the same as cSE(x) + sSE(x), and one product cheaper. At the start c and s are near ½: the sum passes x
    nearly as it is, the product a quarter of it. Roy et al. combine x·c and x·s: for x ≥ 0 (after a ReLU) their maximum
    is ours; their product also squares x. Shapes and errors: see the module.

    Args:
        channels: of the features.
        reduction: as in `ChannelSE`.
        combine: "sum", "max" or "multiply", which is done to the two gates.

    Source: Roy et al. 2018 and 2019.
    Lab: 14.
    """

    def __init__(self, channels: int, reduction: int = 16, combine: str = "sum"):
        super().__init__()
        if combine not in COMBINATIONS:
            raise ValueError(f"combine: expected one of {', '.join(map(repr, COMBINATIONS))}, got {combine!r}")
        self.combine = combine
        self.channel, self.spatial = ChannelSE(channels, reduction), SpatialSE(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # (N, C, 1, 1) and (N, 1, H, W) -> (N, C, H, W)
        return x * COMBINATIONS[self.combine](self.channel.gate(x), self.spatial.gate(x))

    def extra_repr(self) -> str:
        return f"combine={self.combine!r}"


class AttentionGate(nn.Module):
    """What a U-Net hands across, seen by what lies below: `x · α`, α = sigmoid(ψ · ReLU(W_x · x + W_g · g)).

    x: (N, channels, H, W), the fine features. g, the gating signal: (N, gating, H/2, W/2), H and W even, what the
    decoder knows one level below. α is computed at the size of g and interpolated: (N, 1, H, W), one number a place.

    Args:
        channels: of the fine features x.
        gating: channels of the gating signal g.
        hidden: features of the sum; default half of `channels`, at least 1.

    Raises:
        TypeError, ValueError: bad input; ValueError also where g is not half as large.

    Source: Oktay et al. 2018, equations 1 and 2, figure 2 (W_x a 2×2 convolution of stride 2; without the convolution
        and BN that their code puts behind).
    Lab: 14, for comparison.
    """

    def __init__(self, channels: int, gating: int, hidden: int | None = None):
        super().__init__()
        self.channels, self.gating = check_count(channels, "channels"), check_count(gating, "gating")
        hidden = max(channels // 2, 1) if hidden is None else check_count(hidden, "hidden")
        self.features = nn.Conv2d(channels, hidden, 2, stride=2, bias=False)  # the other one has the bias of the sum
        self.signal = nn.Conv2d(gating, hidden, 1)
        self.project = nn.Conv2d(hidden, 1, 1)

    def gate(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """The numbers from 0 to 1.

        Args:
            x: the fine features, (N, channels, H, W).
            g: the gating signal, (N, gating, H/2, W/2).

        Returns:
            (N, 1, H, W).
        """
        _check_features(x, self.channels)
        _check_features(g, self.gating, "g")
        if (2 * g.shape[-2], 2 * g.shape[-1]) != tuple(x.shape[-2:]):
            raise ValueError(f"g: expected half of x's size {tuple(x.shape[-2:])}, got {tuple(g.shape[-2:])}")
        coarse = torch.sigmoid(self.project(torch.relu(self.features(x) + self.signal(g))))  # (N, 1, H/2, W/2)
        return F.interpolate(coarse, scale_factor=2, mode="bilinear")

    def forward(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x, g)


def _check_features(x: torch.Tensor, channels: int, name: str = "x") -> None:
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"{name}: expected features (N, {channels}, H, W), got {tuple(x.shape)}")

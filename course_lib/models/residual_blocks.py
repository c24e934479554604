"""The bricks of lab 06: two residual blocks, original and full pre-activation, and the block that doubles an image.

No pooling and no interpolation: what is halved is halved by a stride, what is doubled by a transposed convolution, so
the network learns what to keep. Source: He et al. 2016 (both papers); healthy-brain thesis, building blocks.
"""

from __future__ import annotations

import torch
from torch import nn


class OriginalBlock(nn.Module):
    """`ReLU(x + F(x))` with F = conv-BN-ReLU-conv-BN: the sum itself is rectified.

    (N, inputs, H, W) -> (N, outputs, H/stride, W/stride), odd sides rounded up.
    The shortcut is x itself; where stride or channels change, a 1×1 convolution with that stride, without BN.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the first convolution.

    Source: He et al., "Deep residual learning", 2016, figure 2.
    Lab: 06.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = _shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.shortcut(x) + self.residual(x))


class PreActivationBlock(nn.Module):
    """`x + F(x)` with F = BN-ReLU-conv-BN-ReLU-conv: nothing is done to the sum, so x passes as it is.

    (N, inputs, H, W) -> (N, outputs, H/stride, W/stride), odd sides rounded up.
    The shortcut starts at x, before the first BN: x itself, or a 1×1 convolution as in `OriginalBlock`.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the first convolution.
        always_project: a 1×1 convolution also where x would fit, as Myronenko's blocks have it.

    Source: He et al., "Identity mappings in deep residual networks", 2016, figure 1b.
    Lab: 06.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, always_project: bool = False):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        self.shortcut = _shortcut(inputs, outputs, stride, always_project)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + self.residual(x)


def doubling(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Transposed 3×3 convolution that doubles exactly: (N, inputs, H, W) -> (N, outputs, 2·H, 2·W).

    Args:
        inputs: channels that come in.
        outputs: channels that go out.

    Returns:
        The layer.
    """
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


def up_block(inputs: int, outputs: int) -> nn.Sequential:
    """Transposed conv-BN-ReLU: (N, inputs, H, W) -> (N, outputs, 2·H, 2·W).

    Args:
        inputs: channels that come in.
        outputs: channels that go out.

    Returns:
        The three layers.

    Lab: 06.
    """
    return nn.Sequential(doubling(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU())


def _shortcut(inputs: int, outputs: int, stride: int, always_project: bool = False) -> nn.Module:
    if always_project or stride != 1 or inputs != outputs:
        return nn.Conv2d(inputs, outputs, 1, stride)
    return nn.Identity()

"""The U-Net: what is fine goes straight across, what is coarse takes the way down and up again (lab 09)."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.images import pad_to_multiple
from course_lib.models._zero import start_at_zero


class UNet(nn.Module):
    """Two convolutions a level, `depth` times halved by pooling and doubled again, each level joined to its like.

    Input and output: (N, channels, H, W), floating point, any H and W (padded inside to multiples of 2^depth, cropped
    again). The last convolution starts at 0, so that a residual U-Net starts as the identity and learns sooner. The
    output is linear: clip it to [0, 1] before scoring. GroupNorm, not BatchNorm: an image's result depends on no other
    image, and is the same in training as after it. 7,765,409 parameters.

    Args:
        channels: of the image.
        width: features of the finest level, doubled at each level below.
        depth: 0 is a network without levels.
        residual: what is learned is added to the input; else it is the output.

    Raises:
        TypeError, ValueError: bad input.

    Source: Ronneberger 2015, here with padded convolutions; residual as in Zhang 2017 (DnCNN).
    Lab: 09.
    """

    def __init__(self, channels: int = 1, *, width: int = 32, depth: int = 4, residual: bool = True):
        super().__init__()
        self.channels, w = check_count(channels, "channels"), check_count(width, "width")
        self.depth, self.residual = check_count(depth, "depth", low=0), residual
        widths = [w * 2**level for level in range(self.depth + 1)]  # 32, 64, 128, 256, 512
        inputs = [channels, *widths[:-1]]
        self.down = nn.ModuleList([_convolutions(a, b) for a, b in zip(inputs, widths, strict=True)])
        pairs = list(zip(widths[1:], widths[:-1], strict=True))[::-1]  # (512, 256), (256, 128), …
        self.doubled = nn.ModuleList([nn.ConvTranspose2d(below, here, 2, stride=2) for below, here in pairs])
        self.up = nn.ModuleList([_convolutions(2 * here, here) for _, here in pairs])
        self.head = nn.Conv2d(w, channels, 1)
        start_at_zero(self.head)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.ndim != 4 or image.shape[1] != self.channels:
            raise ValueError(f"expected a batch of images (N, {self.channels}, H, W), got {tuple(image.shape)}")
        height, width = image.shape[-2:]
        x, across = pad_to_multiple(image, 2**self.depth), []
        for level, convolutions in enumerate(self.down):
            if level:
                x = nn.functional.max_pool2d(x, 2)  # (N, w, H, W) -> (N, w, H/2, W/2)
            x = convolutions(x)
            across.append(x)
        for double, convolutions, fine in zip(self.doubled, self.up, across[-2::-1], strict=True):
            # (N, 2w, H/2, W/2) -> (N, w + w, H, W) -> (N, w, H, W)
            x = convolutions(torch.cat([double(x), fine], dim=1))
        x = self.head(x)[..., :height, :width]
        return image + x if self.residual else x


def _convolutions(inputs: int, outputs: int) -> nn.Sequential:
    """conv-GroupNorm-ReLU, twice; groups of equal size, at most 8."""
    groups = next(number for number in (8, 4, 2, 1) if outputs % number == 0)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(groups, outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.GroupNorm(groups, outputs), nn.ReLU(),
    )  # fmt: skip

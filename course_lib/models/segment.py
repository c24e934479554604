"""A small U-Net that says of each pixel what it belongs to (lab 12)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from course_lib._checks import check_count
from course_lib.models.autoencoders import check_batch


class SegmentationUNet(nn.Module):
    """A U-Net of three levels, two convolutions each, that ends in one map for each class.

    Input: (N, channels, H, W), floating point, sides a multiple of 4. Output: logits (N, classes, H, W). The classes
    exclude each other, so `logits.softmax(1)` are probabilities; a sigmoid would let a pixel be blood and muscle at
    once. GroupNorm, not BatchNorm: the network is the same in training as after it, however few its steps. 107,012
    parameters.

    Args:
        classes: with the background.
        width: features of the finest level, doubled at each level below; a multiple of 4.
        channels: of the image.

    Raises:
        TypeError, ValueError: bad input.

    Source: Ronneberger et al. 2015 (U-Net); the sizes are ours.
    Lab: 12.
    """

    def __init__(self, classes: int = 4, width: int = 16, channels: int = 1) -> None:
        super().__init__()
        classes, w = check_count(classes, "classes", low=2), check_count(width, "width")
        self.channels = check_count(channels, "channels")
        if w % 4:
            raise ValueError(f"width: expected a multiple of 4, got {w}")
        self.fine = nn.Sequential(_block(self.channels, w), _block(w, w))
        self.middle = nn.Sequential(_block(w, 2 * w, stride=2), _block(2 * w, 2 * w))
        self.coarse = nn.Sequential(_block(2 * w, 4 * w, stride=2), _block(4 * w, 4 * w))
        self.up_middle, self.up_fine = _block(6 * w, 2 * w), _block(3 * w, w)
        self.head = nn.Conv2d(w, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(image, self.channels)
        if height % 4 or width % 4:
            raise ValueError(f"expected sides that are a multiple of 4, got {height}×{width}")
        fine = self.fine(image)  # (N, w, H, W)
        middle = self.middle(fine)  # (N, 2w, H/2, W/2)
        coarse = self.coarse(middle)  # (N, 4w, H/4, W/4)
        middle = self.up_middle(torch.cat([_doubled(coarse), middle], 1))  # (N, 4w + 2w, …) -> (N, 2w, H/2, W/2)
        return self.head(self.up_fine(torch.cat([_doubled(middle), fine], 1)))  # (N, 2w + w, …) -> (N, classes, H, W)


def _block(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(4, outputs), nn.ReLU())


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

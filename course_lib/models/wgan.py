"""The generator and the critic with which Yang et al. denoise low-dose CT (lab 10)."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.models.autoencoders import check_batch


class CTGenerator(nn.Module):
    """Eight 3×3 convolutions of one size, ReLU between: 7 with `width` features, then one for the image.

    Input and output: (N, 1, H, W), floating point, any H and W: grey values of a display window, not clipped. 56,097
    parameters. The paper has a ReLU after the last convolution as well; it would forbid values below the window.

    Args:
        width: features of the inner convolutions.
        depth: number of convolutions, at least 2.
        residual: the network's output is added to its input, and starts at 0. Not in the paper: it learns faster.

    Raises:
        TypeError, ValueError: bad input.

    Source: Yang et al. 2018.
    Lab: 10.
    """

    def __init__(self, width: int = 32, *, depth: int = 8, residual: bool = True):
        super().__init__()
        width, depth = check_count(width, "width"), check_count(depth, "depth", low=2)
        self.residual = residual
        layers: list[nn.Module] = []
        for number in range(depth):
            inputs, outputs = (1 if number == 0 else width), (1 if number == depth - 1 else width)
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
            layers += [convolution, nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])
        if residual:
            nn.init.zeros_(convolution.weight)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_batch(image, 1)
        found = self.layers(image)
        return image + found if self.residual else found


class CTCritic(nn.Module):
    """Gives an image a mark: pairs of 3×3 convolutions, strides 1 and 2, then two layers; no sigmoid, no normalisation.

    Input: (N, 1, size, size); output: (N,). With the paper's widths and 64×64 patches 17,923,521 parameters, with
    `widths=(16, 32, 64), hidden=128, size=32` 203,121. Batch normalisation would mix the images of a batch, and the
    gradient penalty is about each one alone.

    Args:
        size: of the square patches.
        widths: features of each pair of convolutions.
        hidden: features of the last layer but one.

    Raises:
        TypeError, ValueError: bad input.

    Source: Yang et al. 2018; the slope of the LeakyReLU, 0.2, is that of the authors' code.
    Lab: 10.
    """

    def __init__(self, size: int = 64, *, widths: tuple[int, ...] = (64, 128, 256), hidden: int = 1024):
        super().__init__()
        self.size, hidden = check_count(size, "size"), check_count(hidden, "hidden")
        layers: list[nn.Module] = []
        features, side = 1, self.size
        for width in widths:
            for stride in (1, 2):
                layers += [nn.Conv2d(features, check_count(width, "widths"), 3, stride, padding=1), nn.LeakyReLU(0.2)]
                features, side = width, (side + stride - 1) // stride
        layers += [nn.Flatten(), nn.Linear(features * side * side, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if check_batch(image, 1) != (self.size, self.size):
            raise ValueError(f"image: expected {self.size}×{self.size} pixels, got {tuple(image.shape[-2:])}")
        return self.layers(image)[:, 0]  # (N, 1) -> (N,)

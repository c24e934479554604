"""DeepResolve: thin slices from thick ones, convolutions that add what interpolation leaves out (lab 12)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.models._zero import start_at_zero

#: For a CPU: slices of (H, W), thickened along one of their axes; 56,097 parameters. Ours, not published.
SMALL: dict[str, Any] = {"depth": 8, "width": 32, "dimensions": 2}


class DeepResolve(nn.Module):
    """Convolutions of 3×3×3 with ReLU between them, whose output is added to the input: interpolated slices.

    Input and output: (N, channels, D, H, W), or (N, channels, H, W) in two dimensions; floating point, any sides. The
    input lies on the thin grid already, by `resolution.between_slices`, with its centres at the right places: the
    network learns what is missing, not where the slices lie. The output is linear: clip it to [0, 1] before scoring.
    `resolution.keep_measured` after it makes it fit the measurement; nothing in the network does.

    The last convolution starts at 0, so that an untrained network is interpolation; the paper does not say how it
    starts. 1,995,329 parameters; in two dimensions 665,921; with `SMALL` 56,097. Its receptive field is 41 voxels wide,
    that of `SMALL` 17.

    Args:
        depth: number of convolutions, at least 2.
        width: features of each convolution but the last.
        channels: of the image.
        dimensions: 3 for volumes, 2 for slices.

    Raises:
        TypeError, ValueError: bad input.

    Source: Chaudhari et al. 2018, MRM 80(5), 2139-2154; layers as in the same group's arXiv 1808.04447.
    Lab: 12.
    """

    def __init__(self, depth: int = 20, width: int = 64, channels: int = 1, dimensions: int = 3) -> None:
        super().__init__()
        depth, width = check_count(depth, "depth", low=2), check_count(width, "width")
        self.channels = check_count(channels, "channels")
        if dimensions not in (2, 3):
            raise ValueError(f"dimensions: expected 2 or 3, got {dimensions!r}")
        self.dimensions = dimensions
        kind = nn.Conv2d if dimensions == 2 else nn.Conv3d
        layers: list[nn.Module] = []
        for number in range(depth):
            inputs, outputs = (channels if number == 0 else width), (channels if number == depth - 1 else width)
            convolution = kind(inputs, outputs, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            if convolution.bias is not None:  # it is not; mypy cannot know
                nn.init.zeros_(convolution.bias)
            layers += [convolution, nn.ReLU(inplace=True)]
        start_at_zero(convolution)
        self.layers = nn.Sequential(*layers[:-1])

    def residual(self, image: torch.Tensor) -> torch.Tensor:
        """What the network adds to interpolated slices.

        Args:
            image: (N, channels, D, H, W), or (N, channels, H, W) in two dimensions.

        Returns:
            The same shape.

        Raises:
            ValueError: another shape.
        """
        if image.ndim != self.dimensions + 2 or image.shape[1] != self.channels:
            wanted = f"(N, {self.channels}, {'H, W' if self.dimensions == 2 else 'D, H, W'})"
            raise ValueError(f"expected a batch {wanted}, got {tuple(image.shape)}")
        return self.layers(image)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + self.residual(image)

"""An autoencoder of label maps: a code of few numbers for what a shape can be (lab 12)."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.models.autoencoders import check_batch


class ShapeEncoder(nn.Sequential):
    """Label maps to codes: three convolutions of stride 2 with ReLU, and a linear layer.

    Args:
        size: height and width of the maps, a multiple of 8.
        classes: with the background.
        width: features of the first convolution, doubled twice.
        code: numbers in a code.

    Source: Oktay et al. 2017 (ACNN); the layers are ours.
    Lab: 12.
    """

    def __init__(self, size: int, classes: int, width: int, code: int) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in ((classes, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(4 * width * (size // 8) ** 2, code))


class ShapeAutoencoder(nn.Module):
    """Codes label maps, and draws them from codes: what cannot be drawn is no shape that it knows.

    Input: (N, classes, size, size), one-hot labels or probabilities. Output: logits of the same shape, for
    cross-entropy with the labels. `encode` and `decode` are its halves, `encoder` is what `losses.shape_prior_loss`
    takes. 281,140 parameters for size 64.

    Args:
        size: height and width of the maps, a multiple of 8.
        classes: with the background.
        width: features of the first convolution.
        code: numbers in a code; 64 as in re-implementations of ACNN.

    Raises:
        TypeError, ValueError: bad input.

    Source: Oktay et al. 2017 (ACNN), arXiv 1705.08302; the layers are ours.
    Lab: 12.
    """

    def __init__(self, size: int = 64, classes: int = 4, width: int = 8, code: int = 64) -> None:
        super().__init__()
        size, classes = check_count(size, "size", low=8), check_count(classes, "classes", low=2)
        width, code = check_count(width, "width"), check_count(code, "code")
        if size % 8:
            raise ValueError(f"size: expected a multiple of 8, got {size}")
        self.size, self.classes, deepest = size, classes, (4 * width, size // 8, size // 8)
        self.encoder = ShapeEncoder(size, classes, width, code)
        layers: list[nn.Module] = [
            nn.Linear(code, deepest[0] * deepest[1] * deepest[2]), nn.ReLU(), nn.Unflatten(1, deepest),
        ]  # fmt: skip
        for inputs, outputs in ((4 * width, 2 * width), (2 * width, width), (width, classes)):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU()]
        self.decoder = nn.Sequential(*layers[:-1])

    def encode(self, maps: torch.Tensor) -> torch.Tensor:
        """The codes of label maps.

        Args:
            maps: (N, classes, size, size).

        Returns:
            (N, code).

        Raises:
            ValueError: another shape.
        """
        if check_batch(maps, self.classes) != (self.size, self.size):
            raise ValueError(f"expected maps of {self.size}×{self.size}, got {tuple(maps.shape)}")
        return self.encoder(maps)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """The shapes of codes.

        Args:
            codes: (N, code).

        Returns:
            Logits (N, classes, size, size).
        """
        return self.decoder(codes)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(maps))

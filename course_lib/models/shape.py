"""An autoencoder of label maps: a code of few numbers for what a shape can be; and its guess from an image (lab 12)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.models.autoencoders import check_batch
from course_lib.models.saved import load

#: Of hearts, made by scripts/train_heart_shapes.py; its card: `models.read_card(TRAINED)`.
TRAINED = Path(__file__).parent / "trained" / "shapes" / "hearts.safetensors"


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

    def unit_codes(self, maps: torch.Tensor) -> None:
        """Scale the codes so that two of these maps lie 1 apart: the mean of `‖f(a) - f(b)‖²` over all pairs is 1.

        What is drawn stays the same: encoder and decoder are scaled against each other. Without it the unit of a code
        is whatever the training made it, and so is the weight of a prior: with another autoencoder it means another
        thing.

        Args:
            maps: (N, classes, size, size), those of the training, N >= 2.

        Raises:
            ValueError: another shape, or maps that all have one code.
        """
        with torch.no_grad():
            codes = torch.cat([self.encode(part) for part in maps.split(256)])
            if len(codes) < 2 or not (spread := float((2 * codes.double().var(0).sum()).sqrt())) > 0:
                raise ValueError(f"maps: expected at least two of different codes, got {len(codes)}")
            last, first = self.encoder[-1], self.decoder[0]
            assert isinstance(last, nn.Linear) and isinstance(first, nn.Linear)
            last.weight.div_(spread)
            last.bias.div_(spread)
            first.weight.mul_(spread)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(maps))


class ShapePredictor(nn.Sequential):
    """Images to codes: four convolutions of stride 2 with ReLU, and a linear layer.

    Trained to find the code of an image's labels (`losses.shape_code_loss`), it is the second half of a T-L network:
    `autoencoder.decode(predictor(image))` is a shape, whatever the image shows. And it is what compares two *images* by
    the shapes in them, where there are no labels: `losses.shape_prior_loss(predictor, image, target)` beside a smooth
    L1 loss is how ACNN trains super-resolution. Input: (N, 1, size, size). Output: (N, code). 228,288 parameters.

    Args:
        size: height and width of the images, a multiple of 16.
        width: features of the first convolution, doubled three times.
        code: numbers in a code.

    Raises:
        TypeError, ValueError: bad input.

    Source: Girdhar et al. 2016 (T-L network); Oktay et al. 2017 (ACNN); the layers are ours.
    Lab: 12.
    """

    def __init__(self, size: int = 64, width: int = 16, code: int = 64) -> None:
        size, width, code = check_count(size, "size", low=16), check_count(width, "width"), check_count(code, "code")
        if size % 16:
            raise ValueError(f"size: expected a multiple of 16, got {size}")
        layers: list[nn.Module] = []
        widths = (1, width, 2 * width, 4 * width, 8 * width)
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(8 * width * (size // 16) ** 2, code))


def heart_shapes() -> ShapeAutoencoder:
    """The autoencoder of heart shapes that comes with the course: of size 64, with codes in a unit, in eval mode.

    It has seen label maps of normal, dilated and thickened synthetic hearts, and no aneurysm.

    Returns:
        The model, on the CPU.

    Lab: 12.
    """
    model = load(TRAINED)
    assert isinstance(model, ShapeAutoencoder)
    return model.requires_grad_(False)

"""Denoising autoencoders: dense (lab 01), convolutional after Gondara 2016, and one of the size of a brain (lab 02)."""

from __future__ import annotations

import torch
from torch import nn

from course_lib.images import pad_to_multiple


class DenseDAE(nn.Module):
    """Autoencoder of fully connected layers: image -> hidden -> code -> hidden -> image, sigmoid at the end.

    Input and output: (N, 1, H, W) in [0, 1] with (H, W) = `image_size`.
    The code is smaller than the image, so the network cannot copy: it must learn what digits look like.
    28×28: 435,536 parameters.

    Args:
        image_size: (H, W).
        hidden: numbers in the hidden layers.
        code: numbers in the code.

    Raises:
        ValueError: an image of another size.

    Source: Vincent 2008; phase-1 deck ("a simple autoencoder built using ANN").
    Lab: 01.
    """

    def __init__(self, image_size: tuple[int, int] = (28, 28), hidden: int = 256, code: int = 64):
        super().__init__()
        self.image_size = tuple(image_size)
        pixels = image_size[0] * image_size[1]
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden), nn.ReLU(),
            nn.Linear(hidden, code), nn.ReLU(),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(code, hidden), nn.ReLU(),
            nn.Linear(hidden, pixels), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        _check_input(noisy)
        if tuple(noisy.shape[-2:]) != self.image_size:
            raise ValueError(
                f"DenseDAE: expected images of {self.image_size} (a dense layer has one weight for each pixel),"
                f" got {tuple(noisy.shape[-2:])}"
            )
        code = self.encoder(noisy.flatten(1))  # (N, 1, H, W) -> (N, H·W) -> (N, code)
        return self.decoder(code).view_as(noisy)  # (N, H·W) -> (N, 1, H, W)


class ConvDAE(nn.Module):
    """Convolutional autoencoder: two times conv-ReLU-pool down, two times conv-ReLU-upsample up, conv-sigmoid.

    Input and output: (N, 1, H, W) in [0, 1], any H and W (padded inside to a multiple of 4, cropped again).
    Pooling throws away where exactly an edge was: that blurs, and lab 02 shows it.
    width 32: 28,353 parameters.

    Args:
        width: features of each convolution.

    Source: Gondara 2016, figure 2; phase-1 deck.
    Lab: 02.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(width, 1, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        _check_input(noisy)
        height, width = noisy.shape[-2:]
        code = self.encoder(pad_to_multiple(noisy, 4))  # (N, 1, H', W') -> (N, width, H'/4, W'/4)
        return self.decoder(code)[..., :height, :width]


class BrainCDAE(nn.Module):
    """The convolutional autoencoder at the size of a brain slice: the baseline of all later labs.

    One strided convolution instead of pooling (it learns what to keep), batch normalisation, most layers at half
    resolution, one transposed convolution up. Input and output: (N, 1, H, W), any H and W (padded inside to even
    numbers, cropped again). The output is linear: clip it to [0, 1] before scoring. width 48: 98,905 parameters.

    Args:
        width: features at half resolution; half as many at full.

    Source: phase-1 deck and attention U-Net deck (base model "CDAE").
    Lab: 02.
    """

    def __init__(self, width: int = 48):
        super().__init__()

        def block(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
            return [
                nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]

        half = width // 2
        self.encoder = nn.Sequential(
            *block(1, half), *block(half, width, stride=2),
            *block(width, width), *block(width, width), *block(width, width), *block(width, width),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(width, half, 2, stride=2), nn.ReLU(),
            nn.Conv2d(half, 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        _check_input(noisy)
        height, width = noisy.shape[-2:]
        code = self.encoder(pad_to_multiple(noisy, 2))  # (N, 1, H', W') -> (N, width, H'/2, W'/2)
        return self.decoder(code)[..., :height, :width]


def _check_input(noisy: torch.Tensor) -> None:
    if noisy.ndim != 4 or noisy.shape[1] != 1:
        raise ValueError(f"expected a batch of grey images (N, 1, H, W), got {tuple(noisy.shape)}")

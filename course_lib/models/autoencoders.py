"""Autoencoders of the healthy brain: residual blocks, added skips, Myronenko's encoder, a residual U-Net (lab 06).

All four halve the image three times by strides and double it three times by transposed convolutions; they differ in how
a signal gets past the layers. Input and output: (N, channels, H, W), any H and W (padded inside to multiples of 8,
cropped again); the output lies in [0, 1], by a sigmoid. ValueError for another shape. Sizes in the comments are those
of width 32, the thesis's, and a 128×128 image. Weights start, and BN averages, as PyTorch does it, not as Keras.
Source: healthy-brain thesis, architectures. Its parameter counts are the tests'.
"""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.images import pad_to_multiple
from course_lib.models.residual_blocks import OriginalBlock, PreActivationBlock, doubling, up_block

BLOCKS = {"preactivation": PreActivationBlock, "original": OriginalBlock}


class ShallowResidualAE(nn.Module):
    """Shallow residual autoencoder: a short encoder of residual blocks, one kind or the other, no skips to the decoder.

    Shapes and errors: see the module.

    Args:
        block: "preactivation" (459,553 parameters) or "original" (459,745).
        channels: of the image.
        width: features of the first level.

    Lab: 06.
    """

    def __init__(self, block: str = "preactivation", *, channels: int = 1, width: int = 32):
        super().__init__()
        if block not in BLOCKS:
            raise ValueError(f"block: expected 'preactivation' or 'original', got {block!r}")
        residual, w = BLOCKS[block], check_width(width)
        self.channels = check_count(channels, "channels")
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, w, 3, stride=2, padding=1),  # 128² × 1 -> 64² × 32
            residual(w, 2 * w, stride=2),                    # 64² × 32 -> 32² × 64
            residual(2 * w, 2 * w),                          # 32² × 64
            residual(2 * w, 4 * w, stride=2),                # 32² × 64 -> 16² × 128: the code
        )  # fmt: skip
        self.decoder = _plain_decoder(w, channels)

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(noisy, self.channels)
        return self.decoder(self.encoder(pad_to_multiple(noisy, 8)))[..., :height, :width]


class SkipCAE(nn.Module):
    """Convolutional autoencoder with skips that are added: each decoder level gets what the encoder had at its size.

    Both terms of a sum are taken after BN and *before* their ReLU; the sum is rectified once.
    190,369 parameters. Shapes and errors: see the module.

    Args:
        channels: of the image.
        width: features of the first level.

    Lab: 06.
    """

    def __init__(self, *, channels: int = 1, width: int = 32):
        super().__init__()
        w, self.channels = check_width(width), check_count(channels, "channels")

        def halved(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs))

        def doubled(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(doubling(inputs, outputs), nn.BatchNorm2d(outputs))

        self.down1, self.down2, self.down3 = halved(channels, w), halved(w, 2 * w), halved(2 * w, 4 * w)
        self.up1, self.up2, self.up3 = doubled(4 * w, 2 * w), doubled(2 * w, w), doubled(w, w // 2)
        self.head = nn.Sequential(nn.Conv2d(w // 2, channels, 3, padding=1), nn.Sigmoid())

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(noisy, self.channels)
        large = self.down1(pad_to_multiple(noisy, 8))  # 128² × 1 -> 64² × 32, no ReLU yet
        small = self.down2(torch.relu(large))  # 64² × 32 -> 32² × 64, no ReLU yet
        code = torch.relu(self.down3(torch.relu(small)))  # 32² × 64 -> 16² × 128
        x = torch.relu(self.up1(code) + small)  # 16² × 128 -> 32² × 64
        x = torch.relu(self.up2(x) + large)  # 32² × 64 -> 64² × 32
        x = torch.relu(self.up3(x))  # 64² × 32 -> 128² × 16
        return self.head(x)[..., :height, :width]  # 128² × 16 -> 128² × 1


class MyronenkoCAE(nn.Module):
    """Myronenko's encoder in 2D: groups of pre-activation blocks, a strided convolution after each, no skips.

    The first convolution keeps the size and is followed by spatial dropout (whole feature maps, probability 0.1).
    989,345 parameters. Shapes and errors: see the module.

    Args:
        channels: of the image.
        width: features of the first level.
        dropout: its probability.

    Source: Myronenko 2018 (3D, GroupNorm), as the healthy-brain thesis carries it to 2D with BN.
    Lab: 06.
    """

    def __init__(self, *, channels: int = 1, width: int = 32, dropout: float = 0.1):
        super().__init__()
        w, self.channels = check_width(width), check_count(channels, "channels")

        def block(inputs: int, outputs: int) -> PreActivationBlock:
            return PreActivationBlock(inputs, outputs, always_project=True)

        def halved(features: int) -> nn.Conv2d:
            return nn.Conv2d(features, features, 3, stride=2, padding=1)

        self.encoder = nn.Sequential(
            nn.Conv2d(channels, w, 3, padding=1), nn.Dropout2d(dropout),             # 128² × 1 -> 128² × 32
            block(w, w), halved(w),                                                  # 128² × 32 -> 64² × 32
            block(w, 2 * w), block(2 * w, 2 * w), halved(2 * w),                     # 64² × 32 -> 32² × 64
            block(2 * w, 4 * w), block(4 * w, 4 * w), halved(4 * w),                 # 32² × 64 -> 16² × 128: the code
        )  # fmt: skip
        self.decoder = _plain_decoder(w, channels)

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(noisy, self.channels)
        return self.decoder(self.encoder(pad_to_multiple(noisy, 8)))[..., :height, :width]


class ResidualUNet(nn.Module):
    """Residual U-Net, the thesis's own: the full pre-activation shallow autoencoder with skips that are concatenated.

    482,593 parameters, 5 % more than without the skips. Shapes and errors: see the module.

    Args:
        channels: of the image.
        width: features of the first level.

    Lab: 06.
    """

    def __init__(self, *, channels: int = 1, width: int = 32):
        super().__init__()
        w, self.channels = check_width(width), check_count(channels, "channels")
        self.first = nn.Conv2d(channels, w, 3, stride=2, padding=1)
        self.block1 = PreActivationBlock(w, 2 * w, stride=2)
        self.block2 = PreActivationBlock(2 * w, 2 * w)
        self.block3 = PreActivationBlock(2 * w, 4 * w, stride=2)
        self.up1 = up_block(4 * w, 2 * w)
        self.up2 = up_block(2 * w + 2 * w, w)
        self.up3 = up_block(w + w, w // 2)
        self.head = nn.Sequential(nn.Conv2d(w // 2, channels, 3, padding=1), nn.Sigmoid())

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(noisy, self.channels)
        large = self.first(pad_to_multiple(noisy, 8))  # 128² × 1 -> 64² × 32
        small = self.block2(self.block1(large))  # 64² × 32 -> 32² × 64
        code = self.block3(small)  # 32² × 64 -> 16² × 128
        x = torch.cat([self.up1(code), small], dim=1)  # 16² × 128 -> 32² × (64 + 64)
        x = torch.cat([self.up2(x), large], dim=1)  # 32² × 128 -> 64² × (32 + 32)
        x = self.up3(x)  # 64² × 64 -> 128² × 16
        return self.head(x)[..., :height, :width]  # 128² × 16 -> 128² × 1


def _plain_decoder(w: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        up_block(4 * w, 2 * w),                                  # 16² × 128 -> 32² × 64
        up_block(2 * w, w),                                      # 32² × 64 -> 64² × 32
        up_block(w, w // 2),                                     # 64² × 32 -> 128² × 16
        nn.Conv2d(w // 2, channels, 3, padding=1), nn.Sigmoid(),  # 128² × 16 -> 128² × 1
    )  # fmt: skip


def check_width(width: int) -> int:
    """Refuse a width whose half has no channel.

    Args:
        width: features of the first level.

    Returns:
        The width.
    """
    return check_count(width, "width", low=2)


def check_batch(images: torch.Tensor, channels: int) -> tuple[int, int]:
    """Refuse what is no batch of images with so many channels.

    Args:
        images: (N, channels, H, W).
        channels: of the model.

    Returns:
        Height and width.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(f"expected a batch of images (N, {channels}, H, W), got {tuple(images.shape)}")
    height, width = images.shape[-2:]
    return height, width

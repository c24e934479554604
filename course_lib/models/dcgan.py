"""A generator and a discriminator of small images, after DCGAN (lab 13)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from course_lib._checks import check_count
from course_lib.models.autoencoders import check_batch


class DCGANGenerator(nn.Module):
    """Draws images from codes: a linear layer to 4×4, then transposed convolutions of stride 2 with BN and ReLU.

    Input: (N, latent), drawn from N(0, 1). Output: (N, 1, size, size), in [0, 1]. 306,001 parameters at size 64.

    Args:
        size: 8, 16, 32, 64 …
        latent: numbers in a code.
        width: features at size/2, doubled with each halving, at most 8 times.

    Raises:
        TypeError, ValueError: bad input.

    Source: Radford et al. 2016 (a sigmoid in place of its tanh, for images in [0, 1]), as Bermudez et al. 2018 use it.
    Lab: 13.
    """

    def __init__(self, size: int = 64, *, latent: int = 64, width: int = 16):
        super().__init__()
        sizes = _features(size, width)[::-1]
        self.latent = check_count(latent, "latent")
        layers: list[nn.Module] = [
            nn.Linear(self.latent, sizes[0] * 16), nn.Unflatten(1, (sizes[0], 4, 4)), nn.BatchNorm2d(sizes[0]),
            nn.ReLU(),
        ]  # fmt: skip
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(sizes[-1], 1, 4, stride=2, padding=1), nn.Sigmoid())

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        if codes.ndim != 2 or codes.shape[1] != self.latent:
            raise ValueError(f"codes: expected (N, {self.latent}), got {tuple(codes.shape)}")
        return self.layers(codes)


class DCGANDiscriminator(nn.Module):
    """Gives an image a logit, positive for real: strided convolutions with LeakyReLU, then a linear layer.

    Input: (N, 1, size, size); output: (N,). No sigmoid: `F.binary_cross_entropy_with_logits` has it. 174,577 parameters
    at size 64. DCGAN normalises batches; spectral normalisation in its place (Miyato et al. 2018) keeps the images of a
    batch apart, and a discriminator on few images from winning at once.

    Args:
        size: of the images, as the generator's.
        width: features of the first convolution, doubled with each halving, at most 8 times.

    Raises:
        TypeError, ValueError: bad input.

    Source: Radford et al. 2016; Miyato et al. 2018.
    Lab: 13.
    """

    def __init__(self, size: int = 64, *, width: int = 16):
        super().__init__()
        sizes = [1, *_features(size, width)]
        self.size, layers = size, []
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), spectral_norm(nn.Linear(sizes[-1] * 16, 1)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if check_batch(images, 1) != (self.size, self.size):
            raise ValueError(f"expected images of {self.size}×{self.size}, got {tuple(images.shape)}")
        return self.layers(images).squeeze(1)  # (N, 1) -> (N,)


def _features(size: int, width: int) -> list[int]:
    """Features after each halving of the side, down to 4×4."""
    size, width = check_count(size, "size", low=8), check_count(width, "width")
    halvings = (size // 4).bit_length() - 1
    if size != 4 * 2**halvings:
        raise ValueError(f"size: expected 8, 16, 32, 64 …, got {size}")
    return [width * 2 ** min(number, 3) for number in range(halvings)]

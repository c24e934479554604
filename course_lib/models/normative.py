"""Autoencoders of small healthy brains, with a dense code: what they cannot rebuild is suspicious (lab 13)."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.models.autoencoders import check_batch
from course_lib.models.vae import reparameterise


class NormativeAE(nn.Module):
    """Four strided convolutions, a code of a few numbers, four transposed convolutions: no skip around the code.

    Input and output: (N, 1, size, size), in [0, 1]. Spatial codes and skips let a lesion through; a dense code of 32
    numbers cannot hold one that no training image had, or so one hopes. 280,961 parameters.

    Args:
        size: height and width, a multiple of 16.
        latent: numbers in the code.
        width: features of the first convolution; 2, 4 and 4 times as many follow.

    Raises:
        TypeError, ValueError: bad input.

    Source: Pinaya et al. 2019; Baur et al. 2021 (dense or spatial codes); the layers are ours.
    Lab: 13.
    """

    def __init__(self, size: int = 64, *, latent: int = 32, width: int = 16):
        super().__init__()
        self.size, latent, width = _side(size), check_count(latent, "latent"), check_count(width, "width")
        features = _encoder(width)
        self.encoder = nn.Sequential(*features, nn.Flatten(), nn.Linear(4 * width * (size // 16) ** 2, latent))
        self.decoder = nn.Sequential(*_decoder(width, size, latent))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Codes.

        Args:
            images: (N, 1, size, size).

        Returns:
            (N, latent).

        Raises:
            ValueError: another shape.
        """
        _check_side(images, self.size)
        return self.encoder(images)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encode(images))


class NormativeVAE(nn.Module):
    """`NormativeAE` whose code is drawn from a Gaussian: minimise `losses.negative_elbo`.

    Input: (N, 1, size, size), in [0, 1]. Output: the reconstruction, and mean and log-variance of the code, (N, latent)
    each. In train mode the code is drawn by PyTorch's global generator, as dropout is; in eval mode it is the mean.
    313,761 parameters.

    Args:
        size: height and width, a multiple of 16.
        latent: numbers in the code.
        width: as in `NormativeAE`.

    Raises:
        TypeError, ValueError: bad input.

    Source: Kingma & Welling 2014; Baur et al. 2021; the layers are ours.
    Lab: 13.
    """

    def __init__(self, size: int = 64, *, latent: int = 32, width: int = 16):
        super().__init__()
        self.size, latent, width = _side(size), check_count(latent, "latent"), check_count(width, "width")
        features = _encoder(width)
        self.encoder = nn.Sequential(*features, nn.Flatten(), nn.Linear(4 * width * (size // 16) ** 2, 2 * latent))
        self.decoder = nn.Sequential(*_decoder(width, size, latent))

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of the code.

        Args:
            images: (N, 1, size, size).

        Returns:
            Each (N, latent).

        Raises:
            ValueError: another shape.
        """
        _check_side(images, self.size)
        mean, log_variance = self.encoder(images).chunk(2, dim=1)  # (N, 2·latent) -> two times (N, latent)
        return mean, log_variance

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Images of codes; a code from N(0, 1) makes a new brain.

        Args:
            codes: (N, latent).

        Returns:
            (N, 1, size, size), in [0, 1].
        """
        return self.decoder(codes)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mean, log_variance = self.encode(images)
        code = reparameterise(mean, log_variance) if self.training else mean
        return self.decode(code), mean, log_variance


def _side(size: int) -> int:
    size = check_count(size, "size", low=16)
    if size % 16:
        raise ValueError(f"size: expected a multiple of 16, got {size}")
    return size


def _check_side(images: torch.Tensor, size: int) -> None:
    if check_batch(images, 1) != (size, size):
        raise ValueError(f"expected images of {size}×{size}, got {tuple(images.shape)}")


def _encoder(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    sizes = (1, width, 2 * width, 4 * width, 4 * width)
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    return layers


def _decoder(width: int, size: int, latent: int) -> list[nn.Module]:
    deepest = (4 * width, size // 16, size // 16)
    layers: list[nn.Module] = [nn.Linear(latent, deepest[0] * deepest[1] * deepest[2]), nn.Unflatten(1, deepest)]
    sizes = (4 * width, 4 * width, 2 * width, width)
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return [*layers, nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1), nn.Sigmoid()]

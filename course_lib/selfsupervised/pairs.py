"""Noise2Noise: a second noisy image takes the clean one's place as target."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from course_lib._checks import check_tensors


def noise2noise_loss(
    network: Callable[[torch.Tensor], torch.Tensor], noisy: torch.Tensor, other: torch.Tensor
) -> torch.Tensor:
    """Mean squared error of the denoised image against another noisy one of the same thing.

    Its expectation is that against the clean image, plus the variance of the other noise, if that noise has mean 0 for
    every image and is independent of the first: then both have the same best network. A network that changes nothing
    gets 2σ², a perfect one σ². Where the noise has another mean, as Rician noise has, the network learns that mean too.

    Args:
        network: noisy images -> denoised ones of the same shape.
        noisy: (N, C, H, W), what the network sees.
        other: the same shape: the same images, with independent noise.

    Returns:
        A scalar.

    Raises:
        TypeError, ValueError: bad input.

    Source: Lehtinen et al. 2018, section 2.
    Lab: 11.
    """
    check_tensors(noisy, other, names=("noisy", "other"))
    return F.mse_loss(network(noisy), other)

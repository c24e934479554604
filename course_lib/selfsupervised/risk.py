"""Stein's unbiased risk estimate: the error against an image that nobody has, from the noisy one and its sigma."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from course_lib._checks import check_image, check_number
from course_lib._random import generator_for, normal

Denoiser = Callable[[torch.Tensor], torch.Tensor]
EPSILON = 0.01  # of sigma: from 1e-5 to 1e-1 of it the estimate hardly changes


def monte_carlo_divergence(
    denoise: Denoiser,
    noisy: torch.Tensor,
    *,
    epsilon: float,
    generator: torch.Generator | None = None,
    denoised: torch.Tensor | None = None,
) -> torch.Tensor:
    """How strongly each pixel of the answer follows its own pixel, summed: `Σ ∂f_i/∂z_i`, by one random probe.

    `bᵀ(f(z + ε·b) - f(z)) / ε`, b ~ N(0, 1). Exact in the mean for linear f. Dropout, or whatever else makes f another
    function at its second call, ruins it: the difference is divided by ε.

    Args:
        denoise: f, images -> images of the same shape, the same function at each call.
        noisy: z, (N, C, H, W).
        epsilon: size of the probe, above 0, in units of the image.
        generator: of the probe; without one, fresh entropy.
        denoised: f(z), where it is known already.

    Returns:
        (N,): the divergence of each image, a sum over its pixels; differentiable.

    Raises:
        TypeError, ValueError: bad input.

    Source: Ramani, Blu, Unser 2008.
    Lab: 11.
    """
    check_image(noisy, "noisy", shapes=True)
    epsilon = check_number(epsilon, "epsilon", low=0, above=True)
    probe = normal(noisy, generator_for(noisy, generator))
    before = denoise(noisy) if denoised is None else denoised
    difference = denoise(noisy + epsilon * probe) - before
    return (probe * difference).flatten(1).sum(1) / epsilon  # (N, C, H, W) -> (N, C·H·W) -> (N,)


def sure(
    denoise: Denoiser,
    noisy: torch.Tensor,
    sigma: Any,
    *,
    epsilon: float | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """The mean squared error against the clean image, estimated without it.

    `‖f(z) - z‖² / N - σ² + 2σ²·div f(z) / N`, N the number of pixels: how far the answer lies from the noisy image,
    less the noise that is there, plus what the answer kept of its own noise. Its expectation is the true error where
    the noise is Gaussian, white, of known sigma, and independent of the image. Rician noise has another mean: there it
    is far too low. Single values may be below 0.

    Args:
        denoise: f, images -> images of the same shape, the same function at each call.
        noisy: z, (N, C, H, W).
        sigma: of the noise, above 0; a number, or a tensor (N,).
        epsilon: of the divergence; default sigma / 100.
        generator: of the probe; without one, fresh entropy.

    Returns:
        (N,): an estimate for each image; its mean is a loss, with gradients through both calls of f.

    Raises:
        TypeError, ValueError: bad input.

    Source: Stein 1981; Ramani et al. 2008; as a loss: Soltanayev and Chun 2018.
    Lab: 11.
    """
    check_image(noisy, "noisy", shapes=True)
    sigmas = sigma if isinstance(sigma, torch.Tensor) else torch.tensor(float(sigma))
    sigmas = sigmas.to(noisy).expand(len(noisy))
    if not bool((sigmas > 0).all()) or not bool(torch.isfinite(sigmas).all()):
        raise ValueError(f"sigma: expected finite numbers above 0, got {sigma}")
    step = float(sigmas.min()) * EPSILON if epsilon is None else epsilon
    answer = denoise(noisy)
    divergence = monte_carlo_divergence(denoise, noisy, epsilon=step, generator=generator, denoised=answer)
    distance = ((answer - noisy) ** 2).flatten(1).mean(1)  # (N, C, H, W) -> (N, C·H·W) -> (N,)
    pixels = noisy[0].numel()
    return distance - sigmas**2 + 2 * sigmas**2 * divergence / pixels

"""D-AMP: compressed sensing with any denoiser, and the one term that keeps the noise it sees white (lab 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from course_lib._checks import check_count, check_image
from course_lib._random import generator_for, normal
from course_lib.classical.measurements import Measurement

Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # noisy (N, 1, H, W), sigma (N, 1, 1, 1) -> denoised
PROBE = 1e-3  # of the largest pixel: the size of the divergence's probe


@dataclass
class AMPResult:
    """What D-AMP found, and on the way.

    Attributes:
        image: (N, 1, H, W).
        sigma: for each iteration the noise that the algorithm believed in, (N,).
        noisy: for each iteration what the denoiser was given, (N, 1, H, W), where `keep` was set.
    """

    image: torch.Tensor
    sigma: list[torch.Tensor] = field(default_factory=list)
    noisy: list[torch.Tensor] = field(default_factory=list)


def damp_step(
    image: torch.Tensor,
    residual: torch.Tensor,
    measured: torch.Tensor,
    measurement: Measurement,
    denoise: Denoise,
    *,
    onsager: bool = True,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """One iteration: `r = x + Aᴴz`, `σ = ‖z‖ / √M`, `x' = D(r)`, `z' = y - Ax' + z·div D(r) / M`.

    The last term is Onsager's. It takes out of the residual what the image has already learned from it; with it, r is
    the true image plus white Gaussian noise of standard deviation σ, which is what a denoiser is made for.

    Args:
        image: x, (N, 1, H, W).
        residual: z, (N, M).
        measured: y, (N, M).
        measurement: A.
        denoise: D, called with r and its σ, (N, 1, 1, 1); twice, for the divergence by a random probe.
        onsager: False leaves the term out: iterative thresholding, which is slower and worse.
        generator: of the probe; without one, fresh entropy.

    Returns:
        The new image and residual; σ, (N,); r.

    Source: Metzler, Maleki, Baraniuk 2016; the divergence by Ramani et al. 2008.
    Lab: 11.
    """
    noisy = image + measurement.adjoint(residual)
    sigma = residual.norm(dim=1) / measurement.count**0.5
    level = sigma.view(-1, 1, 1, 1)
    denoised = denoise(noisy, level)
    left = measured - measurement.forward(denoised)
    if onsager:
        step = noisy.abs().amax((1, 2, 3), keepdim=True) * PROBE + 1e-7
        probe = normal(noisy, generator_for(noisy, generator))
        change = (denoise(noisy + step * probe, level) - denoised) / step
        divergence = (probe * change).flatten(1).sum(1)  # (N, 1, H, W) -> (N, H·W) -> (N,)
        left = left + residual * divergence[:, None].detach() / measurement.count
    return denoised, left, sigma, noisy


def damp(
    measured: torch.Tensor,
    measurement: Measurement,
    denoise: Denoise,
    *,
    iterations: int = 15,
    onsager: bool = True,
    keep: bool = False,
    generator: torch.Generator | None = None,
) -> AMPResult:
    """Reconstruct an image from random measurements by a denoiser, as BM3D: D-AMP.

    It begins with a σ above 1: the denoiser must take that, and must not cap it.

    Args:
        measured: y, (N, M), floating point.
        measurement: A, with columns of norm 1 and random enough (see `classical.measurements`).
        denoise: D, `denoise(noisy, sigma)`.
        iterations: how many; 10 to 30 are common.
        onsager: see `damp_step`.
        keep: whether what the denoiser was given is kept, to compare it with the truth.
        generator: of the probes; without one, fresh entropy.

    Returns:
        The image, and σ at each iteration.

    Raises:
        TypeError, ValueError: bad input.

    Source: Metzler, Maleki, Baraniuk 2016.
    Lab: 11.
    """
    check_image(measured, "measured")
    if measured.ndim != 2 or measured.shape[1] != measurement.count:
        raise ValueError(f"measured: expected (N, {measurement.count}), got {tuple(measured.shape)}")
    iterations = check_count(iterations, "iterations")
    generator = generator_for(measured, generator)
    image, residual = measured.new_zeros(len(measured), 1, *measurement.shape), measured
    result = AMPResult(image)
    for _ in range(iterations):
        image, residual, sigma, noisy = damp_step(
            image, residual, measured, measurement, denoise, onsager=onsager, generator=generator
        )
        result.sigma.append(sigma)
        if keep:
            result.noisy.append(noisy)
    result.image = image
    return result

"""LDAMP: D-AMP unrolled, with a network in the denoiser's place (lab 11)."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.classical.amp import damp_step
from course_lib.classical.measurements import Measurement
from course_lib.models.dncnn import DnCNN


class LDAMP(nn.Module):
    """`iterations` steps of D-AMP, each with a DnCNN without biases that has its own weights, or all with the same.

    Without biases a network is scale-equivariant: it denoises at every level what it has learned at one (Mohan et al.
    2020), so that one set of weights can serve all iterations, whose noise falls from above 1 to near 0. `width=32,
    depth=7, tied=True` has 46,656 parameters.

    Train `denoiser(n)` on images with Gaussian noise, by the mean squared error or by SURE: in every iteration its
    input is the image plus white Gaussian noise. Training end to end works too; the divergence gets no gradient.

    Args:
        iterations: how many.
        width, depth: of each DnCNN.
        tied: one set of weights for all iterations.

    Raises:
        TypeError, ValueError: bad input.

    Source: Metzler, Mousavi, Baraniuk 2017; SURE: Metzler et al. 2018.
    Lab: 11.
    """

    def __init__(self, iterations: int = 10, *, width: int = 32, depth: int = 7, tied: bool = True):
        super().__init__()
        self.iterations = check_count(iterations, "iterations")
        count = 1 if tied else self.iterations
        self.denoisers = nn.ModuleList(DnCNN(depth, width, batch_norm=False, bias=False) for _ in range(count))

    def denoiser(self, iteration: int) -> nn.Module:
        """The network of one iteration, counted from 0.

        Args:
            iteration: below `iterations`.

        Returns:
            (N, 1, H, W) -> the same shape.
        """
        return self.denoisers[iteration % len(self.denoisers)]

    def forward(
        self, measured: torch.Tensor, measurement: Measurement, *, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Reconstruct.

        Args:
            measured: (N, M).
            measurement: how it was measured.
            generator: of the probes of the divergence; without one, fresh entropy.

        Returns:
            (N, 1, H, W).
        """
        image, residual = measured.new_zeros(len(measured), 1, *measurement.shape), measured
        for iteration in range(self.iterations):
            image, residual, _, _ = damp_step(
                image, residual, measured, measurement, partial(_any_level, self.denoiser(iteration)),
                generator=generator,
            )  # fmt: skip
        return image


def _any_level(network: nn.Module, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """A network without biases needs no sigma: it scales with its input."""
    return network(noisy)

"""UNSURE: learning from noisy images alone when nobody knows how noisy they are."""

from __future__ import annotations

import torch

from course_lib._checks import check_number
from course_lib.selfsupervised.risk import Denoiser, monte_carlo_divergence


class UnsureLoss:
    """`E‖f(z) - z‖² / N + 2η·div f(z) / N`, least over f and greatest over η: a loss that finds σ² by itself.

    η plays the part of σ² in SURE, and is a Lagrange multiplier: it rises while the answer follows its own pixels (the
    divergence is above 0), and falls while it turns away from them. At the saddle the expected divergence is 0, so the
    network is a blind spot's, somewhat blurrier than SURE's with the true σ. Call it like a loss, in the training loop:
    each call updates η by one step of gradient ascent with momentum.

    Args:
        start: of η: a guess of σ².
        rate: step of the ascent; relative to the images' unit squared.
        momentum: of the ascent.
        epsilon: of the divergence, in units of the image.

    Attributes:
        eta: the present η, an estimate of σ² from above.

    Raises:
        ValueError: bad settings.

    Source: Tachella, Davies, Jacques 2024 (UNSURE).
    Lab: 11.
    """

    def __init__(self, start: float = 0.01, *, rate: float = 1e-3, momentum: float = 0.9, epsilon: float = 1e-3):
        self.eta = check_number(start, "start", low=0)
        self.rate = check_number(rate, "rate", low=0, above=True)
        self.momentum = check_number(momentum, "momentum", low=0, high=1)
        self.epsilon = check_number(epsilon, "epsilon", low=0, above=True)
        self._velocity = 0.0

    def __call__(
        self, denoise: Denoiser, noisy: torch.Tensor, *, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """The loss of one batch; η moves a step.

        Args:
            denoise: f, the network.
            noisy: (N, C, H, W).
            generator: of the probe.

        Returns:
            A scalar with gradients to the network.
        """
        answer = denoise(noisy)
        found = monte_carlo_divergence(denoise, noisy, epsilon=self.epsilon, generator=generator, denoised=answer)
        divergence = found.mean() / noisy[0].numel()
        loss = ((answer - noisy) ** 2).mean() + 2 * self.eta * divergence
        self._velocity = self.momentum * self._velocity + (1 - self.momentum) * 2 * float(divergence.detach())
        self.eta = max(0.0, self.eta + self.rate * self._velocity)
        return loss

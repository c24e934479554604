"""The variational form of Myronenko's autoencoder: the code is a distribution, so new brains can be drawn (lab 06)."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import nn

from course_lib._checks import check_count, check_number, check_tensors
from course_lib.images import pad_to_multiple
from course_lib.losses import kl_divergence
from course_lib.models.autoencoders import MyronenkoCAE, check_batch


class MyronenkoVAE(nn.Module):
    """`MyronenkoCAE` whose code is drawn from a Gaussian with a mean and a variance for each of its numbers.

    Input and output: as for `MyronenkoCAE`. In train mode the code is drawn by PyTorch's global generator, as dropout
    is (`training.fit` and `fixed_seed` fix it); in eval mode it is the mean, and nothing is random.
    Train it with its own loss: `training.fit(model, ..., loss=model.loss)`.
    A map in place of Myronenko's dense layers, so that any size fits. 995,649 parameters.

    Args:
        channels: of the image.
        width: as in `MyronenkoCAE`.
        dropout: as in `MyronenkoCAE`.
        latent: channels of the code, (N, latent, H/8, W/8): with 16, a quarter as many numbers as a one-channel image.
        decoder_sd: the standard deviation that the decoder grants each pixel, in units of the image. Small: sharp
            images, a code far from N(0, 1); large: the code is forgotten, and every image becomes the mean image.

    Source: Kingma & Welling 2014; Myronenko 2018 (the VAE branch).
    Lab: 06.
    """

    def __init__(
        self, *, channels: int = 1, width: int = 32, dropout: float = 0.1, latent: int = 16, decoder_sd: float = 0.1
    ):
        super().__init__()
        plain = MyronenkoCAE(channels=channels, width=width, dropout=dropout)
        self.channels, self.latent = channels, check_count(latent, "latent")
        self.decoder_sd = check_number(decoder_sd, "decoder_sd", low=0, above=True)
        self.encoder, self.decoder = plain.encoder, plain.decoder
        self.to_code = nn.Conv2d(4 * width, 2 * latent, 1)  # half of its channels are means, half log-variances
        self.from_code = nn.Conv2d(latent, 4 * width, 1)
        self._divergence: torch.Tensor | None = None  # of the last batch, until `loss` takes it

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and logarithm of the variance of the code.

        Args:
            images: (N, channels, H, W).

        Returns:
            Each (N, latent, H/8, W/8), sides rounded up.
        """
        check_batch(images, self.channels)
        features = self.encoder(pad_to_multiple(images, 8))  # (N, C, H', W') -> (N, 128, H'/8, W'/8)
        return self.to_code(features).chunk(2, dim=1)  # (N, 2·latent, …) -> two times (N, latent, …)

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Images from codes. A code from N(0, 1) makes a new image.

        Args:
            code: (N, latent, h, w).

        Returns:
            (N, channels, 8·h, 8·w).
        """
        return self.decoder(self.from_code(code))

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(noisy, self.channels)
        mean, log_variance = self.encode(noisy)
        self._divergence = kl_divergence(mean, log_variance)
        code = reparameterise(mean, log_variance) if self.training else mean
        return self.decode(code)[..., :height, :width]

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean squared error + 2·decoder_sd²·KL / pixels: what is minimised.

        It is the negative evidence lower bound of a Gaussian decoder, times 2·decoder_sd² / pixels, but for a constant.
        KL is that of the last forward pass; each pass serves one call (without a pass before it, KL counts as 0).

        Args:
            prediction: the last pass's output, (N, channels, H, W).
            target: the clean images, of the same shape.

        Returns:
            One number an image, (N,).

        Raises:
            ValueError: a prediction that is not of the last pass's batch.
        """
        error = ((prediction - target) ** 2).flatten(1).mean(1)  # (N, C, H, W) -> (N, C·H·W) -> (N,)
        divergence, self._divergence = self._divergence, None
        if divergence is None:
            return error
        if len(divergence) != len(error):
            raise ValueError(f"prediction: expected that of the last pass, {len(divergence)} images, got {len(error)}")
        return error + 2 * self.decoder_sd**2 * divergence / target[0].numel()

    def _apply(self, *arguments: Any, **options: Any) -> Self:
        # a pass belongs to one training: `fit` moves the model first, and must not find the KL of an earlier look
        self._divergence = None
        return super()._apply(*arguments, **options)


def reparameterise(
    mean: torch.Tensor, log_variance: torch.Tensor, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """A draw from N(mean, exp(log_variance)) through which gradients pass: `mean + exp(log_variance / 2) · n`.

    n ~ N(0, 1) is drawn beside the network, so mean and variance can learn.

    Args:
        mean: any shape, floating point.
        log_variance: the same shape.
        generator: of n; without one PyTorch's global one draws, as for dropout.

    Returns:
        The same shape.

    Raises:
        TypeError, ValueError: what is no pair of floating-point tensors of one shape.

    Source: Kingma & Welling 2014, section 2.4.
    Lab: 06.
    """
    check_tensors(mean, log_variance, names=("mean", "log_variance"))
    draw = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    return mean + torch.exp(log_variance / 2) * draw

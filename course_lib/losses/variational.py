"""What a variational autoencoder minimises: how unlikely an image is, in nats."""

from __future__ import annotations

import torch

from course_lib._checks import check_number, check_tensors
from course_lib.losses.similarity import kl_divergence


def negative_elbo(
    image: torch.Tensor,
    reconstruction: torch.Tensor,
    mean: torch.Tensor,
    log_variance: torch.Tensor,
    *,
    decoder_sd: float,
) -> torch.Tensor:
    """`Σ (image - reconstruction)² / (2 decoder_sd²) + KL`, one number an image: the negative evidence lower bound.

    Both terms are sums, over pixels and over the code: a mean in the place of one of them changes what the other is
    worth, by as many times as there are pixels. The constant `pixels / 2 · log(2π decoder_sd²)` of the Gaussian density
    is left out; with it, this is an upper bound of -log p(image), on average over draws of the code.

    Args:
        image: (N, C, H, W), floating point.
        reconstruction: the same shape, decoded from a draw of the code (in training) or from its mean.
        mean, log_variance: of the code, (N, K) or (N, ...).
        decoder_sd: standard deviation that the decoder grants each pixel, in units of the image, above 0.

    Returns:
        (N,), in nats.

    Raises:
        TypeError, ValueError: bad input.

    Source: Kingma & Welling 2014, equation 10, with a Gaussian decoder.
    Lab: 13.
    """
    check_tensors(reconstruction, image, names=("reconstruction", "image"))
    decoder_sd = check_number(decoder_sd, "decoder_sd", low=0, above=True)
    divergence = kl_divergence(mean, log_variance)
    if image.ndim < 2 or len(divergence) != len(image):
        raise ValueError(f"mean: expected the codes of {len(image)} images, got {tuple(mean.shape)}")
    errors = ((image - reconstruction) ** 2).flatten(1).sum(1)  # (N, C, H, W) -> (N, C·H·W) -> (N,)
    return errors / (2 * decoder_sd**2) + divergence

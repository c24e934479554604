"""Restoration: the nearest healthy image, found by descent, in place of one pass through the autoencoder."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count, check_image, check_number
from course_lib.losses import negative_elbo


def restore(
    model: nn.Module,
    image: torch.Tensor,
    *,
    decoder_sd: float,
    weight: float = 15.0,
    steps: int = 100,
    rate: float = 0.01,
) -> torch.Tensor:
    """Descend from an image to one that the model finds likely, and that differs from it in few, connected pieces.

    Minimises `negative_elbo(x) + weight · TV(x - image)` over the image x, from x = `image`, by Adam. What the model
    cannot draw at all but finds in every brain, such as fine texture, costs as much at the start as a lesion does; TV
    (total variation, lab 04) keeps what is scattered and lets go of what is compact. The restored image takes the place
    of the reconstruction in `anomaly_map`. The model's weights stay as they are.

    Args:
        model: images to reconstruction, mean and log-variance of the code, as `models.normative.NormativeVAE`; trained
            on healthy images, in eval mode.
        image: (N, 1, H, W), in [0, 1].
        decoder_sd: as in training.
        weight: of the total variation, in nats for each unit of grey along an edge of one pixel, >= 0.
        steps: of Adam.
        rate: of Adam: about the largest change of a pixel in a step.

    Returns:
        The restored image, the image's shape.

    Raises:
        TypeError, ValueError: bad input, or a model in training mode.

    Source: You et al. 2019 and Chen et al. 2020, restoration with a normative prior (by gradient ascent; Adam is ours).
    Lab: 13.
    """
    check_image(image)
    weight, rate = check_number(weight, "weight", low=0), check_number(rate, "rate", low=0, above=True)
    if model.training:
        raise ValueError("model: expected it in eval mode; call model.eval()")
    found = image.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([found], rate)
    for _ in range(check_count(steps, "steps")):
        reconstruction, mean, log_variance = model(found)
        likely = negative_elbo(found, reconstruction, mean, log_variance, decoder_sd=decoder_sd).sum()
        change = found - image
        variation = change.diff(dim=-1).abs().sum() + change.diff(dim=-2).abs().sum()
        (found.grad,) = torch.autograd.grad(likely + weight * variation, found)
        optimizer.step()
    return found.detach()

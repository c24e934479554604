"""A prior of shape: how far a segmentation lies from the truth in the code of an autoencoder of label maps."""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call

from course_lib._checks import check_number, check_tensors


def shape_prior_loss(encoder: nn.Module, probabilities: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """`‖f(p) - f(y)‖²`, the mean over the batch: 0 where the encoder f sees the same shape in both.

    Cross-entropy judges each voxel by itself; the code sees the whole. It is one term: `cross_entropy + weight · this`.
    The norm is summed over the code, so that a mean in its place would make the weight of a code of 64 mean 64 times
    less. The encoder knows the shapes that it was trained on and no others: it pulls a rare shape towards a usual one.

    The gradient goes through the encoder to the probabilities, and never to its weights. It is asked to be in eval
    mode, for `model.train()` of a network that holds it turns a frozen one back.

    Args:
        encoder: label maps (N, C, …) to codes (N, K), trained beforehand, in eval mode. For images in place of label
            maps a `models.shape.ShapePredictor`: beside `smooth_l1_loss` that is ACNN's super-resolution.
        probabilities: (N, C, …), of the network, `logits.softmax(1)`; what `argmax` leaves has no gradient.
        target: the same shape, 0 and 1.

    Returns:
        A scalar, differentiable with respect to the probabilities.

    Raises:
        TypeError, ValueError: bad input, or an encoder in training mode.

    Source: Oktay et al. 2017 (ACNN), arXiv 1705.08302; lecture on denoising and reconstruction.
    Lab: 12.
    """
    check_tensors(probabilities, target, names=("probabilities", "target"))
    if not isinstance(encoder, nn.Module):
        raise TypeError(f"encoder: expected an nn.Module, got {type(encoder).__name__}")
    if any(module.training for module in encoder.modules()):
        raise ValueError("encoder: expected it in eval mode; call encoder.eval() after model.train()")
    frozen = {name: weight.detach() for name, weight in encoder.named_parameters()}
    code = functional_call(encoder, frozen, (probabilities,))
    with torch.no_grad():
        wanted = encoder(target)
    if code.ndim != 2 or len(code) != len(target):
        raise ValueError(f"encoder: expected codes (N, K) for {len(target)} label maps, got {tuple(code.shape)}")
    return (code - wanted).square().sum(1).mean()


def shape_code_loss(
    autoencoder: nn.Module, predictor: nn.Module, images: torch.Tensor, target: torch.Tensor, *, weight: float = 1.0
) -> torch.Tensor:
    """What a T-L network minimises: cross-entropy of the shapes drawn again, and `weight · ‖p(x) - f(y)‖²`.

    The predictor p learns to find the code of an image's labels, and the autoencoder, trained in the same step, to make
    codes that an image can tell. Both get gradients. Train the autoencoder alone first: codes that are still wandering
    are no target. The cross-entropy must stay: without it all codes shrink to one, and the distance is 0.

    Args:
        autoencoder: with `encode` and `decode`, as `models.shape.ShapeAutoencoder`.
        predictor: images to codes, as `models.shape.ShapePredictor`.
        images: (N, 1, H, W).
        target: their label maps (N, C, H, W), 0 and 1.
        weight: of the distance of the codes, summed over the code, the mean over the batch; >= 0.

    Returns:
        A scalar, differentiable with respect to both networks.

    Raises:
        TypeError, ValueError: bad input.

    Source: Girdhar et al. 2016 (T-L network); Oktay et al. 2017 (ACNN), arXiv 1705.08302.
    Lab: 12.
    """
    weight = check_number(weight, "weight", low=0)
    for name, network in (("autoencoder", autoencoder), ("predictor", predictor)):
        if not isinstance(network, nn.Module):
            raise TypeError(f"{name}: expected an nn.Module, got {type(network).__name__}")
    if len(images) != len(target):
        raise ValueError(f"images and target: expected as many of each, got {len(images)} and {len(target)}")
    code, found = autoencoder.encode(target), predictor(images)  # type: ignore[operator]
    if code.shape != found.shape:
        raise ValueError(f"predictor: expected codes {tuple(code.shape)}, got {tuple(found.shape)}")
    drawn = nn.functional.cross_entropy(autoencoder.decode(code), target)  # type: ignore[operator]
    return drawn + weight * (found - code).square().sum(1).mean()

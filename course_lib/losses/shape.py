"""A prior of shape: how far a segmentation lies from the truth in the code of an autoencoder of label maps."""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call

from course_lib._checks import check_tensors


def shape_prior_loss(encoder: nn.Module, probabilities: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """`‖f(p) - f(y)‖²`, the mean over the batch: 0 where the encoder f sees the same shape in both.

    Cross-entropy judges each voxel by itself; the code sees the whole. It is one term: `cross_entropy + weight · this`.
    The norm is summed over the code, so that a mean in its place would make the weight of a code of 64 mean 64 times
    less. The encoder knows the shapes that it was trained on and no others: it pulls a rare shape towards a usual one.

    The gradient goes through the encoder to the probabilities, and never to its weights. It is asked to be in eval
    mode, for `model.train()` of a network that holds it turns a frozen one back.

    Args:
        encoder: label maps (N, C, …) to codes (N, K), trained beforehand, in eval mode.
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

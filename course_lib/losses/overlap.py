"""What a segmentation network minimises where classes are unequally large: one minus the generalised Dice score."""

from __future__ import annotations

import torch

from course_lib import metrics
from course_lib._checks import check_tensors


def generalised_dice_loss(probabilities: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """`1 - GDS`, the mean over the batch: 0 where each voxel has its class with probability 1, at most 1.

    `metrics.generalised_dice` has the formula, and what happens to a class that an image lacks. Cross-entropy asks each
    voxel alike, so that a background of 99 % rules; here each class counts by its share. It needs probabilities:
    `logits.softmax(1)`. A prediction by `argmax` has no gradient. Where a class is missed altogether its
    gradient stays: nothing is added to numerator and denominator that would reward an empty answer.

    Args:
        probabilities: (N, C, H, W) or (N, C, D, H, W), from 0 to 1, of all classes with the background.
        target: the same shape, 0 and 1: `F.one_hot(labels, C).movedim(-1, 1)` as floating point.

    Returns:
        A scalar, differentiable with respect to the probabilities.

    Raises:
        TypeError, ValueError: bad input.

    Source: Sudre et al. 2017; lecture on denoising and reconstruction, additional losses (its weights lack the square).
    Lab: 12.
    """
    check_tensors(probabilities, target, names=("probabilities", "target"))
    return (1 - metrics.generalised_dice(probabilities, target)).mean()

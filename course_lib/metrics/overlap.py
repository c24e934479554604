"""How much of two masks is the same: Dice, volumetric similarity, and Dice over several classes."""

from __future__ import annotations

import numpy as np
import torch

from course_lib._checks import Array
from course_lib.metrics.masks import axes_of_space, check_masks
from course_lib.metrics.structure import precise


def dice(prediction: Array, target: Array) -> Array:
    """Dice's overlap of two masks, `2 |A ∩ B| / (|A| + |B|)`: 1 where they are equal, 0 where they are apart.

    Two empty masks agree: 1. One empty mask has nothing in common with the other: 0. It counts voxels, so it does not
    see where the others lie: ten wrong voxels at the border and ten far away cost the same. `hausdorff_distance` sees
    that. A small structure loses more by the same error than a large one.

    Args:
        prediction, target: boolean, one structure (H, W) or (D, H, W), or a batch with one structure in each channel,
            (N, C, H, W) or (N, C, D, H, W).

    Returns:
        A number for one structure, (N, C) for a batch.

    Raises:
        TypeError, ValueError: bad input.

    Source: Dice 1945; Taha and Hanbury 2015.
    Lab: 12.
    """
    check_masks(prediction, target)
    axes = axes_of_space(target)
    return _share(2 * (prediction & target).sum(axes), prediction.sum(axes) + target.sum(axes), target)


def volumetric_similarity(prediction: Array, target: Array) -> Array:
    """`1 - ||A| - |B|| / (|A| + |B|)`: 1 where both masks are equally large, wherever they lie.

    Two masks of one size in opposite corners score 1, with a Dice of 0. Never report it alone. Two empty masks score 1,
    one empty mask beside a full one 0. (ITK's "volume similarity" is another number: 2 (|A| - |B|) / (|A| + |B|), with
    a sign, 0 where the sizes agree.)

    Args:
        prediction, target: as for `dice`.

    Returns:
        A number for one structure, (N, C) for a batch.

    Raises:
        TypeError, ValueError: bad input.

    Source: Taha and Hanbury 2015; lecture on denoising and reconstruction, other measures.
    Lab: 12.
    """
    check_masks(prediction, target)
    axes = axes_of_space(target)
    a, b = prediction.sum(axes), target.sum(axes)
    return _share(a + b - abs(a - b), a + b, target)


def generalised_dice(prediction: Array, target: Array) -> Array:
    """One overlap for all classes: `2 Σ_l w_l Σ_n r p / Σ_l w_l Σ_n (r + p)` with `w_l = 1 / (Σ_n r)²`.

    p is the prediction, r the target, l a class, n a voxel. The weights make a small class count: a plain sum over the
    classes is ruled by the background. **The square belongs to the sum, not to its terms.** A slide of the lecture
    prints 1 / Σ (r)², with the square inside: for r of 0 and 1 that is 1 / volume, and no square is left. The two
    differ: where the predicted volumes are right, 1 / volume gives the plain mean of the classes' Dice scores,
    1 / volume² a mean in which each class has the weight 1 / volume.

    A class that is absent from the target would weigh 1/0: it has the weight of the smallest class that is present, as
    in MONAI, so that voxels wrongly given to it cost something. Where nothing is there and nothing is predicted, the
    score is 1. Nothing is added to numerator and denominator: with 1 added to both, an empty prediction for a class of
    four voxels scores 1/5, not 0.

    Args:
        prediction: booleans, or probabilities in floating point; (N, C, H, W) or (N, C, D, H, W), a class a channel,
            the background among them.
        target: the same shape; booleans or 0 and 1.

    Returns:
        (N,), differentiable for tensors with a gradient.

    Raises:
        TypeError, ValueError: bad input.

    Source: Sudre et al. 2017 (the loss is one minus this); Crum et al. 2006 weigh an intersection over a
        union.
    Lab: 12.
    """
    if isinstance(prediction, np.ndarray) and isinstance(target, np.ndarray):
        p, r = (torch.from_numpy(np.ascontiguousarray(one, dtype=np.float64)) for one in (prediction, target))
        return _generalised_dice(p, r).numpy()
    if not (isinstance(prediction, torch.Tensor) and isinstance(target, torch.Tensor)):
        raise TypeError(
            "prediction and target: expected two numpy arrays or two torch tensors, got"
            f" {type(prediction).__name__} and {type(target).__name__}"
        )
    return _generalised_dice(*precise(prediction, target))


def _generalised_dice(p: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    if p.shape != r.shape or p.ndim not in (4, 5):
        raise ValueError(
            "prediction and target: expected the same shape (N, C, H, W) or (N, C, D, H, W),"
            f" got {tuple(p.shape)} and {tuple(r.shape)}"
        )
    p, r = p.flatten(2), r.flatten(2)  # (N, C, …) -> (N, C, voxels)
    volume = r.sum(2)
    present = volume > 0
    smallest = torch.where(present, volume, torch.inf).amin(1, keepdim=True)  # (N, 1)
    # a common factor changes nothing: weights from 0 to 1 overflow in no type
    weights = torch.where(present, smallest / volume.clamp(min=torch.finfo(r.dtype).tiny), 1).square()
    above, below = 2 * (weights * (p * r).sum(2)).sum(1), (weights * (p + r).sum(2)).sum(1)
    nothing = below == 0
    return torch.where(nothing, 1, above / torch.where(nothing, 1, below))


def _share(part: Array, whole: Array, like: Array) -> Array:
    """part / whole, 1 where the whole is 0: float32 tensors, float64 arrays."""
    if isinstance(like, torch.Tensor):
        return torch.where(whole == 0, 1.0, part / whole.clamp(min=1))
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1))[()]

"""How far apart two surfaces are, in mm: the Hausdorff distance, its 95th percentile, and average distances.

Not by distance maps: only the border's voxels are compared, through a k-d tree. That is as exact, and faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from course_lib._checks import Array, check_number
from course_lib.metrics.masks import axes_of_space, check_masks

Spacing = float | Sequence[float]


def surface_distances(
    prediction: np.ndarray | torch.Tensor, target: np.ndarray | torch.Tensor, *, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """From each border voxel of one mask, the distance to the nearest border voxel of the other: both directions.

    A border voxel lies in the mask and has a neighbour (by a face) outside it; beyond the image is outside. All other
    scores of this kind are made of these: `.mean()` of the first is the directed average distance, which MONAI and
    medpy call average surface distance by default, and which does not see a piece that the prediction misses.

    Args:
        prediction, target: boolean, one structure (H, W) or (D, H, W).
        spacing: mm from voxel to voxel, one number for each axis in the order of the axes, or one for all.

    Returns:
        Distances in mm, float64, from the prediction's border to the target's and back, in the order of the voxels.
        Infinite where the other mask is empty; of no length for an empty mask.

    Raises:
        TypeError, ValueError: bad input.

    Source: lecture on denoising and reconstruction, surface distance measures; Taha and Hanbury 2015.
    Lab: 12.
    """
    check_masks(prediction, target)
    if prediction.ndim > 3:
        raise ValueError(f"prediction and target: expected one structure, got a batch {tuple(prediction.shape)}")
    a, b = (_on_cpu(mask) for mask in (prediction, target))
    return _distances(a, b, _steps(spacing, a.ndim))


def hausdorff_distance(prediction: Array, target: Array, *, spacing: Spacing, percentile: float = 100) -> Array:
    """Hausdorff distance: how far the two borders are apart where they are farthest, in mm.

    The larger of two directed distances, `max(max_a d(a, B), max_b d(b, A))`. A single wrong voxel decides it, so its
    95th percentile is often reported: `percentile=95`, the larger of both directed percentiles, as in MONAI (medpy
    takes one percentile of all distances together, so its number differs).

    Two empty masks: 0. One empty: infinite, for there is no distance to nothing. Say how many such cases a mean leaves
    out.

    Args:
        prediction, target: boolean, one structure (H, W) or (D, H, W), or a batch with one structure in each channel,
            (N, C, H, W) or (N, C, D, H, W).
        spacing: mm from voxel to voxel, one number for each axis in the order of the axes, or one for all; without it a
            thick slice would count as one thin step.
        percentile: 0 to 100, of each direction's distances, between two of them linearly.

    Returns:
        mm: a number for one structure, (N, C) for a batch.

    Raises:
        TypeError, ValueError: bad input.

    Source: Huttenlocher et al. 1993; lecture, surface distance measures.
    Lab: 12.
    """
    q = check_number(percentile, "percentile", low=0, high=100)

    def score(there: np.ndarray, back: np.ndarray) -> float:
        return max(_percentile(there, q), _percentile(back, q))

    return _of_each(prediction, target, spacing, score)


def average_surface_distance(prediction: Array, target: Array, *, spacing: Spacing) -> Array:
    """The lecture's average surface distance, in mm: the mean of the two directed means, both directions alike.

    `(mean_a d(a, B) + mean_b d(b, A)) / 2`. Where one border has more voxels than the other, this differs from
    `average_symmetric_surface_distance`, which pools them: say which one a table holds.

    Args:
        prediction, target, spacing: as for `hausdorff_distance`.

    Returns:
        mm: a number for one structure, (N, C) for a batch; 0 for two empty masks, infinite for one.

    Raises:
        TypeError, ValueError: bad input.

    Source: lecture, surface distance measures.
    Lab: 12.
    """
    return _of_each(prediction, target, spacing, lambda there, back: float(there.mean() + back.mean()) / 2)


def average_symmetric_surface_distance(prediction: Array, target: Array, *, spacing: Spacing) -> Array:
    """The pooled average surface distance (ASSD), in mm: the mean over the voxels of both borders together.

    `(Σ_a d(a, B) + Σ_b d(b, A)) / (|A| + |B|)`: the border with more voxels counts more. medpy's `assd`, and MONAI's
    average surface distance with `symmetric=True`.

    Args:
        prediction, target, spacing: as for `hausdorff_distance`.

    Returns:
        mm: a number for one structure, (N, C) for a batch; 0 for two empty masks, infinite for one.

    Raises:
        TypeError, ValueError: bad input.

    Source: Heimann et al. 2009.
    Lab: 12.
    """
    return _of_each(prediction, target, spacing, lambda there, back: float(np.concatenate([there, back]).mean()))


def _of_each(
    prediction: Array, target: Array, spacing: Spacing, score: Callable[[np.ndarray, np.ndarray], float]
) -> Array:
    """The score of each structure: () for one, (N, C) for a batch."""
    check_masks(prediction, target)
    a, b = (_on_cpu(mask) for mask in (prediction, target))
    axes = axes_of_space(a)
    outer, space = a.shape[: axes[0]], a.shape[axes[0] :]
    steps = _steps(spacing, len(space))
    values = []
    for x, y in zip(a.reshape(-1, *space), b.reshape(-1, *space), strict=True):  # (N, C, …) -> (N·C, …)
        there, back = _distances(x, y, steps)
        # a border without voxels has no mean: nothing to compare is 0, something with nothing infinite
        values.append(score(there, back) if len(there) and len(back) else math.inf if len(there) or len(back) else 0.0)
    if isinstance(prediction, torch.Tensor):
        return torch.tensor(values, dtype=torch.float32, device=prediction.device).reshape(outer)
    return np.array(values).reshape(outer)[()]


def _distances(a: np.ndarray, b: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import cKDTree

    box = _box(a | b)
    a, b = _border(a[box]), _border(b[box])
    found = []
    for here, other in ((a, b), (b, a)):
        distances = np.zeros(np.count_nonzero(here))
        if not other.any():
            distances[:] = np.inf
        else:
            apart = ~other[here]  # a voxel of both borders has distance 0
            # large leaves, and cuts through the middle of the space: on a grid faster than the defaults
            tree = cKDTree(np.argwhere(other) * steps, leafsize=48, balanced_tree=False, compact_nodes=False)
            wanted = np.argwhere(here & ~other) * steps
            workers = torch.get_num_threads() if len(wanted) > 10_000 else 1
            distances[apart] = tree.query(wanted, workers=workers)[0]
        found.append(distances)
    return found[0], found[1]


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box with all of the mask in it; all of the image where it is empty."""
    box = []
    for axis in range(mask.ndim):
        where = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(where[0], where[-1] + 1) if len(where) else slice(None))
    return tuple(box)


def _border(mask: np.ndarray) -> np.ndarray:
    inside = mask.copy()
    for axis in range(mask.ndim):
        along, core = np.moveaxis(mask, axis, 0), np.moveaxis(inside, axis, 0)  # views
        core[1:] &= along[:-1]
        core[:-1] &= along[1:]
        core[0] = core[-1] = False  # beyond the image is outside
    return mask & ~inside


def _percentile(values: np.ndarray, percentile: float) -> float:
    if percentile == 100:
        return float(values.max())
    return float(np.percentile(values, percentile)) if np.isfinite(values).all() else math.inf


def _steps(spacing: Spacing, axes: int) -> np.ndarray:
    given = [spacing] * axes if np.ndim(spacing) == 0 else list(spacing)  # type: ignore[arg-type]
    if len(given) != axes:
        raise ValueError(f"spacing: expected one number for each of {axes} axes, got {spacing!r}")
    return np.array([check_number(step, "spacing", low=0, above=True) for step in given])


def _on_cpu(mask: np.ndarray | torch.Tensor) -> np.ndarray:
    return mask.cpu().numpy() if isinstance(mask, torch.Tensor) else mask

"""Which slices of a head are worth keeping? Three ways to score a slice, and three rules to call a score low.

Two ways look at intensities alone and fail: noise and ghosts outside the head count like tissue, and a few bright
points make an empty slice "bright". The third asks how much brain there is. Source: "Relevant slices selection",
healthy-brain thesis, which tried the first two and kept the third. Lab 03 shows why.
"""

from __future__ import annotations

import numpy as np
import torch

from course_lib._checks import Array, check_image, check_number
from course_lib.data.anatomy import MINIMUM_BRAIN_SHARE

#: What makes a score a low outlier among the scores of a cohort: below mean − 3 standard deviations, below the lower
#: whisker of a box plot, or in the lowest quarter.
RULES = ("3 sigma", "iqr", "q1")


def nonzero_count(images: Array) -> Array:
    """Pixels of each slice that are not 0.

    Args:
        images: (N, H, W) or (N, C, H, W); numpy or torch.

    Returns:
        Integers (N,). Numpy or torch, as given.
    """
    return (_stack(images) != 0).sum(_pixels(images))


def nonzero_mean(images: Array) -> Array:
    """Mean of the pixels that are not 0, and 0 for a slice without any.

    Args:
        images: (N, H, W) or (N, C, H, W); numpy or torch.

    Returns:
        (N,). Numpy or torch, as given.
    """
    _stack(images)
    count = (images != 0).sum(_pixels(images))
    if isinstance(images, torch.Tensor):
        return images.sum(_pixels(images)) / count.clamp(min=1)
    return images.sum(_pixels(images)) / np.maximum(count, 1)


def brain_share(masks: Array) -> Array:
    """Share of each slice's pixels that are brain.

    Args:
        masks: bool (N, H, W) or (N, C, H, W); numpy or torch.

    Returns:
        float (N,) in [0, 1].

    Raises:
        TypeError: masks that are not boolean.
    """
    if masks.dtype not in (bool, torch.bool):
        raise TypeError(f"masks: expected booleans, got {masks.dtype}")
    if masks.ndim not in (3, 4):
        raise ValueError(f"masks: expected the shape (N, H, W) or (N, C, H, W), got {tuple(masks.shape)}")
    if isinstance(masks, torch.Tensor):
        return masks.float().mean(_pixels(masks))
    return masks.mean(_pixels(masks))


def low_limit(scores: Array, rule: str = "iqr") -> float:
    """The score below which a slice is a low outlier.

    Take the limit from training scores.

    Args:
        scores: (N,).
        rule: "3 sigma", mean − 3 standard deviations (that of a population); "iqr", Q1 − 1.5 (Q3 − Q1); "q1", the
            lower quartile, which discards a quarter of the slices whatever they show. The first two may lie below every
            score, and then nothing is discarded.

    Returns:
        The limit.

    Raises:
        ValueError: no finite scores (N,), and an unknown rule.
    """
    values = np.asarray(scores.detach().cpu() if isinstance(scores, torch.Tensor) else scores, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"scores: expected finite numbers, one a slice, got the shape {values.shape}: {values!r:.80}")
    if rule == "3 sigma":
        return float(values.mean() - 3 * values.std())
    first, third = np.percentile(values, [25, 75])
    if rule == "iqr":
        return float(first - 1.5 * (third - first))
    if rule == "q1":
        return float(first)
    raise ValueError(f"rule: expected one of {', '.join(RULES)}, got {rule!r}")


def relevant(scores: Array, rule: str = "iqr") -> Array:
    """True for slices whose score is no low outlier among `scores`. See :func:`low_limit`.

    Args:
        scores: (N,).
        rule: as in :func:`low_limit`.

    Returns:
        bool (N,).
    """
    return scores >= low_limit(scores, rule)


def has_brain(masks: Array, share: float = MINIMUM_BRAIN_SHARE) -> Array:
    """True for slices with at least `share` brain: the thesis's rule.

    Args:
        masks: bool (N, H, W) or (N, C, H, W).
        share: of the pixels, 4.5 % by default.

    Returns:
        bool (N,).
    """
    return brain_share(masks) >= check_number(share, "share", low=0, high=1)


def _stack(images: Array) -> Array:
    check_image(images, "images")
    if images.ndim not in (3, 4):
        raise ValueError(f"images: expected the shape (N, H, W) or (N, C, H, W), got {tuple(images.shape)}")
    return images


def _pixels(images: Array) -> tuple[int, ...]:
    return tuple(range(1, images.ndim))

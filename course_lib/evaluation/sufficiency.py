"""How many training images suffice? Where a learning curve lies above a reference by more than chance, and stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from course_lib._checks import check_number

#: Standard errors that the mean must lie above the reference.
STANDARD_ERRORS = 2.0


def enough_images(counts: Sequence[int], scores: Any, reference: float) -> int | None:
    """The smallest number of training images that beats a reference, and with which every larger number does too.

    A number beats the reference if the mean over seeds, less two standard errors, lies above it. The standard error is
    that of the mean of a sample: the standard deviation (divided by seeds - 1) over the root of the seeds. One lucky
    point in the middle of a curve is not enough: all larger numbers must win as well.

    Args:
        counts: of training images, (points,), in any order, each once.
        scores: (seeds, points), larger is better; at least two seeds.
        reference: the score to beat, such as that of a tuned filter.

    Returns:
        One of the counts, or None where not even the largest one beats the reference.

    Raises:
        ValueError: shapes that do not fit, repeated counts, a single seed, or numbers that are not finite.

    Source: Gondara 2016 asks the question; the rule is ours.
    Lab: 02.
    """
    numbers, values = np.asarray(counts), np.asarray(scores, dtype=float)
    reference = check_number(reference, "reference")
    if numbers.ndim != 1 or not numbers.size or len(np.unique(numbers)) < numbers.size:
        raise ValueError(f"counts: expected different numbers, got {numbers.tolist()}")
    if values.ndim != 2 or values.shape[1] != numbers.size or len(values) < 2:
        raise ValueError(
            f"scores: expected (at least 2 seeds, {numbers.size} counts), got the shape {tuple(values.shape)}"
        )
    if not np.isfinite(values).all():
        raise ValueError("scores: expected finite numbers, got NaN or infinity")
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    beats = values.mean(axis=0) - STANDARD_ERRORS * error > reference
    enough = None
    for place in numbers.argsort()[::-1]:  # from the largest down, until one loses
        if not beats[place]:
            break
        enough = int(numbers[place])
    return enough

"""How well scores tell lesion from healthy tissue, and where to draw the line without having seen a lesion."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_lib._checks import AnyArray, check_number


def area_under_curve(scores: AnyArray, labels: AnyArray) -> float:
    """AUROC: the chance that a lesion pixel scores higher than a healthy one, ties counted half.

    It does not ask how rare lesions are. Where they are one pixel in fifty, look at `average_precision` as well.

    Args:
        scores: any shape, finite; higher means more suspicious.
        labels: bool, the same shape; both kinds must occur.

    Returns:
        0.5 is chance, 1 perfect; below 0.5 the scores point the wrong way.

    Raises:
        TypeError, ValueError: bad input.

    Source: Hanley, McNeil 1982.
    Lab: 13; `detection.detectability` is that of lab 07, with its standard error.
    """
    _, hits, alarms = _steps(scores, labels)
    true, false = hits / hits[-1], alarms / alarms[-1]
    # each group of equal scores is one straight piece of the curve: the trapezoid counts its pairs half
    return float(np.trapezoid(np.append(0, true), np.append(0, false)))


def average_precision(scores: AnyArray, labels: AnyArray) -> float:
    """AP: the mean precision over the lesion pixels, each taken where it is found as the threshold falls.

    `Σ (R_k - R_{k-1}) P_k` over the distinct scores, from the highest, with R the share of lesion pixels found and P
    the share of lesion among what is marked. Equal scores are found together. No line is drawn between the points: that
    would promise precision that no threshold reaches.

    Args:
        scores: any shape, finite; higher means more suspicious.
        labels: bool, the same shape; both kinds must occur.

    Returns:
        1 is perfect; chance is the share of lesion pixels.

    Raises:
        TypeError, ValueError: bad input.

    Source: Davis, Goadrich 2006, on why points of a precision-recall curve are not joined.
    Lab: 13.
    """
    _, hits, alarms = _steps(scores, labels)
    return float((np.diff(hits, prepend=0) / hits[-1] * hits / (hits + alarms)).sum())


def best_dice(scores: AnyArray, labels: AnyArray) -> float:
    """The highest Dice that any threshold reaches: with the truth in hand, so no method can do as well in practice.

    Args:
        scores: any shape, finite; higher means more suspicious.
        labels: bool, the same shape; both kinds must occur.

    Returns:
        From 0 to 1.

    Raises:
        TypeError, ValueError: bad input.

    Source: Baur et al. 2021, who call it ⌈Dice⌉.
    Lab: 13.
    """
    _, hits, alarms = _steps(scores, labels)
    return float((2 * hits / (hits + alarms + hits[-1])).max())


def threshold_for(healthy_scores: AnyArray, false_alarms: float) -> float:
    """The lowest of the scores of *healthy* cases that leaves at most a share `false_alarms` of them above it.

    A case counts as suspicious if its score is `> threshold`. Take the scores of healthy people who were neither
    trained on nor are tested on; scores of the sick have no place here. Nothing is assumed about the distribution: the
    mean plus two standard deviations would hold for a Gaussian one.

    Args:
        healthy_scores: any shape, finite, at least one.
        false_alarms: the share of healthy cases that may be called suspicious, from 0 to below 1.

    Returns:
        One of the scores.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    scores = np.sort(_flat(healthy_scores, "healthy_scores"))
    share = check_number(false_alarms, "false_alarms", low=0, high=1)
    if share == 1:
        raise ValueError("false_alarms: expected a share below 1, got 1: that calls everybody ill")
    above = math.floor(share * len(scores) + 1e-9)  # 0.29 · 100 is a little less than 29 in binary
    return float(scores[len(scores) - 1 - above])


def _flat(scores: AnyArray, name: str) -> np.ndarray:
    if isinstance(scores, torch.Tensor):
        scores = scores.detach().cpu().numpy()
    values = np.asarray(scores, dtype=np.float64).ravel()
    if len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite scores, got {len(values)}, NaN and infinity included")
    return values


def _steps(scores: AnyArray, labels: AnyArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct scores from the highest, and how many lesion and healthy pixels have been marked at each."""
    values = _flat(scores, "scores")
    truth = labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if truth.dtype != bool:
        raise TypeError(f"labels: expected booleans, True for lesion, got {truth.dtype}")
    truth = truth.ravel()
    if len(truth) != len(values):
        raise ValueError(f"labels: expected one for each of {len(values)} scores, got {len(truth)}")
    if truth.all() or not truth.any():
        raise ValueError("labels: expected lesion and healthy pixels, got only one kind")
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    last = np.append(values[1:] != values[:-1], True)  # the last of each group of equal scores
    hits = np.cumsum(truth)[last].astype(np.float64)
    return values[last], hits, np.flatnonzero(last) + 1 - hits

"""Learning rates that follow the batches from the first to the last: `schedule` of `training.fit`."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

SCHEDULES = ("cosine", "one cycle")
WARM_UP, START, END = 0.3, 1 / 25, 1 / 25e4  # of "one cycle": PyTorch's defaults


def factor(schedule: str, step: int, steps: int) -> float:
    """The share of the full learning rate in one batch.

    "cosine": half a cosine from 1 to almost 0 (without restarts). "one cycle": up from 1/25 to 1 in the first 30 % of
    the batches, then down to 1/250000, both along a cosine (in the form of PyTorch's OneCycleLR; momenta stay as they
    are).

    Args:
        schedule: "cosine" or "one cycle".
        step: the batch, counted from 0.
        steps: how many batches there are in all.

    Returns:
        The share, from 0 to 1.

    Source: Loshchilov and Hutter 2017, equation 5 ("cosine"); Smith and Topin 2019 ("one cycle").
    """
    if schedule == "cosine":
        return _between(1.0, 0.0, step / steps)
    peak = max(WARM_UP * steps - 1, 0)
    if step <= peak:
        return _between(START, 1.0, step / peak if peak else 1.0)
    return _between(1.0, END, (step - peak) / (steps - 1 - peak))


def rates(updates: torch.optim.Optimizer, schedule: str | None, steps: int) -> Callable[[int], float]:
    """A function that sets the learning rates for a batch.

    It depends on the step alone: there is nothing to save, and nothing to bring back after an interruption. Call it
    with a new optimiser: the rates that it has then are the full ones.

    Args:
        updates: a new optimiser.
        schedule, steps: as for `factor`; None leaves the rates as they are.

    Returns:
        `f(step)`, which sets the rates of all groups of parameters for that batch and returns the first one.
    """
    full = [group["lr"] for group in updates.param_groups]

    def set_for(step: int) -> float:
        if schedule is not None:
            share = factor(schedule, step, steps)
            for group, rate in zip(updates.param_groups, full, strict=True):
                group["lr"] = rate * share
        return updates.param_groups[0]["lr"]

    return set_for


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

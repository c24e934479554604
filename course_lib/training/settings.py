"""What `training.fit` refuses: settings that make no sense, and a loss that left the numbers."""

from __future__ import annotations

import math
from typing import Any

from course_lib._checks import check_count, check_number
from course_lib.training.schedules import SCHEDULES


def check_finite(which: str, value: float, epoch: int, step: int, rate: float) -> None:
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the {which} loss became {value} in epoch {epoch + 1}, batch {step + 1}, at learning rate"
            f" {rate:g}. Try a learning rate ten times smaller or mixed_precision='no', and look for NaN or"
            " huge values in the images; a logarithm or a square root in the loss needs an epsilon"
        )


def check_settings(
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    optimizer: Any,
    patience: int | None,
    min_delta: float,
) -> None:
    check_count(epochs, "epochs", low=0)
    check_count(batch_size, "batch_size")
    if patience is not None:
        check_count(patience, "patience")
    check_number(learning_rate, "learning_rate", low=0, above=True)
    check_number(weight_decay, "weight_decay", low=0)
    check_number(min_delta, "min_delta", low=0)
    if optimizer is not None and not callable(optimizer):
        raise TypeError(
            "optimizer: expected a function that makes one, as lambda p: torch.optim.RMSprop(p, lr=1e-3), got"
            f" {type(optimizer).__name__}"
        )
    if optimizer is not None and (learning_rate, weight_decay) != (1e-3, 0.0):
        raise ValueError(
            "optimizer: learning_rate and weight_decay belong to the default Adam; give yours to it itself"
        )


def check_options(schedule: Any, plateau: Any, ema: Any, clip_norm: Any) -> None:
    if schedule is not None and schedule not in SCHEDULES:
        raise ValueError(f"schedule: expected {' or '.join(map(repr, SCHEDULES))} or None, got {schedule!r}")
    if schedule is not None and plateau is not None:
        raise ValueError("schedule and plateau: expected one of them; both set the learning rate")
    if ema is not None and check_number(ema, "ema", low=0, high=1) == 1:
        raise ValueError("ema: expected a decay below 1 (at 1 the first weights would stay for ever), got 1")
    if clip_norm is not None:
        check_number(clip_norm, "clip_norm", low=0, above=True)

"""What `training.fit` computes of predictions: means of losses and metrics over the validation images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from course_lib.profiles import fixed_seed
from course_lib.training.batches import Batches

if TYPE_CHECKING:
    from accelerate import Accelerator

    from course_lib.training.learner import Learner

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def validate(
    learner: Learner,
    held_out: Batches,
    functions: list[Loss],
    *,
    batch_size: int,
    seed: int,
    accelerator: Accelerator,
    place: Callable[[torch.Tensor], torch.Tensor],
) -> list[float]:
    """The mean of each function over the validation images, whose noise is the same every time."""
    rank, model = accelerator.process_index, learner.model
    totals = torch.zeros(len(functions), device=accelerator.device)
    mine = range(rank, len(held_out), accelerator.num_processes)
    with learner.averaged(), fixed_seed(seed, "validation", rank), torch.no_grad():
        model.eval()
        for start in range(0, len(mine), batch_size):
            share = mine[start : start + batch_size]
            clean, *given = map(place, held_out(share, "validation"))
            prediction = model(*given)
            totals += len(share) * torch.stack([mean_of(f, prediction, clean).float() for f in functions])
    return (accelerator.reduce(totals, "sum") / len(held_out)).tolist()


def mean_of(function: Loss, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if prediction.shape != target.shape:
        raise ValueError(
            f"model: expected its output to have the shape of the clean images, {tuple(target.shape)},"
            f" got {tuple(prediction.shape)}"
        )
    value = function(prediction, target)
    if not isinstance(value, torch.Tensor) or value.shape not in ((), target.shape[:1]):
        got = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        raise ValueError(f"loss and metrics: expected a mean or one number an image ({len(target)}), got {got}")
    if value.is_complex():
        raise TypeError("loss and metrics: expected real numbers, got complex ones: see squared_error, on_magnitude")
    return value.mean()

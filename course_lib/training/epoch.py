"""One epoch of training: the loop that lab 01 writes by hand, with what GPUs and several processes ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from course_lib.profiles import fixed_seed
from course_lib.training.batches import Batches
from course_lib.training.learner import Learner
from course_lib.training.settings import check_finite
from course_lib.training.validation import Loss, mean_of

if TYPE_CHECKING:
    from accelerate import Accelerator


def train_epoch(
    learner: Learner,
    pairs: Batches,
    epoch: int,
    *,
    loss: Loss,
    batch_size: int,
    seed: int,
    clip_norm: float | None,
    accelerator: Accelerator,
    place: Callable[[torch.Tensor], torch.Tensor],
    show: Callable[[float | None], Any],
) -> float:
    """Go once through all training images, batch after batch.

    Args:
        learner: the model and what trains it; changed in place.
        pairs: gives batches (clean, *given), each (N, C, H, W).
        epoch: counted from 0; with `seed` it decides the order of the images and their noise.
        loss, batch_size, seed, clip_norm: as for `fit`.
        accelerator: that of the training.
        place: brings a batch to the device.
        show: is called after each batch, with the mean loss so far where it was looked at.

    Returns:
        The mean loss over all training images.
    """
    rank, processes = accelerator.process_index, accelerator.num_processes
    look_every = 1 if accelerator.device.type == "cpu" else 20  # reading a number makes a GPU wait
    batches = pairs.order(epoch, batch_size)
    total, seen = torch.zeros((), device=accelerator.device), 0
    learner.model.train()
    with fixed_seed(seed, "model", epoch, rank):
        for step, batch in enumerate(batches):
            rate, share = learner.rate_at(epoch * len(batches) + step), batch[rank::processes]
            # a process with no image left takes part with weight 0: the others wait for it
            clean, *given = map(place, pairs(share or batch[:1], "train", epoch))
            value = mean_of(loss, learner.network(*given), clean)
            # gradients are averaged over processes: a share counts by its part of the batch
            accelerator.backward(value * (len(share) * processes / len(batch)))
            if clip_norm is not None:
                accelerator.clip_grad_norm_(learner.model.parameters(), clip_norm)
            learner.stepper.step()
            learner.stepper.zero_grad()
            if learner.average is not None:
                learner.average.update(learner.model)
            total, seen = total + value.detach() * len(share), seen + len(share)
            running = None
            if step % look_every == 0 or step == len(batches) - 1:
                running = float(total) / max(seen, 1)
                check_finite("training", running, epoch, step, rate)
            show(running)
    learner.share_buffers()
    return accelerator.reduce(total, "sum").item() / len(pairs)

"""`fit`: the training loop that lab 01 writes by hand, carried to GPUs, mixed precision and several processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.training.batches import Batches
from course_lib.training.checkpoint import Checkpoint
from course_lib.training.engine import engine
from course_lib.training.epoch import train_epoch
from course_lib.training.history import History
from course_lib.training.learner import Learner
from course_lib.training.progress import Bar
from course_lib.training.settings import check_finite, check_options, check_settings
from course_lib.training.validation import Loss, validate


def fit(
    model: nn.Module,
    train: Any,
    validation: Any = None,
    *,
    loss: Loss,
    corrupt: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]] | None = None,
    transform: Callable[..., torch.Tensor] | None = None,
    target: Callable[..., torch.Tensor] | None = None,
    epochs: int,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.0,
    optimizer: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer] | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    plateau: Mapping[str, Any] | None = None,
    schedule: str | None = None,
    ema: float | None = None,
    clip_norm: float | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    mixed_precision: str | None = None,
    channels_last: bool | None = None,
    metrics: Mapping[str, Loss] | None = None,
    progress: bool = True,
    on_epoch: Callable[[History], Any] | None = None,
    device: str | None = None,
) -> History:
    """Train `model` in place to turn corrupted images back into clean ones.

    The noise of image i in epoch e depends on (seed, e, i) alone, validation noise on (seed, i): the result does not
    depend on how a batch is split. Under torchrun or, on several GPUs, `accelerate launch` the processes share each
    batch, and a step is that of the whole batch. Exceptions: BatchNorm normalises each process's share and keeps the
    main process's statistics, and dropout differs by process. Bars, callbacks and files are the main process's. Global
    random state is left alone; `fixed_seed` makes the first weights of a model repeatable.

    Args:
        model: called with a batch (N, C, H, W), or with all parts of what `corrupt` returns.
        train, validation: clean images, a float or complex tensor (N, C, H, W) or a Dataset of such tensors (C, H, W).
            One with `draw(index, generator=g)`, as `data.mixture.Mixture`, is asked anew each epoch (in validation:
            always the same).
        loss: `f(prediction, target)` of a batch (N, C, H, W): its mean, or N numbers, one an image.
        corrupt: `corrupt(image, generator=g)` makes the noisy input of one image (C, H, W) on the CPU, as
            `functools.partial(noise.gaussian, sigma=0.1)` does; None trains a plain autoencoder. Where it returns a
            tuple, as `undersampling(4, 0.08)` does, the model is called with all its parts: `model(measured, mask)`.
        transform: `transform(image, generator=g)`, as a random crop of a clean training image, before `corrupt`.
        target: `target(image, generator=g)` makes what a training prediction is compared with, in place of the clean
            image: `noise.gaussian` once more is Noise2Noise. Validation is against the clean image in any case.
        epochs: how often all training images are seen; 0 trains nothing.
        batch_size: images a step.
        learning_rate, weight_decay: of Adam, where no `optimizer` is given; this weight decay is L2.
        optimizer: `f(parameters) -> Optimizer`, in place of Adam(learning_rate, weight_decay).
        patience: stop after so many epochs in a row without a validation loss more than `min_delta` below the best; at
            the end, stopped or not, the model gets the best epoch's weights back. None: no stop, and the last weights.
        min_delta: see `patience`; in units of the loss.
        plateau: arguments of ReduceLROnPlateau, as dict(factor=0.2, patience=4); it follows the validation loss.
            (PyTorch reduces after patience + 1 bad epochs, Keras after patience.)
        schedule: in place of plateau: "cosine" (half a cosine from the learning rate to almost 0) or "one cycle" (up
            from 1/25 of it in the first 30 % of all batches, then down to almost 0), from batch to batch, over all
            `epochs`.
        ema: decay of an exponential moving average of the weights, as 0.998 (in the first steps (1 + step) / (10 +
            step), if that is less). Validation sees the average, best weights are its, and the model holds it at the
            end; the training loss and `on_epoch` see the weights in training.
        clip_norm: gradients whose norm, over all parameters, is larger are scaled down to it.
        seed: of the order of the images and of their noise.
        checkpoint: a file written after each epoch. If it exists, fit continues from it, on the CPU to the same weights
            bit for bit as without the interruption; a finished run returns at once; more epochs prolong it, but not
            with a schedule, which ends where it was told to. All processes must see the file.
        mixed_precision: "no", "bf16" or "fp16"; None: on CUDA the one that the GPU has units for, elsewhere "no".
        channels_last: memory layout; None: on for models with 2D convolutions (on 2 CPU cores small CNNs trained 1.1 to
            1.5 times as fast). Never on a CPU with a layer that may crash PyTorch in it; True then warns.
        metrics: {name: function as `loss`}, averaged over the validation images.
        progress: a bar over all batches.
        on_epoch: `on_epoch(history)` is called after each epoch; `viz.LiveCurves()` draws it.
        device: "cpu", "cuda", "mps"; None: that of `profile()`, or an Apple GPU that passed its self-test. Afterwards
            the model is back where it was.

    Returns:
        What happened, epoch by epoch.

    Raises:
        TypeError, ValueError: bad input or a checkpoint of another run.
        FloatingPointError: the loss is NaN or infinite.

    Source: Vincent 2008 (denoising autoencoder); Polyak and Juditsky 1992 (averaged weights); Pascanu et al. 2013
        (clipped norms); schedules: Loshchilov and Hutter 2017, Smith and Topin 2019.
    Lab: 01, which builds it.
    """
    check_settings(epochs, batch_size, learning_rate, weight_decay, optimizer, patience, min_delta)
    check_options(schedule, plateau, ema, clip_norm)
    metrics = dict(metrics or {})
    if validation is None and (patience is not None or plateau is not None or metrics):
        raise ValueError("patience, plateau and metrics need validation images, but validation is None")
    pairs = Batches(train, "train", corrupt, transform, seed, target)
    pairs.check_model(model)
    held_out = None if validation is None else Batches(validation, "validation", corrupt, None, seed)
    steps = math.ceil(len(pairs) / batch_size)
    make_optimizer = optimizer or partial(torch.optim.Adam, lr=learning_rate, weight_decay=weight_decay)

    with engine(model, device, mixed_precision, channels_last) as (accelerator, place):
        how: dict[str, Any] = {"plateau": plateau, "schedule": schedule, "ema": ema}
        learner = Learner(model, accelerator, optimizer=make_optimizer, steps=epochs * steps, **how)
        history, best, file = History(metrics={name: [] for name in metrics}), None, None
        if checkpoint is not None:
            settings: dict[str, Any] = {
                **how,
                "seed": seed,
                "batch_size": batch_size,
                "clip_norm": clip_norm,
                "metrics": list(metrics),
            }
            settings["patience and min_delta"] = [patience, min_delta]
            file = Checkpoint(Path(checkpoint), learner, pairs, held_out, loss, accelerator, epochs, settings)
            history, best = file.resume(learner) or (history, best)

        with Bar(epochs, steps, len(history.train_loss), progress and accelerator.is_main_process) as bar:
            for epoch in range(len(history.train_loss), epochs):
                if history.stopped_early:
                    break
                bar.epoch(epoch + 1)
                started, rate = time.perf_counter(), learner.rate_at(epoch * steps)
                train_loss = train_epoch(
                    learner, pairs, epoch, loss=loss, batch_size=batch_size, seed=seed, clip_norm=clip_norm,
                    accelerator=accelerator, place=place, show=bar.batch,
                )  # fmt: skip
                history.train_loss.append(train_loss)
                if held_out is not None:
                    means = validate(
                        learner, held_out, [loss, *metrics.values()],
                        batch_size=batch_size, seed=seed, accelerator=accelerator, place=place,
                    )  # fmt: skip
                    check_finite("validation", means[0], epoch, steps - 1, learner.rate)
                    history.add_validation(means, min_delta, patience)
                    if patience is not None and history.best_epoch == epoch + 1:
                        best = learner.weights()
                    if learner.plateau is not None:
                        learner.plateau.step(means[0])
                    bar.validated(means[0])
                history.learning_rate.append(rate)
                history.seconds.append(time.perf_counter() - started)
                if file is not None:
                    file.save(learner, history, best)
                if on_epoch is not None and accelerator.is_main_process:
                    on_epoch(history)
        learner.keep(best)
    return history

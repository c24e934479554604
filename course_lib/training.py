"""`fit`: the training loop that lab 01 writes by hand, carried to GPUs, mixed precision and several processes.

Also `noising`, its `corrupt` at one noise level or blind; a trained model applied: `denoise`, `reconstruct`; for
k-space `undersampling`, `squared_error` and `on_magnitude` (lab 09); `THESIS_RECIPE`, how the healthy-brain thesis
trained, by MSE or DSSIM, with L2 or without: `fit(model, train, validation, **THESIS_RECIPE["MSE + L2"])` (lab 06);
`ATTENTION_RECIPE`, how the attention U-Net is trained here, and its `attention_loss` (lab 14); and, from `profiles`,
what this machine can do and how seeds are mixed.
Accelerate and tqdm are imported when a training starts, not before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from course_lib import _checkpoint
from course_lib._apply import denoise, reconstruct
from course_lib._attention_recipe import ATTENTION_RECIPE, attention_loss
from course_lib._average import WeightAverage
from course_lib._batches import Batches
from course_lib._complex_scores import on_magnitude, squared_error
from course_lib._engine import engine
from course_lib._fit_checks import check_finite, check_options, check_settings
from course_lib._noising import noising
from course_lib._recipes import THESIS_RECIPE
from course_lib._schedules import rates
from course_lib._undersampling import undersampling
from course_lib._validation import Loss, best_epoch, mean_of, validate
from course_lib.profiles import Profile, fixed_seed, profile, seeded

__all__ = [
    "ATTENTION_RECIPE", "THESIS_RECIPE", "History", "Profile", "attention_loss", "denoise", "fit", "fixed_seed",
    "noising", "on_magnitude", "profile", "reconstruct", "seeded", "squared_error", "undersampling",
]  # fmt: skip


@dataclass
class History:
    """What happened: lists of one number an epoch. `best_epoch` counts from 1, as plots and bars do."""

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)  # empty without validation images
    learning_rate: list[float] = field(default_factory=list)  # in the first batch of each epoch
    seconds: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    stopped_early: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, fit for JSON; `History(**d)` is the way back."""
        return asdict(self)


def fit(
    model: nn.Module,
    train: Any,
    validation: Any = None,
    *,
    loss: Loss,
    corrupt: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]] | None = None,
    transform: Callable[..., torch.Tensor] | None = None,
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
    """Train `model` in place to turn corrupted images back into clean ones; lab 01 builds it.

    train, validation: clean images, a float or complex tensor (N, C, H, W) or a Dataset of such tensors (C, H, W).
        One with `draw(index, generator=g)`, as `data.mixture.Mixture`, is asked anew each epoch (in validation: always
        the same).
    loss, metrics: `f(prediction, target)` of a batch (N, C, H, W): its mean, or N numbers, one an image.
        Metrics (a dict by name) are averaged over the validation images.
    corrupt: `corrupt(image, generator=g)` makes the noisy input of one image (C, H, W) on the CPU, as
        `functools.partial(noise.gaussian, sigma=0.1)` does; None trains a plain autoencoder. Where it returns a
        tuple, as `undersampling(4, 0.08)` does, the model is called with all its parts: `model(measured, mask)`.
    transform: `transform(image, generator=g)`, as a random crop of a clean training image, before `corrupt`.
    optimizer: `f(parameters) -> Optimizer`, in place of Adam(learning_rate, weight_decay), which is L2.
    patience: stop after so many epochs in a row without a validation loss more than `min_delta` below the
        best; at the end, stopped or not, the model gets the best epoch's weights back. None: no stop, and the
        last weights.
    plateau: arguments of ReduceLROnPlateau, as dict(factor=0.2, patience=4); it follows the validation loss.
        (PyTorch reduces after patience + 1 bad epochs, Keras after patience.)
    schedule: in place of plateau: "cosine" (half a cosine from the learning rate to almost 0) or "one cycle" (up from
        1/25 of it in the first 30 % of all batches, then down to almost 0), from batch to batch, over all `epochs`.
    ema: decay of an exponential moving average of the weights, as 0.998 (in the first steps (1 + step) / (10 + step),
        if that is less). Validation sees the average, best weights are its, and the model holds it at the end; the
        training loss and `on_epoch` see the weights in training.
    clip_norm: gradients whose norm, over all parameters, is larger are scaled down to it.
    checkpoint: a file written after each epoch. If it exists, fit continues from it, on the CPU to the same
        weights bit for bit as without the interruption; a finished run returns at once; more epochs prolong
        it, but not with a schedule, which ends where it was told to. All processes must see the file.
    mixed_precision: "no", "bf16" or "fp16"; None: on CUDA the one that the GPU has units for, elsewhere "no".
    channels_last: memory layout; None: on for models with 2D convolutions (on 2 CPU cores small CNNs trained
        1.1 to 1.5 times as fast). Never on a CPU with a layer that may crash PyTorch in it; True then warns.
    progress: a bar over all batches.
    on_epoch: `on_epoch(history)` is called after each epoch; `viz.LiveCurves()` draws it.
    device: "cpu", "cuda", "mps"; None: that of `profile()`. Afterwards the model is back where it was.

    The noise of image i in epoch e depends on (seed, e, i) alone, validation noise on (seed, i): the result
    does not depend on how a batch is split. Under torchrun or, on several GPUs, `accelerate launch` the
    processes share each batch, and a step is that of the whole batch. Exceptions: BatchNorm normalises each
    process's share and keeps the main process's statistics, and dropout differs by process. Bars, callbacks
    and files are the main process's. Global random state is left alone; `fixed_seed` makes the first weights
    of a model repeatable.

    Raises TypeError/ValueError for bad input or a checkpoint of another run, FloatingPointError where the
    loss is NaN or infinite. Source: Vincent 2008 (denoising autoencoder); Polyak and Juditsky 1992 (averaged
    weights); Pascanu et al. 2013 (clipped norms); schedules: Loshchilov and Hutter 2017, Smith and Topin 2019.
    """
    check_settings(epochs, batch_size, learning_rate, weight_decay, optimizer, patience, min_delta)
    check_options(schedule, plateau, ema, clip_norm)
    metrics = dict(metrics or {})
    if validation is None and (patience is not None or plateau is not None or metrics):
        raise ValueError("patience, plateau and metrics need validation images, but validation is None")
    pairs = Batches(train, "train", corrupt, transform, seed)
    pairs.check_model(model)
    held_out = None if validation is None else Batches(validation, "validation", corrupt, None, seed)
    history, best, shown = History(metrics={name: [] for name in metrics}), None, {}
    steps = math.ceil(len(pairs) / batch_size)

    with engine(model, device, mixed_precision, channels_last) as (accelerator, place):
        from accelerate.utils import broadcast
        from tqdm.auto import tqdm

        rank, processes = accelerator.process_index, accelerator.num_processes
        main = accelerator.is_main_process
        look_every = 1 if accelerator.device.type == "cpu" else 20  # reading a number makes a GPU wait
        if optimizer is None:
            updates = torch.optim.Adam(model.parameters(), learning_rate, weight_decay=weight_decay)
        else:
            updates = optimizer(model.parameters())
        scheduler = None if plateau is None else ReduceLROnPlateau(updates, **plateau)
        rate_at = rates(updates, schedule, epochs * steps)
        average = None if ema is None else WeightAverage(model, ema)
        network, stepper = accelerator.prepare(model, updates)

        parts = {"model": model, "optimizer": updates, "scheduler": scheduler, "scaler": accelerator.scaler}
        parts["average"] = average
        parts = {name: part for name, part in parts.items() if part is not None}
        if checkpoint is not None:
            settings = {
                "seed": seed,
                "batch_size": batch_size,
                "optimizer": f"{type(updates).__name__} {updates.defaults}",
                "patience and min_delta": [patience, min_delta],
                "plateau": None if plateau is None else repr(sorted(plateau.items())),
                # a file from before there were these holds none of them: None
                "schedule": None if schedule is None else f"{schedule} over {epochs} epochs",
                "ema": ema,
                "clip_norm": clip_norm,
                "metrics": list(metrics),
                "mixed_precision": accelerator.mixed_precision,
                "training images": len(pairs),
                "validation images": None if held_out is None else len(held_out),
            }
            fingerprint = _checkpoint.describe(model, pairs, partial(mean_of, loss), accelerator.device) | settings
            saved = _checkpoint.load(Path(checkpoint), fingerprint, epochs)
            if saved is not None:
                history, best = History(**saved["history"]), saved["best"]
                for name, part in parts.items():
                    part.load_state_dict(saved["parts"][name])

        done = len(history.train_loss)
        bar = tqdm(total=epochs * steps, initial=done * steps, unit="batch", disable=not (progress and main))
        with bar:
            for epoch in range(done, epochs):
                if history.stopped_early:
                    break
                bar.set_description(f"epoch {epoch + 1}/{epochs}")
                started, first_rate = time.perf_counter(), rate_at(epoch * steps)
                total, seen = 0.0, 0
                model.train()
                with fixed_seed(seed, "model", epoch, rank):
                    for step, batch in enumerate(pairs.order(epoch, batch_size)):
                        rate, share = rate_at(epoch * steps + step), batch[rank::processes]
                        # a process with no image left takes part with weight 0: the others wait for it
                        clean, *given = map(place, pairs(share or batch[:1], "train", epoch))
                        value = mean_of(loss, network(*given), clean)
                        # gradients are averaged over processes: a share counts by its part of the batch
                        accelerator.backward(value * (len(share) * processes / len(batch)))
                        if clip_norm is not None:
                            accelerator.clip_grad_norm_(model.parameters(), clip_norm)
                        stepper.step()
                        stepper.zero_grad()
                        if average is not None:
                            average.update(model)
                        total, seen = total + value.detach() * len(share), seen + len(share)
                        bar.update()
                        if step % look_every == 0 or step == steps - 1:
                            running = float(total) / max(seen, 1)
                            check_finite("training", running, epoch, step, rate)
                            shown["loss"] = f"{running:.4g}"
                            bar.set_postfix(shown, refresh=False)
                for buffer in [*model.buffers(), *(average.values.values() if average is not None else ())]:
                    broadcast(buffer)  # BatchNorm statistics, and their average
                history.train_loss.append(accelerator.reduce(total, "sum").item() / len(pairs))

                if held_out is not None:
                    functions = [loss, *metrics.values()]
                    showing = nullcontext() if average is None else average.shown(model)
                    with showing, fixed_seed(seed, "validation", rank):
                        means = validate(model, held_out, functions, batch_size, accelerator, place)
                    check_finite("validation", means[0], epoch, steps - 1, rate)
                    history.validation_loss.append(means[0])
                    for name, number in zip(metrics, means[1:], strict=True):
                        history.metrics[name].append(number)
                    history.best_epoch = best_epoch(history.validation_loss, min_delta)
                    if patience is not None:
                        if history.best_epoch == epoch + 1:
                            seen_now = model.state_dict() if average is None else average.values
                            best = {name: tensor.cpu().clone() for name, tensor in seen_now.items()}
                        history.stopped_early = epoch + 1 - history.best_epoch >= patience
                    if scheduler is not None:
                        scheduler.step(means[0])
                    shown["validation"] = f"{means[0]:.4g}"
                    bar.set_postfix(shown)
                history.learning_rate.append(first_rate)
                history.seconds.append(time.perf_counter() - started)

                if checkpoint is not None:
                    if main:
                        states = {name: part.state_dict() for name, part in parts.items()}
                        state = {"parts": states, "history": history.as_dict(), "best": best}
                        _checkpoint.save(Path(checkpoint), state, fingerprint)
                    accelerator.wait_for_everyone()
                if on_epoch is not None and main:
                    on_epoch(history)
        if best is None and average is not None:
            best = average.values
        if best is not None:
            model.load_state_dict(best)
    return history

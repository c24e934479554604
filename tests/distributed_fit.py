"""One training for processes of its own, see test_training.py: `distributed_fit.py KIND OUTPUT [CHECKPOINT]`.

KIND: "plain" (as many processes as torchrun starts), "averaged" (the same with a schedule, clipped gradients and
averaged weights), "killed" (kills itself in the middle of epoch 3) or "whole" (the same training, left alone).
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial

import torch
from torch import nn

from course_lib import metrics, noise
from course_lib.training import fit, fixed_seed

EPOCHS = 5


def images(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 1, 9, 7, generator=torch.Generator().manual_seed(seed))


AVERAGED = dict(schedule="one cycle", ema=0.8, clip_norm=0.05)


def plain_run(normalised: bool = False, progress: bool = False, **options: object) -> dict:
    """11 images in batches of 5: two processes share them 3 and 2, and the last batch, one image, 1 and 0."""
    with fixed_seed(3):
        model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
        if normalised:
            model.insert(1, nn.BatchNorm2d(4))
    history = fit(
        model,
        images(12 if normalised else 11, 1),  # 12: the last batch leaves the processes with unequal statistics
        images(5, 2),
        loss=nn.functional.mse_loss,
        corrupt=partial(noise.gaussian, sigma=0.2),
        metrics={"psnr": partial(metrics.psnr, data_range=1.0)},
        epochs=EPOCHS,
        batch_size=5,
        learning_rate=1e-2,
        patience=1,
        min_delta=0.004,
        seed=5,
        progress=progress,
        device="cpu",
        **options,
    )
    return {"weights": model.state_dict(), "history": history.as_dict()}


def resumable_run(checkpoint: str, kill_at: int | None) -> dict:
    """Dropout, BatchNorm, a plateau schedule, best weights: all that a resume must bring back."""
    with fixed_seed(4):
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(4, 1, 1)
        )  # fmt: skip
    calls = 0

    def corrupt(image: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return noise.gaussian(image, 0.2, generator=generator)

    history = fit(
        model,
        images(13, 1),
        images(5, 2),
        loss=nn.functional.mse_loss,
        corrupt=corrupt,
        epochs=EPOCHS,
        batch_size=4,
        patience=EPOCHS,
        plateau=dict(factor=0.5, patience=0, threshold=0.2),
        checkpoint=checkpoint,
        progress=False,
        device="cpu",
    )
    return {"weights": model.state_dict(), "history": history.as_dict(), "calls": calls}


def main(kind: str, output: str, checkpoint: str = "") -> None:
    if kind == "plain":
        # twice in one process: the second must find nothing that the first left behind
        first, normalised, result = plain_run(progress=True), plain_run(normalised=True), plain_run()
        for name, tensor in first["weights"].items():
            assert torch.equal(tensor, result["weights"][name]), name
        torch.save(result | {"normalised": normalised}, f"{output}.{os.environ.get('RANK', '0')}")
        return
    if kind == "averaged":
        result = plain_run(**AVERAGED) | {"normalised": plain_run(normalised=True, **AVERAGED)}
        torch.save(result, f"{output}.{os.environ.get('RANK', '0')}")
        return
    # 18 images an epoch and one for the fingerprint: the 42nd call stands in the middle of the third epoch
    torch.save(resumable_run(checkpoint, 42 if kind == "killed" else None), output)


if __name__ == "__main__":
    main(*sys.argv[1:])

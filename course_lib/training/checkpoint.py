"""The file from which `training.fit` continues after a killed kernel.

It is written whole or not at all, and never mistaken for that of another run.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from course_lib.files import whole_file
from course_lib.training.batches import Batches
from course_lib.training.history import History
from course_lib.training.validation import Loss, mean_of

if TYPE_CHECKING:
    from accelerate import Accelerator

    from course_lib.training.learner import Learner

FORMAT = 1


class Checkpoint:
    """The file of one run of `fit`: written after each epoch, and read where an interrupted run goes on.

    A file of another run is refused, by what tells them apart: model, data, noise, loss and settings.
    """

    def __init__(
        self,
        path: Path,
        learner: Learner,
        pairs: Batches,
        held_out: Batches | None,
        loss: Loss,
        accelerator: Accelerator,
        epochs: int,
        settings: Mapping[str, Any],
    ) -> None:
        plateau, schedule = settings["plateau"], settings["schedule"]
        self.path, self.accelerator, self.epochs = path, accelerator, epochs
        self.fingerprint = {
            **_describe(learner.model, pairs, partial(mean_of, loss), accelerator.device),
            **settings,
            "optimizer": f"{type(learner.updates).__name__} {learner.updates.defaults}",
            "plateau": None if plateau is None else repr(sorted(plateau.items())),
            # a file from before there were these holds none of them: None
            "schedule": None if schedule is None else f"{schedule} over {epochs} epochs",
            "mixed_precision": accelerator.mixed_precision,
            "training images": len(pairs),
            "validation images": None if held_out is None else len(held_out),
        }

    def resume(self, learner: Learner) -> tuple[History, dict[str, torch.Tensor] | None] | None:
        """Bring the learner to where the file left it; returns the history and the best weights. None: no file."""
        saved = _load(self.path, self.fingerprint, self.epochs)
        if saved is None:
            return None
        learner.load_state_dict(saved["parts"])
        return History(**saved["history"]), saved["best"]

    def save(self, learner: Learner, history: History, best: dict[str, torch.Tensor] | None) -> None:
        """Write the file; all processes wait until the main one has done so."""
        if self.accelerator.is_main_process:
            state = {"parts": learner.state_dict(), "history": history.as_dict(), "best": best}
            with whole_file(self.path) as file:
                torch.save({"format": FORMAT, "fingerprint": self.fingerprint, **state}, file)
        self.accelerator.wait_for_everyone()


def _load(path: Path, fingerprint: Mapping[str, Any], epochs: int) -> dict[str, Any] | None:
    """The saved state; None where there is no file, ValueError where it cannot be read or used here."""
    if not path.exists():
        return None
    remedy = f"Delete or rename {path} to start afresh."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        readable = state["format"] == FORMAT
    except Exception as error:  # a cut file raises one of many, by where it was cut
        raise ValueError(f"checkpoint: {path} cannot be read ({type(error).__name__}: cut short?). {remedy}") from error
    if not readable:
        raise ValueError(f"checkpoint: {path} has format {state['format']}, expected {FORMAT}. {remedy}")
    saved = state["fingerprint"]
    names = list(dict.fromkeys([*saved, *fingerprint]))
    differ = [n for n in names if not _same(saved.get(n), fingerprint.get(n))]
    if differ:
        lines = "".join(f"\n  {n}: {saved.get(n)} in the file, {fingerprint.get(n)} in this call" for n in differ)
        raise ValueError(f"checkpoint: {path} belongs to another run:{lines}\n{remedy}")
    done = len(state["history"]["train_loss"])
    if done > epochs:
        raise ValueError(
            f"checkpoint: {path} holds {done} epochs, but epochs={epochs}: ask for at least {done}. {remedy}"
        )
    return state


def _describe(model: nn.Module, pairs: Batches, loss: Callable, device: torch.device) -> dict[str, Any]:
    """What tells this run's model, data, noise and loss from another's.

    Names of functions would not show another noise level in a lambda, so the first image and what becomes of
    it speak for them, by mean and standard deviation.
    """
    clean, *given = pairs(range(1), "fingerprint")
    layout = [(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()]
    checksum = f"{zlib.crc32(repr(layout).encode()):08x}"
    count = sum(parameter.numel() for parameter in model.parameters())
    with torch.no_grad():
        # not the noisy image: a cross-entropy refuses values outside [0, 1]
        example = loss((clean / 2 + 0.25).to(device), clean.to(device))
    return {
        "model": f"{type(model).__name__}, {count} parameters, layout {checksum}",
        "first clean image": [*clean.shape, *_moments(clean)],
        "first noisy image": [number for part in given for number in [*part.shape, *_moments(part)]],
        "loss of an example": float(example),
    }


def _moments(image: torch.Tensor) -> list[float]:
    if image.is_complex():
        return _moments(image.real) + _moments(image.imag)
    return [float(image.double().mean()), float(image.double().std(correction=0))]


def _same(saved: Any, asked: Any) -> bool:
    """Equal, but numbers that were computed may differ in the last digits between two machines."""
    if isinstance(saved, list) and isinstance(asked, list) and len(saved) == len(asked):
        return all(_same(a, b) for a, b in zip(saved, asked, strict=True))
    if isinstance(saved, float) and isinstance(asked, float):
        return math.isclose(saved, asked, rel_tol=1e-5, abs_tol=1e-9)
    return saved == asked

"""What a training changes from step to step: weights, optimiser, averages; all that a checkpoint must bring back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from course_lib.training.average import WeightAverage
from course_lib.training.schedules import rates

if TYPE_CHECKING:
    from accelerate import Accelerator

MakeOptimizer = Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]


class Learner:
    """A model and what trains it, prepared for the device.

    `model` is the plain one, `network` the same as accelerate has prepared it, to be called in training; `stepper` is
    the optimiser as accelerate has prepared it.
    """

    def __init__(
        self,
        model: nn.Module,
        accelerator: Accelerator,
        *,
        optimizer: MakeOptimizer,
        plateau: Mapping[str, Any] | None,
        schedule: str | None,
        ema: float | None,
        steps: int,
    ) -> None:
        self.model = model
        self.updates = optimizer(model.parameters())
        self.plateau = None if plateau is None else ReduceLROnPlateau(self.updates, **plateau)
        self.rate_at = rates(self.updates, schedule, steps)
        self.average = None if ema is None else WeightAverage(model, ema)
        self.network, self.stepper = accelerator.prepare(model, self.updates)
        self.scaler = accelerator.scaler

    @property
    def rate(self) -> float:
        """The learning rate now."""
        return self.updates.param_groups[0]["lr"]

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, the model holds what validation sees: the average of its weights, where one is kept."""
        return nullcontext() if self.average is None else self.average.shown(self.model)

    def weights(self) -> dict[str, torch.Tensor]:
        """A copy, on the CPU, of the weights that validation sees."""
        seen = self.model.state_dict() if self.average is None else self.average.values
        return {name: tensor.cpu().clone() for name, tensor in seen.items()}

    def keep(self, best: Mapping[str, torch.Tensor] | None) -> None:
        """The model gets the best weights; None: the average, where one is kept, else it stays as it is."""
        if best is None and self.average is not None:
            best = self.average.values
        if best is not None:
            self.model.load_state_dict(best)

    def share_buffers(self) -> None:
        """BatchNorm's statistics, and the average, become those of the main process everywhere."""
        from accelerate.utils import broadcast

        for buffer in [*self.model.buffers(), *(() if self.average is None else self.average.values.values())]:
            broadcast(buffer)

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(states[name])

    def _parts(self) -> dict[str, Any]:
        parts = {
            "model": self.model,
            "optimizer": self.updates,
            "scheduler": self.plateau,
            "scaler": self.scaler,
            "average": self.average,
        }
        return {name: part for name, part in parts.items() if part is not None}

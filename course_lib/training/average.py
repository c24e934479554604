"""The moving average of the weights that `training.fit` keeps beside those in training, where `ema` is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """`average = decay · average + (1 - decay) · weights` after each step; BatchNorm's statistics are averaged alike.

    In the first steps the decay is smaller, (1 + step) / (10 + step), so that the first weights are soon forgotten.
    Whole numbers, as BatchNorm's count of batches, cannot be averaged: the latest count.

    Args:
        model: whose weights are averaged.
        decay: from 0 to below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.values = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averaged, latest = [], []
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() or tensor.is_complex():
                averaged.append(self.values[name])
                latest.append(tensor)
            else:
                self.values[name].copy_(tensor)
        get_ema_multi_avg_fn(decay)(averaged, latest, None)

    @contextmanager
    def shown(self, model: nn.Module) -> Iterator[None]:
        """Inside, the model holds the average; afterwards its own weights again, bit for bit."""
        own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self.values)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        for name, tensor in self.values.items():
            tensor.copy_(state["values"][name])

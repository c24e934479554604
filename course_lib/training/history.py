"""What happened in a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


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

"""What happened in a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class History:
    """What happened: lists of one number an epoch.

    Attributes:
        train_loss: the mean over the training images.
        validation_loss: the mean over the validation images; empty without them.
        learning_rate: in the first batch of each epoch.
        seconds: that each epoch took.
        metrics: {name: list}, means over the validation images.
        best_epoch: counts from 1, as plots and bars do.
        stopped_early: whether `patience` ended the training.
    """

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

    def add_validation(self, means: list[float], min_delta: float, patience: int | None) -> None:
        """Add the validation loss and the metrics of an epoch, and decide which epoch is the best and whether to stop.

        The best epoch is the last one that came more than `min_delta` below the best one before it.

        Args:
            means: the loss, then each metric, over the validation images.
            min_delta, patience: as for `fit`.
        """
        loss, *others = means
        self.validation_loss.append(loss)
        for numbers, mean in zip(self.metrics.values(), others, strict=True):
            numbers.append(mean)
        epoch = len(self.validation_loss)
        if self.best_epoch is None or loss < self.validation_loss[self.best_epoch - 1] - min_delta:
            self.best_epoch = epoch
        self.stopped_early = patience is not None and epoch - self.best_epoch >= patience

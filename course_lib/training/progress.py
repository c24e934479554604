"""The bar of a training: batches done, the loss so far, the validation loss."""

from __future__ import annotations

from types import TracebackType

from course_lib._progress import progress_bar


class Bar:
    """A bar over all batches of a training, gone when it ends; `shown` False draws nothing."""

    def __init__(self, epochs: int, steps: int, done: int, shown: bool) -> None:
        self.epochs = epochs
        self.losses: dict[str, str] = {}
        self.bar = progress_bar(total=epochs * steps, initial=done * steps, unit="batch", disable=not shown)

    def __enter__(self) -> Bar:
        self.bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)

    def epoch(self, number: int) -> None:
        """An epoch begins; counted from 1."""
        self.bar.set_description(f"epoch {number}/{self.epochs}")

    def batch(self, loss: float | None) -> None:
        """A batch is done; None: the loss was not looked at."""
        self.bar.update()
        if loss is not None:
            self._write("loss", loss, refresh=False)

    def validated(self, loss: float) -> None:
        self._write("validation", loss, refresh=True)

    def _write(self, name: str, loss: float, *, refresh: bool) -> None:
        self.losses[name] = f"{loss:.4g}"
        self.bar.set_postfix(self.losses, refresh=refresh)

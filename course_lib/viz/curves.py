"""Curves: losses, also while a training runs, and results with error bars over seeds. Public in `viz`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib._checks import check_number
from course_lib.viz.figures import COLOURS, MARKERS, figure, in_notebook

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from course_lib.training import History

LINES = ("--", ":", "-.", (0, (8, 3)), (0, (4, 1, 1, 1, 1, 1)))


def loss_curves(history: History, *, title: str | None = None, ylabel: str = "loss", log: bool = False) -> Figure:
    """Training and validation loss per epoch, the best epoch marked.

    Args:
        history: what `training.fit` returns: `train_loss`, `validation_loss` (may be empty) and `best_epoch` (counted
            from 1, or None).
        title: of the figure.
        ylabel: what the loss is called.
        log: puts the loss on a logarithmic scale.

    Returns:
        The figure.

    Raises:
        ValueError: the history holds no epoch.

    Lab: 14.
    """
    if not history.train_loss:
        raise ValueError("history: expected at least one finished epoch, got none")
    from matplotlib.ticker import MaxNLocator

    drawn = figure(6.4, 3.6, title=title)
    axes = drawn.subplots()
    both = {"training": history.train_loss, "validation": history.validation_loss}
    for (name, losses), colour, marker in zip(both.items(), COLOURS, MARKERS, strict=False):
        if losses:
            epochs = range(1, len(losses) + 1)
            axes.plot(epochs, losses, label=name, color=colour, marker=marker, markersize=3)
    if history.best_epoch is not None:
        best = history.validation_loss[history.best_epoch - 1]
        label = f"best: {best:.4g} in epoch {history.best_epoch}"
        axes.axvline(history.best_epoch, label=label, color="0.4", linestyle="--", linewidth=1)
    axes.set(xlabel="epoch", ylabel=ylabel, yscale="log" if log else "linear")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return drawn


class LiveCurves:
    """Loss curves that grow while a model learns: `fit(..., on_epoch=LiveCurves())`.

    Called with the history after each epoch. In a notebook one figure is redrawn in place. An epoch that ends sooner
    than four times the cost of a drawing after the last one is drawn with a later one, or when the cell ends: drawing
    takes a fifth of the time at most. Outside a notebook, and in profile ci, each epoch prints one line instead.

    Args:
        title, ylabel, log: those of `loss_curves`.
        live: overrides the choice between a notebook and elsewhere.

    Lab: 02.
    """

    def __init__(self, *, title: str | None = None, ylabel: str = "loss", log: bool = False, live: bool | None = None):
        self.style: dict[str, Any] = {"title": title, "ylabel": ylabel, "log": log}
        self.live = in_notebook() if live is None else live
        self._waiting: History | None = None  # the history that is not drawn yet
        self._display: Any
        self._will_finish: bool
        self._rest_until: float
        self._begin_cell()

    def __call__(self, history: History) -> None:
        if not self.live:
            losses = f"training {history.train_loss[-1]:.4g}"
            if history.validation_loss:
                losses += f", validation {history.validation_loss[-1]:.4g}"
            print(f"epoch {len(history.train_loss)}: {self.style['ylabel']} {losses}")
            return
        from IPython import get_ipython

        self._waiting = history
        if not self._will_finish and (shell := get_ipython()):
            shell.events.register("post_run_cell", self._finish)
            self._will_finish = True
        if time.perf_counter() >= self._rest_until:
            self.draw()

    def draw(self) -> None:
        """Draw the epochs that have not been drawn yet."""
        if self._waiting is None:
            return
        from IPython.display import display

        started = time.perf_counter()
        drawn = loss_curves(self._waiting, **self.style)
        self._waiting = None
        if self._display is None:
            self._display = display(drawn, display_id=True)
        else:
            self._display.update(drawn)
        now = time.perf_counter()
        self._rest_until = now + 4 * (now - started)

    def _finish(self, *_: Any) -> None:
        from IPython import get_ipython

        get_ipython().events.unregister("post_run_cell", self._finish)
        self.draw()
        self._begin_cell()

    def _begin_cell(self) -> None:
        # a cell that trains on later shows its curves below itself
        self._display = None
        self._will_finish = False
        self._rest_until = 0.0


def curve_with_errors(
    x: Sequence[float] | np.ndarray,
    curves: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    references: Mapping[str, float] | None = None,
    log_x: bool = False,
) -> Figure:
    """Mean and standard deviation over seeds against x: the plot of "how few images suffice".

    The legend says how many seeds, and one seed has no error bar. The standard deviation is that of a sample (divided
    by seeds - 1).

    Args:
        x: finite numbers.
        curves: {name: array (seeds, len(x))}, numpy, torch or lists.
        xlabel, ylabel: what stands along the axes.
        title: of the figure.
        references: {name: value}, horizontal lines: methods that need no training.
        log_x: puts x on a logarithmic scale.

    Returns:
        The figure.

    Raises:
        ValueError: wrong shapes, NaN, no curve, or x not above 0 where it is logarithmic.

    Lab: 02.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise ValueError(f"x: expected a list of finite numbers, got {x.tolist()}")
    if log_x and x.min() <= 0:
        raise ValueError(f"x: expected numbers above 0 for a logarithmic axis, got {x.min():g}")
    if not curves:
        raise ValueError("curves: expected at least one {name: array (seeds, points)}, got none")
    drawn = figure(6.8, 4.2, title=title)
    axes = drawn.subplots()
    for index, (name, values) in enumerate(curves.items()):
        values = _seeds_by_points(values, name, x.size)
        seeds = len(values)
        axes.errorbar(
            x,
            values.mean(axis=0),
            values.std(axis=0, ddof=1) if seeds > 1 else None,
            label=f"{name} ({seeds} seed{'s' if seeds > 1 else ''})",
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=5,
            capsize=3,
            linestyle=("-", *LINES)[index // len(COLOURS) % (1 + len(LINES))],  # the eighth curve is not the first
        )
    for index, (name, value) in enumerate((references or {}).items()):
        value = check_number(value, f"references[{name!r}]")
        axes.axhline(value, label=name, color=str(0.15 * (1 + index % 4)), linestyle=LINES[index % len(LINES)])
    if log_x:
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.minorticks_off()
    axes.set(xlabel=xlabel, ylabel=f"{ylabel}\nmean ± standard deviation over seeds")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return drawn


def _seeds_by_points(values: Any, name: str, points: int) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] != points or not len(values):
        raise ValueError(f"{name}: expected shape (seeds, {points}), one row a seed, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values

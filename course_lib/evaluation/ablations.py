"""One part after the other: each row of an ablation against the row above, over seeds and over slices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib._checks import check_number
from course_lib._tables import ShownAsTable, Table, number
from course_lib.evaluation.paired import PairedTest, holm, paired_test

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Ablation(ShownAsTable):
    """What `ablation` found; the last line of a cell shows it as a table.

    Attributes:
        values: {row: array (seeds, slices)}.
        steps: {row: PairedTest over seeds of this row minus the one above}; none for the first row.
        over_slices: the same, over the slices of the first seed.
        corrected: {row: Holm's p of `steps`}.
        predicted: {row: the step that somebody expected}.
        metric, unit: of the values, for headings.
    """

    values: dict[str, np.ndarray]
    steps: dict[str, PairedTest]
    over_slices: dict[str, PairedTest]
    corrected: dict[str, float]
    predicted: dict[str, float]
    metric: str
    unit: str

    @property
    def largest(self) -> str:
        """The row whose mean step is the largest, up or down."""
        return max(self.steps, key=lambda row: abs(self.steps[row].difference))

    @property
    def spread(self) -> float:
        """The largest distance between two seeds of one row: what luck alone can do."""
        means = [array.mean(axis=1) for array in self.values.values()]
        return float(max(seeds.max() - seeds.min() for seeds in means))

    def figure(self, *, title: str | None = None) -> Figure:
        """A dot for each seed, a line at their mean, row after row.

        Args:
            title: of the figure; by default the largest step and the distance between seeds.

        Returns:
            The figure.
        """
        from course_lib import viz

        rows = [*self.values]
        step = self.steps[self.largest].difference
        title = title or (
            f"Largest step: {self.largest} ({step:+.2f}{self.unit}). "
            f"Between seeds of one row: up to {self.spread:.2f}{self.unit}"
        )
        drawn = viz.figure(8, 0.5 * len(rows) + 1.2, title=title)
        axes = drawn.subplots()
        for place, array in enumerate(self.values.values()):
            seeds = array.mean(axis=1)
            axes.plot(seeds, [place] * len(seeds), "o", color="#0072B2", label=None if place else "one seed")
            axes.plot(seeds.mean(), place, "|", color="#000000", markersize=18, label=None if place else "mean")
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlabel=f"{self.metric}{f' ({self.unit.strip()})' if self.unit else ''}")
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.3)
        drawn.legend(fontsize=8, loc="outside lower right", ncols=2)
        return drawn

    def _table(self) -> Table:
        header = ["row", "each seed", f"mean{self.unit and f' ({self.unit.strip()})'}", "step"]
        header += ["predicted"] if self.predicted else []
        header += ["p, slices", "p, seeds", "p, seeds (Holm)"]
        digits = 2 if self.unit else 3
        rows, bold = [], set()
        for place, (row, array) in enumerate(self.values.items()):
            seeds = array.mean(axis=1)
            cells = [row, "  ".join(number(float(value), digits) for value in seeds)]
            cells.append(number(float(seeds.mean()), digits))
            first = row not in self.steps
            cells.append("–" if first else f"{self.steps[row].difference:+.{digits}f}")
            if self.predicted:
                cells.append(f"{self.predicted[row]:+.{digits}f}" if row in self.predicted else "–")
            ps = [math.nan] * 3 if first else [self.over_slices[row].p, self.steps[row].p, self.corrected[row]]
            cells += ["–" if math.isnan(p) else f"{p:.2g}" for p in ps]
            if not first and self.corrected[row] < 0.05:
                bold.add((place, 3))
            rows.append(cells)
        seeds_of = len(next(iter(self.values.values())))
        caption = (
            f"Each row against the one above. p, slices: paired over the slices of one head, first seed."
            f" p, seeds: paired over {seeds_of} seeds. Holm: corrected for {len(self.steps)} steps; bold where below"
            " 0.05."
        )
        return Table(header, rows, frozenset(bold), caption)


def ablation(
    values: Mapping[str, Sequence[Any]],
    *,
    predicted: Mapping[str, float | None] | None = None,
    metric: str = "PSNR",
    unit: str = " dB",
) -> Ablation:
    """Test every row of an ablation against the row above, once over seeds and once over slices.

    The two ask different things. Over slices: do these two trained networks differ on this head? They nearly always do.
    Over seeds: would the part help again in another training?

    Args:
        values: {row: one array (slices,) for each seed}, the rows in the order in which the parts were added; two seeds
            at least.
        predicted: {row: the step somebody expected, or None}, set beside the measured one.
        metric, unit: of the values, for headings.

    Returns:
        The table, with all tests.

    Raises:
        ValueError: fewer than two rows or seeds, rows of unequal shape, NaN or infinity, or a prediction for a row that
            is not there.

    Source: Holm 1979; Bouthillier et al. 2021 (variation between seeds).
    Lab: 14.
    """
    arrays = {row: np.asarray(seeds, dtype=float) for row, seeds in values.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(arrays) < 2 or len(shapes) != 1 or len(shape := shapes.pop()) != 2 or min(shape) < 2:
        raise ValueError(
            "values: expected at least two rows, each (seeds, slices) with two seeds and two slices at least, got"
            f" { ({row: array.shape for row, array in arrays.items()}) }"
        )
    for row, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"values: expected finite numbers, got NaN or infinity in {row!r}")
    expected = {row: check_number(step, row) for row, step in (predicted or {}).items() if step is not None}
    names = [*arrays]
    if unknown := [row for row in expected if row not in names[1:]]:
        raise ValueError(f"predicted: expected rows out of {', '.join(names[1:])}, got {', '.join(unknown)}")
    pairs = list(zip(names[1:], names[:-1], strict=True))
    steps = {row: paired_test(arrays[row].mean(axis=1), arrays[above].mean(axis=1)) for row, above in pairs}
    over_slices = {row: paired_test(arrays[row][0], arrays[above][0]) for row, above in pairs}
    corrected = dict(zip(steps, holm([step.p for step in steps.values()]).tolist(), strict=True))
    return Ablation(arrays, steps, over_slices, corrected, expected, metric, unit)

"""Several sweeps in one figure: a row for each kind of noise, a column for each metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from course_lib.evaluation.results import UNITS, Sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito
MARKERS = ".osD^vP"


def level_curves(
    sweeps: Mapping[str, Sweep],
    *,
    metrics: Collection[str] = ("PSNR", "SSIM"),
    trained: Mapping[str, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Every method against the noise level, for several kinds of noise and several metrics.

    A method has one colour in all panels. The legend stands below them, so that it covers no curve.

    Args:
        sweeps: {kind of noise: what `sweep` found}.
        metrics: names in the sweeps' tables, a column each.
        trained: {kind of noise: level}, marked by a dashed line: what a network was trained at.
        title: of the figure.

    Returns:
        The figure.

    Raises:
        ValueError: no sweep, no metric, or a metric that a sweep does not know.

    Source: attention U-Net deck, Fig. 3 ("Performace of the model on various noise levels").
    Lab: 14.
    """
    from course_lib import viz

    if not sweeps or not metrics:
        raise ValueError(f"expected at least one sweep and one metric, got {list(sweeps)} and {list(metrics)}")
    names = list(dict.fromkeys(name for sweep in sweeps.values() for name in sweep.comparisons[0].methods))
    drawn = viz.figure(4.4 * len(metrics), 2.9 * len(sweeps) + 0.4, title=title)
    grid = drawn.subplots(len(sweeps), len(metrics), squeeze=False)
    handles = {}
    for axes_of_kind, (kind, sweep) in zip(grid, sweeps.items(), strict=True):
        region = next(iter(sweep.comparisons[0].values))
        for axes, metric in zip(axes_of_kind, metrics, strict=True):
            for name in sweep.comparisons[0].methods:
                place = names.index(name)
                (handles[name],) = axes.plot(
                    sweep.levels,
                    sweep.values(name, metric).mean(axis=0),
                    color=COLOURS[place % len(COLOURS)],
                    marker=MARKERS[place % len(MARKERS)],
                    markersize=4,
                )
            if kind in (trained or {}):
                axes.axvline((trained or {})[kind], color="0.5", linestyle="--", linewidth=1)
            axes.set_title(f"{kind}: {metric}, {region}", fontsize=9)
            axes.set_ylabel(f"{metric}{UNITS.get(metric, '')}")
            axes.grid(alpha=0.3)
    for axes in grid[-1]:
        axes.set_xlabel("noise level sigma (data range 1)")
    drawn.legend(
        [handles[name] for name in names], names, fontsize=8, loc="outside lower center", ncols=min(len(names), 4)
    )
    return drawn

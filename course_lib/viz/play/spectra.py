"""The slider of lab 13: how bad may a spectrum be, and what does a network say? Public in `viz`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib import mrs
from course_lib._checks import check_number
from course_lib.viz.figures import COLOURS, figure
from course_lib.viz.play.stage import follow, redrawing, slider
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Score = Callable[[np.ndarray], np.ndarray]
SEVERITIES = np.linspace(0, 1, 21)


def spectrum_slider(
    signals: Mapping[str, np.ndarray],
    score: Score,
    threshold: float,
    *,
    noise: float = 2.0,
    seed: int = 0,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider for the severity of an artefact, over the spectrum and the score of it.

    One menu changes the artefact, another one the tissue. Leave it on the last line of a cell.

    Args:
        signals: {name of a tissue: its FID without noise, (points,)}, as `mrs.signals` makes them.
        score: of FIDs (N, points), numbers (N,); the higher, the worse.
        threshold: scores above it are rejected.
        noise: standard deviation, see `mrs.measured`.
        seed: of noise and artefact.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (two menus, slider, picture) in a notebook, and elsewhere, without ipywidgets and in profile
        ci, a static `Figure`: broad lines at severity 0.5, and their scores, in all tissues.

    Raises:
        TypeError, ValueError: no signal, a threshold that is no number.

    Lab: 13.
    """
    if not signals:
        raise ValueError("signals: expected at least one tissue, got none")
    limit = check_number(threshold, "threshold")
    noise = check_number(noise, "noise", low=0)

    @functools.cache
    def found(tissue: str, artefact: str) -> tuple[np.ndarray, np.ndarray]:
        """Spectra (severities, places) and their scores."""
        fids = np.stack(
            [
                mrs.measured(signals[tissue], artefact, size, noise=noise, generator=np.random.default_rng(seed))
                for size in SEVERITIES
            ]
        )
        return mrs.spectrum_at(fids), np.asarray(score(fids))

    def static() -> Figure:
        drawn = figure(9, 3.6)
        left, right = drawn.subplots(1, 2)
        artefact, half = "broad lines", len(SEVERITIES) // 2
        for tissue, colour in zip(signals, COLOURS, strict=False):
            spectra, scores = found(tissue, artefact)
            _spectrum(left, spectra[half], colour, tissue)
            _curve(right, scores, limit, colour, tissue)
        left.set_title(f"{artefact}, severity 0.5", fontsize=9)
        told = "; ".join(f"{tissue}: {_verdict(found(tissue, artefact)[1], limit)}" for tissue in signals)
        drawn.suptitle(f"{title}\n{told}" if title else told, fontsize=11)
        return drawn

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()
    drawn = figure(9, 3.8, title=title)
    left, right = drawn.subplots(1, 2)
    redraw = redrawing(drawn)

    def draw(tissue: str, artefact: str, severity: float) -> Snapshot:
        spectra, scores = found(tissue, artefact)
        place = int(np.abs(SEVERITIES - severity).argmin())
        for axes in (left, right):
            axes.clear()
        _spectrum(left, spectra[place], COLOURS[0], tissue)
        _curve(right, scores, limit, COLOURS[0], tissue)
        right.axvline(SEVERITIES[place], color="0.4", linewidth=1)
        word = "rejected" if scores[place] > limit else "kept"
        left.set_title(f"{artefact} {SEVERITIES[place]:.2f}: score {scores[place]:.2f}, {word}", fontsize=9)
        right.set_title(_verdict(scores, limit), fontsize=9)
        return redraw()

    menus = [
        ipywidgets.Dropdown(options=list(options), description=name, tooltip=name, layout=ipywidgets.Layout(**WIDE))
        for name, options in (("tissue", signals), ("artefact", mrs.ARTEFACTS))
    ]
    control = slider("severity", 0.5, 0.0, 1.0, form=".2f", step=0.05)
    shown = shown_picture(draw(menus[0].value, menus[1].value, control.value))
    follow([*menus, control], shown, draw)
    return box([*menus, control, shown], static)


def _verdict(scores: np.ndarray, limit: float) -> str:
    """From which severity on everything is rejected."""
    kept = np.flatnonzero(scores <= limit)
    if not len(kept):
        return "always rejected"
    return "never rejected" if kept[-1] == len(scores) - 1 else f"rejected from {SEVERITIES[kept[-1] + 1]:.2f} on"


def _spectrum(axes: Any, values: np.ndarray, colour: str, name: str) -> None:
    axes.plot(mrs.PPM, values, color=colour, linewidth=0.9, label=name)
    axes.set(xlabel="ppm", ylabel="real part", xlim=(mrs.PPM[-1], mrs.PPM[0]))
    axes.legend(fontsize=8)


def _curve(axes: Any, scores: np.ndarray, limit: float, colour: str, name: str) -> None:
    axes.plot(SEVERITIES, scores, "o-", color=colour, markersize=3, label=name)
    axes.axhline(limit, color="0.4", linestyle="--", linewidth=1)
    axes.set(xlabel="severity", ylabel="score (dashed: threshold)")
    axes.legend(fontsize=8)

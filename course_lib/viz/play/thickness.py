"""The controls of lab 12: what do thick slices cost, and what does interpolation bring back? Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib import resolution
from course_lib._checks import Array, check_count
from course_lib.viz.figures import colour_bar, foot_note, image_grid, picture, show, show_difference
from course_lib.viz.play.stage import colour_limit, follow, psnr, redrawing
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"bspline": "B-spline", "lanczos": "Lanczos", "fourier": "Fourier"}
PLAIN, BEST = ("linear", False), ("bspline", True)  # what stands on paper: (method, measured means kept)
EXACT = 1e-5  # of the data range: what float32 leaves of an exact answer
NOTE = "PSNR of the whole image, clipped to [0, 1]; slices from left to right"


@dataclass(frozen=True)
class _Slices:
    """Of one image, for each thickness: what was measured, and by (thickness, method, kept) the answers."""

    measured: dict[int, np.ndarray]
    answers: dict[tuple[int, str, bool], np.ndarray]
    scores: dict[tuple[int, str, bool], float]


def thickness_slider(
    image: Array,
    *,
    thickest: int = 4,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider for the thickness of slices, a menu of interpolations, and a box that keeps the measured means.

    The slices lie along the last axis of the image, with box-shaped profiles. Shown are the thick slices, what the
    interpolation makes of them, and its difference from the image. Leave it on the last line of a cell.

    Args:
        image: one image without noise (for shapes see `viz`), in [0, 1]; its width a multiple of all thicknesses.
        thickest: the largest thickness, in slices, at least 2.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (slider, menu, box to tick, picture) in a notebook, and elsewhere, without ipywidgets and in
        profile ci, a static `Figure` with each thickness by linear interpolation and by the best.

    Raises:
        TypeError, ValueError: what is no image, and a width that a thickness does not divide.

    Lab: 12.
    """
    clean = picture(image, "image").astype(np.float32)
    greys = grey(window, 1.0)
    found = _interpolated(clean, check_count(thickest, "thickest", low=2))

    def static() -> Figure:
        return _static(clean, found, greys, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()
    draw = _drawing(clean, found, greys, title)
    thickness = ipywidgets.SelectionSlider(
        options=[(_name(factor), factor) for factor in found.measured],
        value=2,
        description="thickness",
        tooltip=f"thickness of the slices, from 1 to {thickest} pixels",
        layout=ipywidgets.Layout(**WIDE),
    )
    method = ipywidgets.Dropdown(
        options=[(NAMES.get(name, name), name) for name in resolution.METHODS],
        value="linear",
        description="between",
        tooltip="interpolation between the slices",
        layout=ipywidgets.Layout(**WIDE),
    )
    kept = ipywidgets.Checkbox(
        value=False,
        description="keep the measured means",
        tooltip="project onto what was measured",
        layout=ipywidgets.Layout(**WIDE),
    )
    controls: list[Any] = [thickness, method, kept]
    shown = shown_picture(draw(*(part.value for part in controls)))
    follow(controls, shown, draw)
    return box([*controls, shown], static)


def _interpolated(clean: np.ndarray, thickest: int) -> _Slices:
    found = _Slices({}, {}, {})
    for factor in range(1, thickest + 1):
        thick = resolution.thick_slices(clean, factor)
        found.measured[factor] = np.repeat(thick, factor, -1)
        for method in resolution.METHODS:
            guess = resolution.between_slices(thick, factor, method=method)
            for kept in (False, True):
                answer = resolution.keep_measured(guess, thick, factor) if kept else guess
                found.answers[factor, method, kept] = answer
                found.scores[factor, method, kept] = psnr(np.clip(answer, 0, 1), clean, 1.0, atol=EXACT)
    return found


def _name(factor: int) -> str:
    return "1 pixel" if factor == 1 else f"{factor} pixels"


def _told(score: float) -> str:
    return "exact" if np.isinf(score) else f"{score:.1f} dB"


def _called(method: str, kept: bool) -> str:
    name = NAMES.get(method, method)
    return f"{name}, means kept" if kept else name


def _static(clean: np.ndarray, found: _Slices, greys: Window, title: str | None) -> Figure:
    thickest = max(found.measured)
    parts = [f"{_called(*way)} {_told(found.scores[thickest, *way])}" for way in (PLAIN, BEST)]
    finding = f"Slices of {_name(thickest)}: {'; '.join(parts)}"
    drawn = image_grid(2, thickest, clean.shape, f"{title}\n{finding}" if title else finding)
    for row, way in zip(drawn.subplots(2, thickest), (PLAIN, BEST), strict=True):
        for axes, factor in zip(row, found.measured, strict=True):
            note = f"{_called(*way)}: {_told(found.scores[factor, *way])}"
            show(axes, found.answers[factor, *way], f"slices of {_name(factor)}", note, *greys)
    foot_note(drawn, said(NOTE, greys, 1.0))
    return drawn


def _drawing(
    clean: np.ndarray, found: _Slices, greys: Window, title: str | None
) -> Callable[[int, str, bool], Snapshot]:
    """What turns a thickness, a method and a tick into a picture: thick slices, the answer, its difference."""
    drawn = image_grid(1, 3, clean.shape, title, smallest=2.8, room=0.75)
    measured_at, answer_at, difference_at = drawn.subplots(1, 3)
    # one scale for all: the map pales as the answer gets better
    limit = colour_limit(found.answers[max(found.measured), "linear", False] - clean, 1.0)
    measured = show(measured_at, clean, "thick slices", " ", *greys)
    answer = show(answer_at, clean, "interpolated", " ", *greys)
    difference = show_difference(difference_at, clean - clean, "interpolated - truth", " ", limit)
    colour_bar(drawn, difference, [difference_at], 1.0, saturated=True)
    foot_note(drawn, said(NOTE, greys, 1.0))
    redraw = redrawing(drawn)

    def draw(factor: int, method: str, kept: bool) -> Snapshot:
        measured.set_data(found.measured[factor])
        answer.set_data(found.answers[factor, method, kept])
        difference.set_data(found.answers[factor, method, kept] - clean)
        measured_at.set_xlabel(f"slices of {_name(factor)}", fontsize=8)
        answer_at.set_title(_called(method, kept), fontsize=9)
        answer_at.set_xlabel(_told(found.scores[factor, method, kept]), fontsize=8)
        return redraw()

    return draw

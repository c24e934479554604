"""The noise-level slider of lab 14: what a method does at the level it was made for, and beside it. Public in `viz`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib import noise
from course_lib._checks import Array, check_number
from course_lib.viz.figures import COLOURS, column_width, figure, fitting, foot_note, picture, show, wrapped
from course_lib.viz.play.stage import corrupted, follow, psnr, redrawing
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3)
STATIC_LEVELS = 3
MARKERS = "osD^vP"
SMALLEST, LEAST = 2.3, 1.5  # inches: the longest side of a picture; the width that its score needs
CURVES = 3.4  # inches for the curves below them


def level_slider(
    image: Array,
    methods: Mapping[str, Callable[[Array, float], Array]],
    corrupt: Callable[..., Array] = noise.gaussian,
    *,
    levels: Sequence[float] = LEVELS,
    value: float | None = None,
    trained: float | tuple[float, float] | None = None,
    seed: int = 0,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider over noise levels: the noisy image and what each method makes of it, and PSNR over the whole range.

    All levels are computed once, when the slider is made; then it moves at once. PSNR: the noisy image as it is,
    answers clipped to [0, data_range]. Leave it on the last line of a cell.

    Args:
        image: one image without noise (for shapes see `viz`).
        methods: {name: f(noisy, sigma) -> image}, at most six, as for `filter_slider`; a network need not look at
            sigma.
        corrupt: `corrupt(image, sigma, generator=...)`, one of `noise`.
        levels: at least two, above 0, rising, in units of the data range.
        value: where the slider starts, and the middle picture on paper; it is moved to the nearest level; default
            `trained`, or the middle level.
        trained: the level, or the range (low, high), that the network was trained at, to be marked.
        seed: the pattern of the noise follows from it and is the same at all levels but for its size.
        data_range: grey runs from 0 to it.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (slider, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a static
        `Figure` of three levels: the lowest, `value`, the highest.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 14.
    """
    clean = picture(image, "image")
    image = image.reshape(image.shape[-2:])  # methods know (H, W), not (1, H, W)
    methods = dict(methods)
    if not 1 <= len(methods) <= len(MARKERS):
        raise ValueError(f"methods: expected 1 to {len(MARKERS)}, got {len(methods)}")
    data_range = check_number(data_range, "data_range", low=0, above=True)
    greys = grey(window, data_range)
    levels = [check_number(level, "levels", low=0, above=True) for level in levels]
    if len(levels) < 2 or any(low >= high for low, high in zip(levels, levels[1:], strict=False)):
        raise ValueError(f"levels: expected at least two, rising, got {levels}")
    given = trained if isinstance(trained, (tuple, list)) else () if trained is None else (trained, trained)
    ends = [check_number(end, "trained", low=0) for end in given]
    if len(ends) not in (0, 2) or ends != sorted(ends):
        raise ValueError(f"trained: expected a number or (low, high) with low <= high, got {trained!r}")
    if value is None:
        value = sum(ends) / 2 if ends else levels[len(levels) // 2]
    value = check_number(value, "value", low=0)
    start = int(np.argmin([abs(level - value) for level in levels]))

    @cache
    def pictures(index: int) -> dict[str, np.ndarray]:
        noisy = corrupted(image, corrupt, levels[index], seed)
        found = {"noisy": picture(noisy, "what corrupt returns", clean)}
        for name, method in methods.items():
            found[name] = picture(method(noisy, levels[index]), f"what {name} returns", clean)
        return found

    def score(name: str, index: int) -> float:
        answer = pictures(index)[name]
        return psnr(answer if name == "noisy" else answer.clip(0, data_range), clean, data_range)

    names = ["noisy", *methods]
    if len(set(names)) < len(names):
        raise ValueError("methods: 'noisy' is the noisy image itself, call the method something else")
    scores = {name: [score(name, index) for index in range(len(levels))] for name in names}
    parts = (clean, names, levels, ends, scores, pictures, data_range, greys, title)

    def static() -> Figure:
        shown = sorted({0, start, len(levels) - 1})[:STATIC_LEVELS]
        return _drawn(*parts, shown)[0]

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    drawn, move = _drawn(*parts, [start])
    slider = ipywidgets.SelectionSlider(
        options=[(f"{level:g}", index) for index, level in enumerate(levels)],
        value=start,
        description="sigma",
        tooltip=f"noise level sigma, from {levels[0]:g} to {levels[-1]:g}",
        layout=ipywidgets.Layout(**WIDE),
    )
    redraw = redrawing(drawn)
    shown = shown_picture(redraw())

    def draw(index: int) -> Snapshot:
        move(index)
        return redraw()

    follow([slider], shown, draw)
    return box([slider, shown], static)


def _drawn(
    clean: np.ndarray,
    names: Sequence[str],
    levels: Sequence[float],
    ends: Sequence[float],
    scores: Mapping[str, Sequence[float]],
    pictures: Callable[[int], Mapping[str, np.ndarray]],
    data_range: float,
    greys: Window,
    title: str | None,
    shown: Sequence[int],
) -> tuple[Figure, Callable[[int], None]]:
    """Rows of pictures for each level shown, the curves below; and what moves the first of them to another level."""
    columns = fitting(1 + len(names), 1 + len(names), LEAST)
    bands = math.ceil((1 + len(names)) / columns)
    rows, width = len(shown) * bands, column_width(columns, clean.shape, SMALLEST, LEAST)
    height = rows * (width * clean.shape[0] / clean.shape[1] + 0.6)
    wins = sum(max(names, key=lambda name: scores[name][index]) == names[1] for index in range(len(levels)))
    found = f"{names[1]} is best at {wins} of {len(levels)} noise levels"
    found = f"{title}\n{found}" if title else found
    drawn = figure(max(columns * width, 6.4), height + CURVES, title=found)
    above, below = drawn.subfigures(2, 1, height_ratios=[height, CURVES], squeeze=False)[:, 0]
    places = above.subplots(rows, columns, squeeze=False)
    for axes in places.ravel():
        axes.set_axis_off()
    grid = places.reshape(len(shown), -1)[:, : 1 + len(names)]
    for row, index in zip(grid, shown, strict=True):
        for axes in row:
            axes.set_axis_on()
        show(row[0], clean, "clean", f"sigma {levels[index]:g}", *greys)
        for place, name in zip(row[1:], names, strict=True):
            score = f"PSNR {scores[name][index]:.2f} dB"
            show(place, pictures(index)[name], wrapped(name, width), score, *greys)

    axes = below.subplots()
    if ends:
        low, high = ends
        kind = axes.axvspan(low, high, color="0.85") if high > low else axes.axvline(low, color="0.6", linestyle="--")
        kind.set_label("trained here")
    for name, marker, colour in zip(names[1:], MARKERS, COLOURS, strict=False):
        axes.plot(levels, scores[name], marker + "-", color=colour, markersize=4, label=name)
    axes.plot(levels, scores["noisy"], ":", color="0.4", label="noisy")
    here = axes.axvline(levels[shown[0]], color="black", linewidth=1) if len(shown) == 1 else None
    axes.set(xlabel="noise level sigma (data range 1)" if data_range == 1 else "noise level sigma", ylabel="PSNR (dB)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    foot_note(drawn, said(f"PSNR: noisy as it is, answers clipped to [0, {data_range:g}]", greys, data_range))

    def move(index: int) -> None:
        grid[0, 0].set_xlabel(f"sigma {levels[index]:g}")
        for place, name in zip(grid[0, 1:], names, strict=True):
            place.images[0].set_data(pictures(index)[name])
            place.set_xlabel(f"PSNR {scores[name][index]:.2f} dB")
        if here is not None:
            here.set_xdata([levels[index]] * 2)

    return drawn, move

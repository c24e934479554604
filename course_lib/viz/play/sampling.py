"""The sliders of lab 08 for a sampling mask, and the picture that stands in for them. Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course_lib import kspace
from course_lib._checks import AnyArray, check_count, check_number
from course_lib.viz.figures import (
    COLOURS,
    colour_bar,
    foot_note,
    image_grid,
    show,
    show_difference,
    size_note,
)
from course_lib.viz.play.stage import colour_limit, complex_picture, follow, psnr, redrawing, slider
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey, said

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = {"regular lines": "regular", "random lines": "random", "variable density lines": "variable_density"}
POINTS = {"random points": "random", "variable density points": "variable_density"}
CURVES = {"radial": kspace.radial_mask, "spiral": kspace.spiral_mask}
PATTERNS = (*LINES, *POINTS, *CURVES)
ON_PAPER = ("regular lines", "random lines", "variable density lines", "random points")
DECIBELS = 40  # how far below its peak the point spread is shown


class Sample(NamedTuple):
    """What a mask does: itself (H, W), its point spread, largest in each column (W,), the picture, the lobe."""

    mask: np.ndarray
    spread: np.ndarray
    answer: np.ndarray
    lobe: float


def sampling_slider(
    image: AnyArray,
    *,
    acceleration: float = 4.0,
    largest_acceleration: float = 12.0,
    center_fraction: float = 0.08,
    largest_center_fraction: float = 0.3,
    pattern: str = "random lines",
    seed: int = 0,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """Sliders for acceleration and centre, and a menu of patterns; on paper four patterns side by side.

    Shown are the mask, its point spread (the largest value of each column, in dB of the peak), the magnitude of the
    zero-filled image, and its difference from the magnitude of `image`; below them the acceleration that was reached,
    the largest side lobe (`kspace.incoherence`) and the PSNR of the magnitude, clipped to [0, data_range].

    Patterns: lines along the columns, single points, and radial and spiral lines drawn on the grid, which have no
    centre of their own (the second slider then does nothing). A centre beyond the budget takes all of the budget. Leave
    it on the last line of a cell.

    Args:
        image: (H, W), (1, H, W) or (1, 1, H, W), real or complex, numpy or torch; `kspace.with_phase` makes a real one
            complex.
        acceleration: from 1 to `largest_acceleration`.
        largest_acceleration: the end of the slider.
        center_fraction: from 0 to `largest_center_fraction`.
        largest_center_fraction: the end of the slider.
        pattern: the one to begin with.
        seed: chance follows from it: it stays the same while the controls move.
        data_range: grey runs from 0 to it.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (menu, sliders, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure`.

    Raises:
        TypeError, ValueError: what is no image, an unknown pattern, and values outside their range.

    Lab: 08.
    """
    measured = complex_picture(image, "image")
    clean = np.abs(measured)
    data_range = check_number(data_range, "data_range", low=0, above=True)
    greys = grey(window, data_range)
    largest_acceleration = check_number(largest_acceleration, "largest_acceleration", low=1, above=True)
    largest_center_fraction = check_number(largest_center_fraction, "largest_center_fraction", low=0, above=True)
    largest_center_fraction = check_number(largest_center_fraction, "largest_center_fraction", low=0, high=1)
    acceleration = check_number(acceleration, "acceleration", low=1, high=largest_acceleration)
    center_fraction = check_number(center_fraction, "center_fraction", low=0, high=largest_center_fraction)
    seed = check_count(seed, "seed", low=0)
    if pattern not in PATTERNS:
        raise ValueError(f"pattern: expected one of {', '.join(PATTERNS)}, got {pattern!r}")

    def sample(name: str, factor: float, centre: float) -> Sample:
        mask = _mask(name, clean.shape, factor, centre, seed)
        spread = np.abs(kspace.point_spread(mask))
        spread = spread / spread.max()
        answer = np.abs(kspace.zero_filled(kspace.undersample(measured, mask)))
        return Sample(mask, spread.max(axis=0), answer, float(kspace.incoherence(mask)))

    def static() -> Figure:
        return _static(clean, sample, pattern, acceleration, center_fraction, data_range, greys, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    draw = _drawing(clean, sample, data_range, greys, title)
    style = {"description_width": "110px"}

    wide = ipywidgets.Layout(**WIDE)
    menu = ipywidgets.Dropdown(
        options=list(PATTERNS),
        value=pattern,
        description="pattern",
        tooltip="pattern of the samples",
        style=style,
        layout=wide,
    )
    factor = slider("acceleration", acceleration, 1, largest_acceleration, form=".1f", style=style)
    centre = slider("centre fraction", center_fraction, 0, largest_center_fraction, style=style)
    shown = shown_picture(draw(pattern, acceleration, center_fraction))
    controls = [menu, factor, centre]
    follow(controls, shown, draw)
    return box([*controls, shown], static)


def _mask(name: str, shape: tuple[int, int], acceleration: float, center_fraction: float, seed: int) -> np.ndarray:
    """The mask of a pattern; a centre that is larger than the budget takes all of it."""
    if name in CURVES:
        return np.asarray(CURVES[name](shape, acceleration))
    points = name in POINTS
    number = shape[0] * shape[1] if points else shape[1]
    center_fraction = min(center_fraction, round(number / acceleration) / number)
    mask = kspace.cartesian_mask(
        shape,
        acceleration,
        center_fraction,
        kind=(POINTS if points else LINES)[name],
        points=points,
        generator=np.random.default_rng(seed),
    )
    return np.asarray(mask)


def _static(
    clean: np.ndarray,
    sample: Callable[[str, float, float], Sample],
    pattern: str,
    acceleration: float,
    center_fraction: float,
    data_range: float,
    greys: Window,
    title: str | None,
) -> Figure:
    """Four patterns side by side: mask, point spread, zero-filled image, difference."""
    names = list(ON_PAPER) if pattern in ON_PAPER else [*ON_PAPER[:-1], pattern]
    samples = {name: sample(name, acceleration, center_fraction) for name in names}
    scores = {name: _psnr(result.answer, clean, data_range) for name, result in samples.items()}
    best = max(scores, key=scores.__getitem__)
    found = f"acceleration {acceleration:.3g}, zero-filled: best of these {best} ({scores[best]:.1f} dB)"
    drawn = image_grid(4, len(names), clean.shape, f"{title}\n{found}" if title else found, room=0.25)
    grid = drawn.subplots(4, len(names))
    limit = colour_limit(np.array([result.answer - clean for result in samples.values()]), data_range)
    for column, (name, result) in zip(grid.T, samples.items(), strict=True):
        show(column[0], result.mask, name, _reached(result), 0, 1)
        _plot(column[1], result.spread, clean.shape)
        column[1].tick_params(labelleft=column[1] is grid[1, 0])
        column[1].set_xlabel(f"largest side lobe {100 * result.lobe:.0f} %", fontsize=8)
        show(column[2], result.answer, "", f"PSNR {scores[name]:.2f} dB", *greys)
        last = show_difference(column[3], result.answer - clean, "", "", limit)
    for axes, label in zip(
        grid[:, 0], ("mask", "point spread (dB)", "zero-filled", "zero-filled - clean"), strict=True
    ):
        axes.set_ylabel(label, fontsize=9)
    colour_bar(drawn, last, list(grid[3]), data_range, saturated=True)
    foot_note(drawn, said(_small_print(data_range), greys, data_range))
    return drawn


def _drawing(
    clean: np.ndarray,
    sample: Callable[[str, float, float], Sample],
    data_range: float,
    greys: Window,
    title: str | None,
) -> Callable[[str, float, float], Snapshot]:
    """What turns a pattern, an acceleration and a centre into a picture of mask, point spread, image and difference."""
    drawn = image_grid(1, 4, clean.shape, title, smallest=2.6, room=0.75)
    axes = drawn.subplots(1, 4)
    mask = show(axes[0], clean, "mask", " \n ", 0, 1)
    (spread,) = _plot(axes[1], np.ones(clean.shape[1]), clean.shape)
    axes[1].set_title("point spread (dB)", fontsize=9)
    answer = show(axes[2], clean, "zero-filled", " \n ", *greys)
    # one scale for all positions of the sliders: the map pales as the picture gets better
    difference = show_difference(axes[3], clean - clean, "zero-filled - clean", size_note(clean), 0.2 * data_range)
    colour_bar(drawn, difference, [axes[3]], data_range, saturated=True)
    foot_note(drawn, said(_small_print(data_range), greys, data_range))
    redraw = redrawing(drawn)

    def draw(name: str, acceleration: float, center_fraction: float) -> Snapshot:
        result = sample(name, acceleration, center_fraction)
        mask.set_data(result.mask)
        spread.set_ydata(_decibels(result.spread))
        answer.set_data(result.answer)
        difference.set_data(result.answer - clean)
        axes[0].set_xlabel(f"{name}\n{_reached(result)}")
        axes[1].set_xlabel(f"largest side lobe\n{100 * result.lobe:.0f} % of the peak", fontsize=8)
        axes[2].set_xlabel(f"PSNR {_psnr(result.answer, clean, data_range):.2f} dB\n ")
        return redraw()

    return draw


def _plot(axes: Axes, spread: np.ndarray, shape: tuple[int, int]) -> Any:
    """The point spread over the columns, in a box of the images' shape."""
    axes.set_box_aspect(shape[0] / shape[1])
    axes.set(xlim=(-shape[1] / 2, shape[1] / 2), ylim=(-DECIBELS, 3), xticks=[])
    axes.tick_params(labelsize=7)
    return axes.plot(np.arange(len(spread)) - len(spread) // 2, _decibels(spread), color=COLOURS[0], linewidth=1)


def _decibels(spread: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(spread, 10 ** (-DECIBELS / 20)))


def _reached(result: Sample) -> str:
    return f"acceleration {kspace.acceleration_of(result.mask):.2f}"


def _small_print(data_range: float) -> str:
    return f"magnitudes; PSNR: clipped to [0, {data_range:g}]; point spread: the largest value of each column"


def _psnr(image: np.ndarray, clean: np.ndarray, data_range: float) -> float:
    return psnr(image.clip(0, data_range), clean, data_range, atol=1e-6)

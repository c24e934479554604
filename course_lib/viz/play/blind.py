"""The blind test of lab 05, "which was denoised by what?", and the picture that stands in for it on paper. In `viz`."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib import metrics
from course_lib._checks import AnyArray, check_count, check_number
from course_lib.viz.figures import (
    colour_bar,
    column_width,
    fitting,
    foot_note,
    image_grid,
    picture,
    show,
    show_difference,
    wrapped,
)
from course_lib.viz.play.widgets import box, show_snapshot, shown_picture, widgets
from course_lib.viz.rendering import snapshot
from course_lib.viz.windows import Window, grey, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNDECIDED = "?"
SMALLEST, LEAST = 1.8, 1.4  # inches: the longest side of a picture; the width that its scores need


def blind_test(
    clean: AnyArray,
    denoised: Mapping[str, AnyArray],
    *,
    seed: int = 0,
    zoom: Sequence[int] | None = None,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """Which was denoised by what? Pictures A, B, C … in a shuffled order, to be guessed and revealed.

    Leave it on the last line of a cell.

    Args:
        clean: the image without noise, shown first, with its name.
        denoised: {method: image}, 2 to 8 of them.
        seed: shuffles the order.
        zoom: (top, left, side) in pixels, the square that is shown enlarged; default the middle third.
        data_range: PSNR and SSIM are those of images clipped to [0, data_range].
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        In a notebook an ipywidgets box: a menu for each letter, and a button that counts the right guesses, names the
        pictures and shows PSNR, SSIM and difference maps. Elsewhere, without ipywidgets and in profile ci, a static
        `Figure` with the answers upside down at its foot.

    Raises:
        TypeError, ValueError: what is no image, images of unequal size, a wrong number of methods, and a square that
            does not fit.

    Lab: 05.
    """
    target = picture(clean, "clean")
    data_range = check_number(data_range, "data_range", low=0, above=True)
    greys = grey(window, data_range)
    if not isinstance(denoised, Mapping):
        raise TypeError(f"denoised: expected a dict {{method: image}}, got {type(denoised).__name__}")
    if not 2 <= len(denoised) <= 8:
        raise ValueError(f"denoised: expected 2 to 8 methods, got {len(denoised)}")
    images = {str(name): picture(image, str(name), target) for name, image in denoised.items()}
    if len(images) < len(denoised) or UNDECIDED in images:
        raise ValueError(f"denoised: expected different names, none of them {UNDECIDED!r}, got {list(denoised)}")
    square = _square(zoom, target.shape)
    names = list(images)
    order = np.random.default_rng(seed).permutation(len(names))
    answers = {letter: names[index] for letter, index in zip(string.ascii_uppercase, order, strict=False)}

    def drawn(*, revealed: bool) -> Figure:
        return _draw(target, images, answers, square, data_range, greys, title, revealed)

    def static() -> Figure:
        figure = drawn(revealed=False)
        solution = ", ".join(f"{letter} = {name}" for letter, name in answers.items())
        figure.supxlabel(f"Answers: {solution}", fontsize=7, color="0.35", rotation=180)
        return figure

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    menus = [
        ipywidgets.Dropdown(
            options=[UNDECIDED, *names],
            description=letter,
            tooltip=f"Which method denoised picture {letter}?",
            layout=ipywidgets.Layout(width="260px", max_width="95%"),
        )
        for letter in answers
    ]
    button = ipywidgets.Button(description="Reveal", tooltip="Count the right guesses and name the pictures")
    shown = shown_picture(snapshot(drawn(revealed=False)))
    verdict = ipywidgets.HTML(value="Choose a method for each letter, then reveal.")

    def reveal(_: Any) -> None:
        guesses = [menu.value for menu in menus]
        right = sum(guess == name for guess, name in zip(guesses, answers.values(), strict=True))
        wrong = [
            f"{letter} was {name}, " + ("not guessed" if guess == UNDECIDED else f"not {guess}")
            for guess, (letter, name) in zip(guesses, answers.items(), strict=True)
            if guess != name
        ]
        # HTML, for a Label does not wrap long lines
        verdict.value = escape(f"{right} of {len(answers)} right. " + "; ".join(wrong))
        show_snapshot(shown, snapshot(drawn(revealed=True)))
        for control in (*menus, button):  # who has seen the answers cannot guess any more
            control.disabled = True

    button.on_click(reveal)

    wrap = ipywidgets.Layout(flex_flow="row wrap")
    return box([shown, ipywidgets.Box(menus, layout=wrap), button, verdict], static)


def _draw(
    target: np.ndarray,
    images: dict[str, np.ndarray],
    answers: dict[str, str],
    square: tuple[slice, slice],
    data_range: float,
    greys: Window,
    title: str | None,
    revealed: bool,
) -> Figure:
    """Whole pictures, their squares enlarged and, once revealed, difference maps with the scores, together."""
    shown = {"clean": target} | {letter: images[name] for letter, name in answers.items()}
    columns = fitting(len(shown), len(shown), LEAST)
    rows, bands = 3 if revealed else 2, math.ceil(len(shown) / columns)
    figure = image_grid(rows * bands, columns, target.shape, title, smallest=SMALLEST, least=LEAST, room=0.4)
    places = figure.subplots(rows * bands, columns, squeeze=False)
    for axes in places.ravel():
        axes.set_axis_off()
    # row by row, as if all pictures stood in one
    grid = np.hstack(np.vsplit(places, bands))[:, : len(shown)]
    for axes in grid.ravel():
        axes.set_axis_on()
    width = column_width(columns, target.shape, SMALLEST, LEAST)
    for column, (label, image) in enumerate(shown.items()):
        heading = wrapped(f"{label}: {answers[label]}" if revealed and column else label, width)
        show(grid[0, column], image, heading, "", *greys)
        show(grid[1, column], image[square], "", f"{label}, enlarged", *greys)
        _outline(grid[0, column], square)
    if not revealed:
        return figure
    grid[2, 0].set_axis_off()
    differences = [images[name] - target for name in answers.values()]
    limit = float(np.quantile(np.abs(differences), 0.995)) or data_range
    maps = list(grid[2, 1:])
    for axes, (letter, name), difference in zip(maps, answers.items(), differences, strict=True):
        score = _score(images[name], target, data_range)
        last = show_difference(axes, difference, f"{letter} - clean", score, limit)
    colour_bar(figure, last, maps, data_range, saturated=bool(np.abs(differences).max() > limit))
    foot_note(figure, said(f"PSNR and SSIM (Wang 2004): clipped to [0, {data_range:g}]", greys, data_range))
    return figure


def _score(image: np.ndarray, target: np.ndarray, data_range: float) -> str:
    image = np.clip(image, 0, data_range)
    if np.array_equal(image, target):
        return "identical"
    text = f"PSNR {float(metrics.psnr(image, target, data_range=data_range)):.2f} dB"
    if min(target.shape) >= 11:  # smaller images have no SSIM
        text += f"\nSSIM {float(metrics.ssim(image, target, data_range=data_range)):.3f}"
    return text


def _square(zoom: Sequence[int] | None, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The enlarged part as slices, checked."""
    if zoom is None:
        side = max(1, min(shape) // 3)
        zoom = [(shape[0] - side) // 2, (shape[1] - side) // 2, side]
    if len(zoom) != 3:
        raise ValueError(f"zoom: expected (top, left, side) in pixels, got {zoom!r}")
    top, left = check_count(zoom[0], "zoom (top)", low=0), check_count(zoom[1], "zoom (left)", low=0)
    side = check_count(zoom[2], "zoom (side)")
    if top + side > shape[0] or left + side > shape[1]:
        raise ValueError(
            f"zoom: expected a square inside {shape[0]}×{shape[1]} pixels, got (top, left, side) = {zoom!r}"
        )
    return slice(top, top + side), slice(left, left + side)


def _outline(axes: Any, square: tuple[slice, slice]) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = square
    corner = (columns.start - 0.5, rows.start - 0.5)  # pixel (0, 0) reaches from -0.5 to 0.5
    size = columns.stop - columns.start, rows.stop - rows.start
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="#E69F00", linewidth=1))

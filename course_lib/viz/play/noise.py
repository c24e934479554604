"""The noise slider of labs 00 and 01, and the picture that stands in for it on paper. Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib._checks import Array, check_number
from course_lib.viz.figures import colour_bar, foot_note, image_grid, picture, show, show_difference, size_note
from course_lib.viz.play.stage import STEPS, corrupted, follow, redrawing, slider
from course_lib.viz.play.widgets import box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATIC_LEVELS = 4


def noise_slider(
    image: Array,
    corrupt: Callable[..., Array],
    *,
    label: str = "sigma",
    minimum: float = 0.0,
    maximum: float = 0.5,
    value: float = 0.1,
    step: float | None = None,
    seed: int = 0,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider for the noise level over clean, noisy and difference image; on paper four levels side by side.

    Leave it on the last line of a cell.

    Args:
        image: one image without noise (for shapes see `viz`).
        corrupt: `corrupt(image, level, generator=...)`, one of `noise` (gaussian, rician, ...) or your own.
        label: what the level is called.
        minimum, maximum: the ends of the slider, in the units of `corrupt`.
        value: the level to begin with.
        step: of the slider; default a fiftieth of the way.
        seed: each call gets a new generator with the same seed, so the pattern of the noise stays while its level
            moves.
        data_range: grey runs from 0 to it.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (slider, picture) in a notebook, and a static `Figure` with four levels elsewhere, without
        ipywidgets and in profile ci.

    Raises:
        TypeError, ValueError: what is no image, and a value outside [minimum, maximum].

    Lab: 00.
    """
    clean = picture(image, "image")
    data_range = check_number(data_range, "data_range", low=0, above=True)
    greys = grey(window, data_range)
    minimum, maximum = check_number(minimum, "minimum"), check_number(maximum, "maximum")
    if minimum >= maximum:
        raise ValueError(f"minimum: expected a number below maximum ({maximum:g}), got {minimum:g}")
    value = check_number(value, "value", low=minimum, high=maximum)
    step = (maximum - minimum) / STEPS if step is None else check_number(step, "step", low=0, above=True)

    def noisy_at(level: float) -> np.ndarray:
        return picture(corrupted(image, corrupt, level, seed), "what corrupt returns", clean)

    def static() -> Figure:
        drawn = image_grid(1, STATIC_LEVELS, clean.shape, title, room=0.8 if window else 0.6)
        levels = np.linspace(minimum, maximum, STATIC_LEVELS).tolist()
        for axes, level in zip(drawn.subplots(1, STATIC_LEVELS), levels, strict=True):
            show(axes, noisy_at(level), f"{label} = {level:.3g}", size_note(clean), *greys)
        foot_note(drawn, said("", greys, data_range))
        return drawn

    if widgets(live) is None:
        return static()

    draw = _drawing(clean, noisy_at, label, maximum, data_range, greys, title)
    level = slider(label, value, minimum, maximum, step=step)
    shown = shown_picture(draw(value))
    follow([level], shown, draw)
    return box([level, shown], static)


def _drawing(
    clean: np.ndarray,
    noisy_at: Callable[[float], np.ndarray],
    label: str,
    maximum: float,
    data_range: float,
    greys: Window,
    title: str | None,
) -> Callable[[float], Snapshot]:
    """What turns a level into a picture of clean, noisy and difference image."""
    drawn = image_grid(1, 3, clean.shape, title, smallest=2.8)
    left, middle, right = drawn.subplots(1, 3)
    # one scale for all levels, so that the map pales as the level falls
    limit = 1.5 * float((noisy_at(maximum) - clean).std()) or data_range
    show(left, clean, "clean", size_note(clean), *greys)
    noisy = show(middle, clean, "noisy", "", *greys)
    difference = show_difference(right, clean - clean, "difference (noisy - clean)", "", limit)
    colour_bar(drawn, difference, [right], data_range, saturated=True)
    foot_note(drawn, said("", greys, data_range))
    redraw = redrawing(drawn)

    def draw(level: float) -> Snapshot:
        now = noisy_at(level)
        noisy.set_data(now)
        difference.set_data(now - clean)
        middle.set_xlabel(f"{label} = {level:.3g}")
        right.set_xlabel(f"mean {(now - clean).mean():+.3f}\nstandard deviation {(now - clean).std():.3f}")
        return redraw()

    return draw

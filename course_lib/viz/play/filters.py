"""The sliders of lab 04 for noise and filter strength, and the picture that stands in for them. Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib import noise
from course_lib._checks import Array, check_number
from course_lib.viz.figures import colour_bar, foot_note, image_grid, picture, show, show_difference, size_note
from course_lib.viz.play.stage import colour_limit, corrupted, follow, psnr, redrawing, slider
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATIC_STRENGTHS = 4


def filter_slider(
    image: Array,
    filters: Mapping[str, Callable[[Array, float], Array]],
    corrupt: Callable[..., Array] = noise.gaussian,
    *,
    sigma: float = 0.1,
    largest_sigma: float = 0.3,
    strength: float = 1.0,
    largest_strength: float = 2.0,
    seed: int = 0,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """Sliders for noise and filter over clean, noisy, denoised and difference image; on paper four strengths.

    Under the images stand PSNR (noisy as it is, denoised clipped to [0, data_range]) and the mean of the difference.
    Leave it on the last line of a cell.

    Args:
        image: one image without noise (for shapes see `viz`).
        filters: {name: f(noisy, sigma) -> image}; with several, a menu chooses one.
        corrupt: `corrupt(image, sigma, generator=...)`, one of `noise`.
        sigma: the noise to begin with, in units of the data range, from 0 to `largest_sigma`.
        largest_sigma: the end of the slider.
        strength: the filter is told `strength` times the true sigma: 1 tells the truth, 0 does nothing in most filters,
            2 smooths too much; from 0 to `largest_strength`.
        largest_strength: the end of the slider.
        seed: the pattern of the noise follows from it and stays while the sliders move.
        data_range: grey runs from 0 to it.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (sliders, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure` of the first filter at `sigma`.

    Raises:
        TypeError, ValueError: what is no image, no filter, and values outside their range.

    Lab: 04.
    """
    clean = picture(image, "image")
    image = image.reshape(image.shape[-2:])  # filters know (H, W), not (1, H, W)
    filters = dict(filters)
    if not filters:
        raise ValueError("filters: expected at least one, got an empty dict")
    data_range = check_number(data_range, "data_range", low=0, above=True)
    greys = grey(window, data_range)
    largest_sigma = check_number(largest_sigma, "largest_sigma", low=0, above=True)
    largest_strength = check_number(largest_strength, "largest_strength", low=0, above=True)
    sigma = check_number(sigma, "sigma", low=0, high=largest_sigma)
    strength = check_number(strength, "strength", low=0, high=largest_strength)

    def pictures(name: str, level: float, strength: float) -> tuple[np.ndarray, np.ndarray]:
        noisy = corrupted(image, corrupt, level, seed)
        denoised = filters[name](noisy, strength * level)
        return picture(noisy, "what corrupt returns", clean), picture(denoised, f"what {name} returns", clean)

    def static() -> Figure:
        return _static(next(iter(filters)), clean, pictures, sigma, largest_strength, data_range, greys, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    draw = _drawing(clean, pictures, data_range, greys, title)

    calm: dict[str, Any] = {
        "continuous_update": False
    }  # a slow filter must not run for every pixel that the mouse moves
    level = slider("sigma", sigma, 0, largest_sigma, **calm)
    force = slider("strength", strength, 0, largest_strength, **calm)
    menu = ipywidgets.Dropdown(
        options=list(filters), description="filter", tooltip="filter", layout=ipywidgets.Layout(**WIDE)
    )
    shown = shown_picture(draw(menu.value, sigma, strength))
    controls = [menu, level, force]
    follow(controls, shown, draw)
    return box((controls if len(filters) > 1 else controls[1:]) + [shown], static)


def _static(
    name: str,
    clean: np.ndarray,
    pictures: Callable[[str, float, float], tuple[np.ndarray, np.ndarray]],
    sigma: float,
    largest_strength: float,
    data_range: float,
    greys: Window,
    title: str | None,
) -> Figure:
    """Noisy image and one filter at four strengths, the difference maps below."""
    strengths = np.linspace(0, largest_strength, STATIC_STRENGTHS + 1)[1:].tolist()
    noisy = pictures(name, sigma, strengths[0])[0]
    answers = [pictures(name, sigma, strength)[1] for strength in strengths]
    scores = [psnr(answer.clip(0, data_range), clean, data_range) for answer in answers]
    best = int(np.argmax(scores))
    found = f"{name}, sigma {sigma:.3g}: best of these at strength {strengths[best]:.3g} ({scores[best]:.1f} dB)"
    drawn = image_grid(2, STATIC_STRENGTHS + 1, clean.shape, f"{title}\n{found}" if title else found)
    grid = drawn.subplots(2, STATIC_STRENGTHS + 1)
    limit = colour_limit(noisy - clean, data_range)
    columns = {f"noisy, sigma {sigma:.3g}": noisy}
    columns |= {f"strength {strength:.3g}": answer for strength, answer in zip(strengths, answers, strict=True)}
    for column, (heading, shown) in enumerate(columns.items()):
        score = scores[column - 1] if column else psnr(noisy, clean, data_range)
        show(grid[0, column], shown, heading, f"PSNR {score:.2f} dB", *greys)
        note = f"mean {(shown - clean).mean():+.3f}"
        last = show_difference(grid[1, column], shown - clean, f"{heading.split(',')[0]} - clean", note, limit)
    colour_bar(drawn, last, list(grid[1]), data_range, saturated=True)
    foot_note(drawn, said(f"PSNR: noisy as it is, denoised clipped to [0, {data_range:g}]", greys, data_range))
    return drawn


def _drawing(
    clean: np.ndarray,
    pictures: Callable[[str, float, float], tuple[np.ndarray, np.ndarray]],
    data_range: float,
    greys: Window,
    title: str | None,
) -> Callable[[str, float, float], Snapshot]:
    """What turns a filter, a noise level and a strength into a picture: clean, noisy, denoised, difference."""
    drawn = image_grid(1, 4, clean.shape, title, smallest=2.6, room=0.75)
    axes = drawn.subplots(1, 4)
    show(axes[0], clean, "clean", size_note(clean), *greys)
    noisy = show(axes[1], clean, "noisy", " \n ", *greys)
    denoised = show(axes[2], clean, "denoised", " \n ", *greys)
    # one scale for all positions of the sliders: the map pales as the answer gets better
    difference = show_difference(axes[3], clean - clean, "difference (denoised - clean)", " \n ", 0.2 * data_range)
    colour_bar(drawn, difference, [axes[3]], data_range, saturated=True)
    foot_note(drawn, said(f"PSNR: noisy as it is, denoised clipped to [0, {data_range:g}]", greys, data_range))
    redraw = redrawing(drawn)

    def draw(name: str, level: float, strength: float) -> Snapshot:
        now, answer = pictures(name, level, strength)
        noisy.set_data(now)
        denoised.set_data(answer)
        difference.set_data(answer - clean)
        axes[1].set_xlabel(f"sigma {level:.3g}\nPSNR {psnr(now, clean, data_range):.2f} dB")
        score = psnr(answer.clip(0, data_range), clean, data_range)
        axes[2].set_title(name)
        axes[2].set_xlabel(f"told sigma {strength * level:.3g}\nPSNR {score:.2f} dB")
        axes[3].set_xlabel(f"mean {(answer - clean).mean():+.3f}\nstandard deviation {(answer - clean).std():.3f}")
        return redraw()

    return draw

"""The slider of lab 12: a walk from one shape to another along their codes, and beside it the mix of pixels.

Public in `viz`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib.viz.figures import COLOURS, figure
from course_lib.viz.play.stage import follow, redrawing, slider
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
SURE = 0.9  # probability from which on a pixel is certain
Network = Callable[[torch.Tensor], torch.Tensor]


def shape_walk(
    encode: Network,
    decode: Network,
    shapes: Mapping[str, torch.Tensor],
    *,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider from one shape to another: halfway in the code of an autoencoder, and halfway in the pixels.

    Half of each label map is no shape: wherever the maps differ, two classes are equally likely. Halfway in the code
    the decoder draws one shape between the two, as well as the autoencoder can. Colours mix where classes are in doubt.
    Leave it on the last line of a cell.

    Args:
        encode: label maps (N, classes, H, W) to codes (N, K).
        decode: codes to logits (N, classes, H, W).
        shapes: {name: label map (classes, H, W)}, at least two, 0 and 1, the background first.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (two menus, slider, picture) in a notebook, and elsewhere, without ipywidgets and in profile
        ci, a static `Figure` of five places between the first two shapes.

    Raises:
        ValueError: fewer than two shapes, or of different sizes.

    Source: Oktay et al. 2017 (ACNN), for the code.
    Lab: 12.
    """
    maps = {name: torch.as_tensor(one).float() for name, one in shapes.items()}
    sizes = {tuple(one.shape) for one in maps.values()}
    if len(maps) < 2 or len(sizes) > 1 or len(sizes.copy().pop()) != 3:
        raise ValueError(f"shapes: expected at least two label maps (classes, H, W) of one size, got {sorted(sizes)}")
    with torch.no_grad():
        codes = {name: encode(one[None]) for name, one in maps.items()}

    def between(start: str, end: str, place: float) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (classes, H, W) on the way in the code, and in the pixels."""
        with torch.no_grad():
            drawn = decode((1 - place) * codes[start] + place * codes[end])[0].softmax(0)
        mixed = (1 - place) * maps[start] + place * maps[end]
        return drawn.numpy(), mixed.numpy()

    names = list(maps)

    def static() -> Figure:
        return _static(between, names[0], names[1], title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()
    draw = _drawing(between, title)
    start, end = (
        ipywidgets.Dropdown(
            options=names, value=name, description=word, tooltip=f"{word} this shape", layout=ipywidgets.Layout(**WIDE)
        )
        for word, name in (("from", names[0]), ("to", names[1]))
    )
    control = slider("place on the way", 0.5, 0.0, 1.0, form=".2f", step=0.05)
    shown = shown_picture(draw(start.value, end.value, control.value))
    follow([start, end, control], shown, draw)
    return box([start, end, control, shown], static)


def _static(between: Any, start: str, end: str, title: str | None) -> Figure:
    code, pixels = (sure(chances) for chances in between(start, end, 0.5))
    told = f"Halfway from {start} to {end}, certain pixels: {code:.1%} in the code, {pixels:.1%} in the pixels"
    drawn = figure(9, 4.2, title=f"{title}\n{told}" if title else told)
    grid = drawn.subplots(2, len(PLACES), squeeze=False)
    for column, place in enumerate(PLACES):
        for row, (where, chances) in enumerate(zip(("code", "pixels"), between(start, end, place), strict=True)):
            _show(grid[row, column], chances, f"{where}, {place:.0%}")
    return drawn


def _drawing(between: Any, title: str | None) -> Callable[[str, str, float], Snapshot]:
    drawn = figure(7, 3.8, title=title)
    both = drawn.subplots(1, 2)
    redraw = redrawing(drawn)

    def draw(start: str, end: str, place: float) -> Snapshot:
        for axes, where, chances in zip(both, ("code", "pixels"), between(start, end, place), strict=True):
            axes.clear()
            _show(axes, chances, f"{where}, {place:.0%} of the way")
        return redraw()

    return draw


def _show(axes: Any, probabilities: np.ndarray, name: str) -> None:
    """Classes in colours that the colour-blind can tell, mixed where they are in doubt; below, the certain ones."""
    from matplotlib.colors import to_rgb

    palette = np.array([(0.05, 0.05, 0.05), *(to_rgb(colour) for colour in COLOURS)])[: len(probabilities)]
    colours = np.moveaxis(probabilities, 0, -1) @ palette  # (H, W, classes) @ (classes, 3)
    axes.imshow(colours.clip(0, 1), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=9)
    axes.set_xlabel(f"certain pixels: {sure(probabilities):.1%}", fontsize=8)


def sure(probabilities: np.ndarray) -> float:
    """Share of the pixels of which one class has at least 90 %."""
    return float((probabilities.max(0) >= SURE).mean())

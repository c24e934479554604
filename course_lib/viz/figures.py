"""What `viz` draws with: figures outside of pyplot, one image in one axes, checked input."""

from __future__ import annotations

import math
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib._checks import check_image, check_number
from course_lib.viz.rendering import DOTS, bundle, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours: told apart by colour-blind readers too; with a marker each, also in a grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
WIDEST = 9.0  # inches: 900 dots, what a page of JupyterLab holds


def in_notebook() -> bool:
    """Whether a kernel with a front end listens; profile ci counts as none: nobody moves a slider there."""
    if os.environ.get("COURSE_PROFILE", "").strip().lower() == "ci" or "IPython" not in sys.modules:
        return False
    return getattr(sys.modules["IPython"].get_ipython(), "kernel", None) is not None


def figure(width: float = 6.4, height: float = 4.0, *, title: str | None = None, alt: str | None = None) -> Figure:
    """An empty figure for a plot of your own; `axes = figure.subplots()` comes next.

    Unlike a bare `matplotlib.figure.Figure` it shows itself as the last line of a cell, and unlike one of pyplot it is
    not shown a second time.

    Its curves have Okabe and Ito's colours, it is shown twice as sharp as the page, and a legend that lies on a curve
    moves away. What it says in words, its title and its numbers, is its alternative text.

    Args:
        width, height: in inches of 100 dots on the page; a figure is at most 9 inches wide.
        title: of the figure.
        alt: replaces the alternative text.

    Returns:
        The figure.

    Raises:
        ValueError: a size that is not above 0.

    Lab: 00 and later.
    """
    width = check_number(width, "width", low=0, above=True)
    height = check_number(height, "height", low=0, above=True)
    from matplotlib.figure import Figure

    width = min(width, WIDEST)
    made = Figure(figsize=(width, height + _room(title, width)), dpi=DOTS, layout="constrained")
    if title:
        made.suptitle(title, fontsize=11, wrap=True)

    def add_subplot(*args: Any, **kwargs: Any) -> Axes:
        axes = Figure.add_subplot(made, *args, **kwargs)
        axes.set_prop_cycle(color=COLOURS)
        return axes

    # a kernel that never imported pyplot does not know how to show a Figure: this one shows itself
    vars(made).update(
        add_subplot=add_subplot,
        alternative_text=alt,
        _repr_mimebundle_=lambda include=None, exclude=None: bundle(made),
        _repr_png_=lambda: png(made),
    )
    return made


def _room(title: str | None, width: float) -> float:
    """Inches that the lines of a title need: a letter of it is about 0.075 inches wide."""
    if not title:
        return 0.0
    lines = sum(max(1, math.ceil(0.075 * len(line) / width)) for line in title.split("\n"))
    return 0.3 + 0.18 * (lines - 1)


def image_grid(
    rows: int,
    columns: int,
    shape: Sequence[int],
    title: str | None,
    *,
    smallest: float = 2.4,
    least: float = 0.0,
    room: float = 0.6,
) -> Figure:
    """An empty figure for rows of images; what would be wider than a page is shrunk.

    Args:
        rows, columns: how many images stand below and beside each other.
        shape: of the images, (H, W).
        title: of the figure.
        smallest: the least that an image's longest side gets, in inches.
        least: inches that the text of an image needs beside its neighbour's.
        room: inches for the text of each row.

    Returns:
        The figure.
    """
    width, height = image_size(shape, smallest)
    shrunk = min(1.0, _page(columns) / (columns * width))
    wide = column_width(columns, shape, smallest, least)
    return figure(columns * wide + WIDEST - _page(columns), rows * (height * shrunk + room), title=title)


def image_size(shape: Sequence[int], smallest: float) -> tuple[float, float]:
    """Width and height of one image in inches, where there is room for it."""
    # a pixel of the image gets at least one on the page, up to 4 inches an image
    longest = min(max(max(shape) / DOTS, smallest), 4.0)
    height, width = (size / max(shape) * longest for size in shape)
    return max(width, 0.6 * smallest), max(height, 0.4)


def column_width(columns: int, shape: Sequence[int], smallest: float, least: float) -> float:
    """Inches that one of so many columns gets; the names are those of `image_grid`."""
    return min(max(image_size(shape, smallest)[0], least), _page(columns) / columns)


def _page(columns: int) -> float:
    """Inches for images; several leave room for a colour bar."""
    return WIDEST - (0.8 if columns > 1 else 0)


def fitting(count: int, columns: int, least: float) -> int:
    """How many of `count` images stand in a row of at most `columns`, if each needs `least` inches: even rows."""
    fit = max(1, int(_page(2) / least + 1e-9))
    return columns if columns <= fit else math.ceil(count / math.ceil(count / fit))


def wrapped(name: str, width: float) -> str:
    """A name in 9 points, broken into lines of at most `width` inches."""
    letters = max(1, int(width * 72 / (0.525 * 9)))
    return "\n".join(textwrap.fill(line, letters) for line in name.split("\n"))


def show(
    axes: Axes, image: np.ndarray, name: str, note: str, vmin: float | None, vmax: float | None, cmap: str = "gray"
) -> Any:
    """One image with its name above and a note below; a pixel is a square, never smoothed."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(name, fontsize=9)
    axes.set_xlabel(note, fontsize=8)
    return axes.imshow(image, cmap=cmap, vmin=vmin, vmax=vmax, interpolation="nearest")


def show_difference(axes: Axes, difference: np.ndarray, name: str, note: str, limit: float) -> Any:
    """A difference map: blue below 0, white at 0, red above."""
    return show(axes, difference, name, note, -limit, limit, "RdBu_r")


def colour_bar(drawn: Figure, image: Any, maps: list[Axes], data_range: float, *, saturated: bool) -> None:
    """The scale of the difference maps; arrows at its ends say that some pixels lie beyond."""
    bar = drawn.colorbar(image, ax=maps, extend="both" if saturated else "neither", shrink=0.85)
    bar.set_label(f"difference (data range {data_range:g})", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def foot_note(drawn: Figure, text: str) -> None:
    """Small print under everything."""
    if text:
        drawn.supxlabel(text, fontsize=7, color="0.35")


def size_note(image: np.ndarray) -> str:
    """What stands under an image that has no score."""
    return f"{image.shape[0]} × {image.shape[1]} pixels"


def picture(image: Any, name: str, like: np.ndarray | None = None) -> np.ndarray:
    """One image, checked.

    Args:
        image: (H, W), (1, H, W) or (1, 1, H, W), floating point or bool.
        name: what the message calls it.
        like: an image whose size it must have.

    Returns:
        (H, W) numpy floats.
    """
    if getattr(image, "dtype", None) in (np.dtype(bool), torch.bool):
        image = image.astype(np.float32) if isinstance(image, np.ndarray) else image.float()
    check_image(image, name)
    if isinstance(image, torch.Tensor):
        # numpy knows no bfloat16
        image = image.detach().cpu().to(torch.promote_types(image.dtype, torch.float32)).numpy()
    if image.ndim not in (2, 3, 4) or any(size != 1 for size in image.shape[:-2]):
        raise ValueError(f"{name}: expected one image (H, W), (1, H, W) or (1, 1, H, W), got {image.shape}")
    image = image.reshape(image.shape[-2:])  # (1, 1, H, W) -> (H, W)
    if like is not None and image.shape != like.shape:
        raise ValueError(f"{name}: expected the size of the clean image, {like.shape}, got {image.shape}")
    return image


def column_names(given: Sequence[str] | None, default: Sequence[str]) -> list[str]:
    """The caller's titles, if there are as many as columns."""
    if given is None:
        return list(default)
    if isinstance(given, str) or len(given) != len(default):
        raise ValueError(f"titles: expected a list of {len(default)} names, got {given!r}")
    return list(given)

"""What `viz` draws with: figures outside of pyplot, one image in one axes, checked input."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib._checks import check_image, check_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart by colour-blind readers too; with a marker each, also in a grey print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"


def in_notebook() -> bool:
    """Whether a kernel with a front end listens; profile ci counts as none: nobody moves a slider there."""
    if os.environ.get("COURSE_PROFILE", "").strip().lower() == "ci" or "IPython" not in sys.modules:
        return False
    return getattr(sys.modules["IPython"].get_ipython(), "kernel", None) is not None


def figure(width: float = 6.4, height: float = 4.0, *, title: str | None = None) -> Figure:
    """An empty figure for a plot of your own; `axes = figure.subplots()` comes next.

    Unlike a bare `matplotlib.figure.Figure` it shows itself as the last line of a cell, and unlike one of pyplot it is
    not shown a second time.

    Args:
        width, height: in inches.
        title: of the figure.

    Returns:
        The figure.

    Raises:
        ValueError: a size that is not above 0.

    Lab: 00 and later.
    """
    width = check_number(width, "width", low=0, above=True)
    height = check_number(height, "height", low=0, above=True)
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height + (0.3 if title else 0)), dpi=100, layout="constrained")
    if title:
        made.suptitle(title, fontsize=11, wrap=True)
    # a kernel that never imported pyplot does not know how to show a Figure: this one shows itself
    vars(made)["_repr_png_"] = lambda: png(made)
    return made


def image_grid(
    rows: int,
    columns: int,
    shape: Sequence[int],
    title: str | None,
    *,
    smallest: float = 2.4,
    room: float = 0.6,
) -> Figure:
    """An empty figure for rows of images.

    Args:
        rows, columns: how many images stand below and beside each other.
        shape: of the images, (H, W).
        title: of the figure.
        smallest: the least that an image's longest side gets, in inches.
        room: inches for the text of each row.

    Returns:
        The figure.
    """
    # a pixel of the image gets at least one on the screen (100 an inch), up to 4 inches an image
    longest = min(max(max(shape) / 100, smallest), 4.0)
    height, width = (size / max(shape) * longest for size in shape)
    width, height = max(width, 0.6 * smallest), max(height, 0.4)
    return figure(columns * width + (0.8 if columns > 1 else 0), rows * (height + room), title=title)


def png(drawn: Figure) -> bytes:
    """The figure as a PNG file."""
    with io.BytesIO() as file:
        drawn.savefig(file, format="png", pil_kwargs={"compress_level": 1})  # half the time of the default
        return file.getvalue()


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

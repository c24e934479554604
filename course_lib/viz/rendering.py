"""How a figure reaches the page: twice as sharp as it is wide, with its text beside it, the legend off the curves."""

from __future__ import annotations

import io
from base64 import b64encode
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course_lib.viz.words import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

DOTS = 100  # of a page for an inch of a figure
SHARPNESS = 2  # pixels of the picture for each dot of the page, as good screens have them
COLOURS = 96, 28  # greys, and colours of a difference map, on the page and for graders: noise is what a notebook weighs


class Snapshot(NamedTuple):
    """A figure at one moment: as a sharp PNG, how wide it is on the page, and in words."""

    png: bytes
    width: int
    words: str


def snapshot(drawn: Figure) -> Snapshot:
    """The figure as it is now, for a widget."""
    # a slider is not kept: quick before small
    return Snapshot(_file(_sharp(drawn), 1), round(drawn.get_figwidth() * DOTS), words_of(drawn))


def png(drawn: Figure) -> bytes:
    """The figure as a PNG file, one pixel for each dot of the page: for who cannot show the sharp one."""
    return _file(_both(drawn)[1])


def words_of(drawn: Figure) -> str:
    """The alternative text: what `viz.figure(alt=...)` was told, else what the figure says."""
    return getattr(drawn, "alternative_text", None) or describe(drawn)


def bundle(drawn: Figure) -> dict[str, str | bytes]:
    """The figure as its front end wants it.

    An HTML picture, for JupyterLab, Colab and nbconvert drop the alternative text of a bare PNG. The PNG beside it is
    what a grader keeps, who lets no HTML pass, and what LaTeX prints.
    """
    (sharp, small), words = _both(drawn), words_of(drawn)
    width, height = (round(size * DOTS) for size in drawn.get_size_inches())
    source = b64encode(_file(sharp)).decode()
    picture = (
        f'<img width="{width}" height="{height}" style="max-width: 100%; height: auto" '
        f'alt="{escape(words)}" src="data:image/png;base64,{source}">'
    )
    return {"text/html": picture, "image/png": _file(small), "text/plain": words or "a figure without words"}


def _both(drawn: Figure) -> tuple[Image, Image]:
    """The figure twice as sharp as the page, and as sharp as the page; few colours halve what a notebook weighs."""
    from PIL.Image import Dither

    sharp = _sharp(drawn)
    small = sharp.reduce(SHARPNESS)
    if sharp.mode == "L":
        return sharp, small
    images = [image for axes in drawn.axes if axes.get_label() != "<colorbar>" for image in axes.images]
    if images and all(
        image.get_cmap().name in ("gray", "RdBu_r") and np.asarray(image.get_array()).ndim == 2 for image in images
    ):
        both = zip((sharp, small), map(_palette, COLOURS), strict=True)
        first, second = (picture.quantize(palette=palette, dither=Dither.NONE) for picture, palette in both)
        return first, second
    return sharp.quantize(256, dither=Dither.NONE), small.quantize(128, dither=Dither.NONE)


@cache
def _palette(steps: int) -> Image:
    """Steps from black to white and from blue to red, so that no map changes its colours, and those of lines."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb
    from PIL import Image

    ramp = np.linspace(0, 1, steps)
    lines = [to_rgb(colour) for colour in ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")]
    greys = np.where(ramp < 0.985, ramp, 1.0)  # PIL takes the nearest but one at times: paper stays white
    colours = np.concatenate([colormaps["gray"](greys)[:, :3], colormaps["RdBu_r"](ramp)[:, :3], lines])
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.round(255 * colours).astype(np.uint8).tobytes())
    return palette


def _sharp(drawn: Figure) -> Image:
    """The figure as a picture, grey where it has no colour."""
    from PIL import Image

    _clear_legends(drawn)
    with io.BytesIO() as file:
        drawn.savefig(file, format="png", dpi=DOTS * SHARPNESS, pil_kwargs={"compress_level": 0})
        image = Image.open(file).convert("RGB")
    pixels = np.asarray(image)
    grey = (pixels == pixels[..., :1]).all()
    return image.convert("L") if grey else image


def _file(image: Image, level: int = 6) -> bytes:
    with io.BytesIO() as file:
        image.save(file, format="png", compress_level=level)
        return file.getvalue()


def _clear_legends(drawn: Figure) -> None:
    """A legend that lies on a curve goes where there is room, and beside the axes where there is none."""
    legends = [(axes, axes.legend_) for axes in drawn.axes if axes.legend_ is not None]
    if not legends:
        return
    drawn.draw_without_rendering()
    for axes, legend in legends:
        if _covers(axes, legend):
            legend.set_loc("best")
            drawn.draw_without_rendering()
        if _covers(axes, legend):
            legend.set_loc("upper left")
            legend.set_bbox_to_anchor((1.01, 1), transform=axes.transAxes)
            drawn.draw_without_rendering()


def _covers(axes: Axes, legend: Any) -> bool:
    box = legend.get_window_extent()
    curves = (line for line in axes.lines if not _is_mark(line))
    if any(line.get_transform().transform_path(line.get_path()).intersects_bbox(box, filled=False) for line in curves):
        return True
    bars = (patch for container in axes.containers for patch in getattr(container, "patches", ()))
    if any(patch.get_window_extent().overlaps(box) for patch in bars):
        return True
    clouds = (cloud.get_offset_transform().transform(cloud.get_offsets()) for cloud in axes.collections)
    return any(box.contains(*point) for points in clouds for point in points)


def _is_mark(line: Any) -> bool:
    """A straight line across the whole axes: a legend may lie on it, for it goes on at both sides."""
    x, y = list(line.get_xdata()), list(line.get_ydata())
    return len(x) == 2 and (x == [0, 1] or y == [0, 1])

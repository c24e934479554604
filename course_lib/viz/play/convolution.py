"""The slider of lab 00b that moves a kernel over an image and fills in the answer. Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib._checks import Array, check_count, check_number
from course_lib.models.neuron import convolve
from course_lib.viz.figures import COLOURS, foot_note, image_grid, picture, show
from course_lib.viz.play.stage import follow, redrawing
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Four that find or keep different things.
KERNELS: Mapping[str, np.ndarray] = {
    "mean": np.full((3, 3), 1 / 9),
    "vertical edges": np.array([[-1, 0, 1]] * 3) / 3,
    "horizontal edges": np.array([[-1, 0, 1]] * 3).T / 3,
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]) / 1.0,
}
LARGEST = 12  # pixels a side, so that the numbers can be read
STRIDES = 3
MARK = COLOURS[1]  # orange: the place of the kernel


def convolution_slider(
    image: Array,
    kernels: Mapping[str, np.ndarray] | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """Move a kernel over a small image: the numbers under it, their weights, and the answer so far.

    Menus choose the kernel, the stride and the padding; the slider moves the kernel from place to place. Leave it on
    the last line of a cell.

    Args:
        image: one small image, at most 12 pixels a side; for shapes see `viz`.
        kernels: {name: odd square array}, default `KERNELS`.
        stride, padding: to begin with.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (menu, sliders, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure`: the first kernel with and without padding, and with a stride of 2.

    Raises:
        TypeError, ValueError: what is no image, is too large for its numbers to be read, or is smaller than a kernel.

    Lab: 00b.
    """
    small = picture(image, "image")
    kernels = dict(KERNELS if kernels is None else kernels)
    if max(small.shape) > LARGEST:
        raise ValueError(f"image: expected at most {LARGEST} pixels a side, whose numbers can be read: {small.shape}")
    if not kernels or any(kernel.shape[0] > min(small.shape) for kernel in kernels.values()):
        raise ValueError(f"kernels: expected at least one, none larger than the image, got {list(kernels)}")
    stride, padding = check_count(stride, "stride"), int(check_number(padding, "padding", low=0, high=2))

    def static() -> Figure:
        return _static(small, kernels, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    draw = _drawing(small, kernels, title)
    menu = ipywidgets.Dropdown(
        options=list(kernels), description="kernel", tooltip="kernel that moves", layout=ipywidgets.Layout(**WIDE)
    )
    pace = _whole("stride", "pixels from one place to the next", stride, 1, STRIDES)
    border = _whole("padding", "rows and columns of zeros around the image", padding, 0, 2)
    most = max(convolve(small, kernel, padding=2).size for kernel in kernels.values())
    place = _whole("place", "place of the kernel, row by row", 1, 1, most)
    shown = shown_picture(draw(menu.value, stride, padding, 1))

    def fit(_: Any) -> None:  # there are no more places than the answer has numbers
        place.max = convolve(small, kernels[menu.value], pace.value, border.value).size

    for control in (menu, pace, border):
        control.observe(fit, names="value")
    fit(None)
    follow([menu, pace, border, place], shown, draw)
    return box([menu, pace, border, place, shown], static)


def _whole(name: str, words: str, value: int, low: int, high: int) -> Any:
    """A slider of whole numbers, with a name to see and one to hear."""
    import ipywidgets

    return ipywidgets.IntSlider(
        value=value, min=low, max=high, description=name, tooltip=words, layout=ipywidgets.Layout(**WIDE)
    )


def size_rule(size: int, kernel: int, stride: int, padding: int) -> str:
    """How long a side of the answer is, as a sum to check by head.

    Args:
        size, kernel: sides of the image and of the kernel.
        stride, padding: of the convolution.

    Returns:
        Such as "(8 + 2·1 - 3) // 2 + 1 = 4".
    """
    return f"({size} + 2·{padding} - {kernel}) // {stride} + 1 = {(size + 2 * padding - kernel) // stride + 1}"


def _numbers(axes: Any, values: np.ndarray, middle: float) -> None:
    """Write each finite value into its pixel, light on dark and dark on light."""
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if value < middle else "black"
            text = f"{value:.1f}".replace("-0.0", "0.0").replace("0.", ".") if value else "0"
            axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=colour)


def _shown(axes: Any, values: np.ndarray, name: str, note: str, low: float, high: float) -> None:
    axes.clear()
    show(axes, np.ma.masked_invalid(values), name, note, low, high)
    axes.set_facecolor("#f4ecd8")  # what is not computed yet
    _numbers(axes, values, (low + high) / 2)


def _frame(axes: Any, row: int, column: int, height: int, width: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column - 0.5, row - 0.5), width, height, fill=False, edgecolor=MARK, linewidth=2.5))


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _static(image: np.ndarray, kernels: Mapping[str, np.ndarray], title: str | None) -> Figure:
    """The first kernel at its first place, and what it answers three times: plain, with padding, with a stride."""
    name, kernel = next(iter(kernels.items()))
    border = len(kernel) // 2
    answers = [(1, 0), (1, border), (2, border)]
    found = [convolve(image, kernel, *answer) for answer in answers]
    sizes = ", ".join("{}×{}".format(*answer.shape) for answer in found)
    said = f"One kernel ({name}), {image.shape[0]}×{image.shape[1]} pixels in, {sizes} out"
    drawn = image_grid(1, 4, image.shape, f"{title}\n{said}" if title else said, smallest=1.9, room=0.9)
    first, *others = drawn.subplots(1, 4)
    _shown(first, image, "image", f"{image.shape[0]}×{image.shape[1]}", *_range(image))
    _frame(first, 0, 0, *kernel.shape)
    for axes, answer, (stride, padding) in zip(others, found, answers, strict=True):
        rule = size_rule(image.shape[0], len(kernel), stride, padding)
        _shown(axes, answer, f"stride {stride}, padding {padding}", f"rows:\n{rule}", *_range(answer))
        _frame(axes, 0, 0, 1, 1)
    foot_note(drawn, "orange: the first place of the kernel, and the number that comes of it")
    return drawn


def _drawing(
    image: np.ndarray, kernels: Mapping[str, np.ndarray], title: str | None
) -> Callable[[str, int, int, int], Snapshot]:
    """What turns a kernel, a stride, a padding and a place into a PNG of image, kernel and answer so far."""
    drawn = image_grid(1, 3, image.shape, title, smallest=2.6, room=0.9)
    left, middle, right = drawn.subplots(1, 3)
    foot_note(drawn, "orange: the place of the kernel, and the number that comes of it; blank: not computed yet")
    redraw = redrawing(drawn)

    def draw(name: str, stride: int, padding: int, place: int) -> Snapshot:
        kernel = kernels[name]
        answer = convolve(image, kernel, stride, padding)
        place = min(place, answer.size)
        row, column = divmod(place - 1, answer.shape[1])
        padded = np.pad(image, padding)
        high, wide = kernel.shape
        _shown(left, padded, "image", f"{image.shape[0]}×{image.shape[1]}, padding {padding}", *_range(padded))
        _frame(left, row * stride, column * stride, high, wide)
        _shown(middle, kernel, f"kernel: {name}", f"{kernel.size} weights", *_range(kernel))
        so_far = np.where(np.arange(answer.size).reshape(answer.shape) < place, answer, np.nan)
        note = f"sum of {kernel.size} products: {answer[row, column]:.2f}\nrows: "
        note += size_rule(image.shape[0], high, stride, padding)
        _shown(right, so_far, f"answer, place {place} of {answer.size}", note, *_range(answer))
        _frame(right, row, column, 1, 1)
        return redraw()

    return draw

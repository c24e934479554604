"""The slider of lab 07 that adds layer after layer and shows which pixels a chain of filters sees. Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib._checks import Array, check_count
from course_lib.viz.figures import foot_note, image_grid, picture, show
from course_lib.viz.play.stage import follow, redrawing
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Seven filters of 3×3 each, so equally many weights; the second is IRCNN's (Zhang et al. 2017b).
CHAINS: Mapping[str, Sequence[int]] = {
    "1-1-1-1-1-1-1": (1, 1, 1, 1, 1, 1, 1),
    "1-2-3-4-3-2-1": (1, 2, 3, 4, 3, 2, 1),
    "2-2-2-2-2-2-2": (2, 2, 2, 2, 2, 2, 2),
    "1-2-4-8-4-2-1": (1, 2, 4, 8, 4, 2, 1),
}
LEAST = 1e-6  # the end of the colour scale: a pixel with a millionth of the largest share, or less, looks alike


def receptive_field_slider(
    image: Array,
    chains: Mapping[str, Sequence[int]] | None = None,
    *,
    layers: int | None = None,
    kernel: int = 3,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A menu of chains of dilated filters and a slider for their layers: which pixels does the middle one see?

    The left picture is the middle of `image` through the chain: what is not seen is blue. The right one says how much
    each pixel weighs, as the number of paths to it (all weights of the filters equal), on a logarithmic scale. A chain
    with gaps, as 2-2-2, is seen at once. Leave it on the last line of a cell.

    Args:
        image: one image (for shapes see `viz`).
        chains: {name: a dilation for each layer}, default `CHAINS`.
        layers: how many of them at the start, default all.
        kernel: side of each filter, odd.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (menu, slider, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure` with all layers of every chain.

    Raises:
        TypeError, ValueError: what is no image, no chain, or sees more than the image has.

    Lab: 07.
    """
    whole = picture(image, "image")
    chains = dict(CHAINS if chains is None else chains)
    if not chains or any(not len(rates) for rates in chains.values()):
        raise ValueError(f"chains: expected at least one, each with at least one dilation, got {chains}")
    chains = {name: [check_count(rate, f"chains[{name!r}]") for rate in rates] for name, rates in chains.items()}
    if check_count(kernel, "kernel") % 2 == 0:
        raise ValueError(f"kernel: expected an odd number, got {kernel}")
    longest = max(map(len, chains.values()))
    layers = longest if layers is None else check_count(layers, "layers")
    if layers > longest:
        raise ValueError(f"layers: expected at most {longest}, those of the longest chain, got {layers}")
    side = max(len(paths(rates, kernel)) for rates in chains.values()) + 2  # a border of one pixel, never seen
    if side > min(whole.shape):
        raise ValueError(f"image: expected sides of at least {side} for these chains, got {whole.shape}")
    top, left = ((size - side) // 2 for size in whole.shape)
    window = whole[top : top + side, left : left + side]

    def static() -> Figure:
        return _static(window, chains, kernel, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    draw = _drawing(window, chains, kernel, title)
    wide = ipywidgets.Layout(**WIDE)
    menu = ipywidgets.Dropdown(
        options=list(chains), description="dilations", tooltip="dilations of the chain", layout=wide
    )
    slider = ipywidgets.IntSlider(
        value=layers,
        min=1,
        max=longest,
        description="layers",
        tooltip=f"number of layers, from 1 to {longest}",
        layout=wide,
    )
    shown = shown_picture(draw(menu.value, layers))
    follow([menu, slider], shown, draw)
    return box([menu, slider, shown], static)


def paths(dilations: Sequence[int], kernel: int = 3) -> np.ndarray:
    """Along one axis: on how many paths each pixel reaches the middle one.

    With all weights equal a chain is separable: the picture is the outer product of this with itself.

    Args:
        dilations: one for each layer.
        kernel: side of each filter, odd.

    Returns:
        float64 (side of the receptive field,).
    """
    total = np.ones(1)
    for rate in dilations:
        taps = np.zeros((kernel - 1) * rate + 1)
        taps[::rate] = 1
        total = np.convolve(total, taps)
    return total


def _weights(rates: Sequence[int], kernel: int, side: int) -> np.ndarray:
    """The share of each pixel of a (side, side) window, the largest 1; 0: not seen."""
    line = paths(rates, kernel)
    weights = np.pad(np.outer(line, line) / line.max() ** 2, (side - len(line)) // 2)
    return weights


def _facts(rates: Sequence[int], kernel: int) -> tuple[str, str]:
    """Size of the receptive field and what of it is seen; how wide the middle is that holds half of the weight."""
    line = paths(rates, kernel)
    seen, middle = np.count_nonzero(line) / len(line), len(line) // 2
    inside = [(line[middle - reach : middle + reach + 1].sum() / line.sum()) ** 2 for reach in range(middle + 1)]
    half = 2 * int(np.argmax(np.array(inside) >= 0.5)) + 1
    return f"{len(line)}×{len(line)}, {100 * seen**2:.0f} % seen", f"half of the weight: middle {half}×{half}"


def _through(window: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The window as RGB (H, W, 3), blue where nothing is seen, the middle pixel orange."""
    colours = np.repeat(window.clip(0, 1)[..., None], 3, axis=2)
    colours[weights == 0] = (0.35, 0.6, 0.85)
    colours[len(window) // 2, len(window) // 2] = (0.9, 0.4, 0)
    return colours


def _draw_weights(axes: Any, weights: np.ndarray, name: str, note: str) -> Any:
    from matplotlib.colors import LogNorm

    drawn = show(axes, np.ma.masked_equal(weights, 0), name, note, None, None, "viridis")
    drawn.set_norm(LogNorm(LEAST, 1))
    axes.set_facecolor("white")
    return drawn


def _static(window: np.ndarray, chains: Mapping[str, Sequence[int]], kernel: int, title: str | None) -> Figure:
    """All layers of every chain, one beside the other: what is seen above, what it weighs below."""
    weights = {name: _weights(rates, kernel, len(window)) for name, rates in chains.items()}
    widest = max(chains, key=lambda name: len(paths(chains[name], kernel)))
    gaps = [name for name, rates in chains.items() if not paths(rates, kernel).all()]
    found = f"Widest view: {widest}. Gaps: {', '.join(gaps) or 'none'}"
    drawn = image_grid(2, len(chains), window.shape, f"{title}\n{found}" if title else found)
    grid = drawn.subplots(2, len(chains), squeeze=False)
    for column, (name, rates) in enumerate(chains.items()):
        size, half = _facts(rates, kernel)
        show(grid[0, column], _through(window, weights[name]), name, size, 0, 1)
        shown = _draw_weights(grid[1, column], weights[name], "", half)
    _colour_bar(drawn, shown, list(grid[1]))
    foot_note(drawn, f"{kernel}×{kernel} filters, all weights equal; blue or white: not seen; orange: the pixel itself")
    return drawn


def _colour_bar(drawn: Figure, shown: Any, axes: list[Any]) -> None:
    bar = drawn.colorbar(shown, ax=axes, extend="min", shrink=0.85)
    bar.set_label("weight (middle pixel 1)", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def _drawing(
    window: np.ndarray, chains: Mapping[str, Sequence[int]], kernel: int, title: str | None
) -> Callable[[str, int], Snapshot]:
    """What turns a chain and a number of layers into a picture of what is seen and what it weighs."""
    drawn = image_grid(1, 2, window.shape, title, smallest=3.2, room=0.75)
    axes = drawn.subplots(1, 2)
    first = _weights([1], kernel, len(window))
    seen = show(axes[0], _through(window, first), "seen", " \n ", 0, 1)
    weighed = _draw_weights(axes[1], first, "weight", " \n ")
    _colour_bar(drawn, weighed, [axes[1]])
    foot_note(drawn, f"{kernel}×{kernel} filters, all weights equal; blue or white: not seen; orange: the pixel itself")
    redraw = redrawing(drawn)

    def draw(name: str, layers: int) -> Snapshot:
        rates = chains[name][:layers]
        weights = _weights(rates, kernel, len(window))
        size, half = _facts(rates, kernel)
        seen.set_data(_through(window, weights))
        weighed.set_data(np.ma.masked_equal(weights, 0))
        axes[0].set_title("-".join(map(str, rates)))
        axes[0].set_xlabel(f"{len(rates)} of {len(chains[name])} layers\n{size}")
        axes[1].set_xlabel(f"{kernel**2 * len(rates)} weights for one channel\n{half}")
        return redraw()

    return draw

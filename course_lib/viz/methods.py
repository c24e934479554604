"""The picture of all methods: each denoised image with its difference map below it, several to a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from course_lib import metrics
from course_lib._checks import check_count, check_number
from course_lib.viz.figures import column_width, fitting, foot_note, image_grid, show, show_difference, wrapped
from course_lib.viz.windows import grey, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST, LEAST = 2.2, 1.5  # inches: the longest side of an image; the width that its scores need


def method_panel(
    clean: np.ndarray,
    pictures: Mapping[str, np.ndarray],
    *,
    columns: int = 5,
    difference_range: float | None = None,
    window: tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Clean, then what the methods began with (noisy, zero-filled), then every method.

    `viz.panel` is the same for one row of few methods.

    Args:
        clean: (H, W).
        pictures: {name: (H, W)}, first what the methods began with.
        columns: how many pictures stand in a row.
        difference_range: the difference maps run from -difference_range to +difference_range; by default 99.5 % of the
            pixels of the methods' images fit in.
        window: (low, high), the values that are black and white; default (0, 1).
        title: of the figure.

    Returns:
        The figure.
    """
    grey_window = grey(window, 1.0)
    columns = min(check_count(columns, "columns"), 1 + len(pictures))
    columns = fitting(1 + len(pictures), columns, LEAST)
    differences = {name: image - clean for name, image in pictures.items()}
    if difference_range is None:
        sizes = np.abs([*differences.values()][1:])
        # an exact answer differs nowhere: any range shows it white
        difference_range = float(np.quantile(sizes, 0.995) or sizes.max()) or 1.0
    limit = check_number(difference_range, "difference_range", low=0, above=True)

    bands = math.ceil((1 + len(pictures)) / columns)
    drawn = image_grid(2 * bands, columns, clean.shape, title, smallest=SMALLEST, least=LEAST, room=0.35)
    width = column_width(columns, clean.shape, SMALLEST, LEAST)
    grid = drawn.subplots(2 * bands, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    maps = []
    for place, name in enumerate(["clean", *pictures]):
        band, column = divmod(place, columns)
        above, below = grid[2 * band : 2 * band + 2, column]
        above.set_axis_on()
        if name == "clean":
            show(above, clean, name, f"{clean.shape[0]} × {clean.shape[1]} pixels", *grey_window)
            continue
        image, difference = pictures[name], differences[name]
        score = _score(image if name == "noisy" else np.clip(image, 0, 1), clean)
        show(above, image, wrapped(name, width), score, *grey_window)
        below.set_axis_on()
        shown = show_difference(below, difference, "", f"mean {difference.mean():+.1g}", limit)
        below.set_label(f"{name} - clean")
        maps.append(below)
    beyond = any(np.abs(difference).max() > limit for difference in differences.values())
    extend = "both" if beyond else "neither"
    bar = drawn.colorbar(shown, ax=grid, extend=extend, shrink=0.5, aspect=40, fraction=0.02, pad=0.01)
    bar.set_label("difference (data range 1)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    clipped = "noisy as it is, denoised clipped to [0, 1]" if "noisy" in pictures else "magnitudes clipped to [0, 1]"
    note = f"below each image its difference from the clean one; PSNR (dB) and SSIM (Wang 2004): {clipped}"
    foot_note(drawn, said(note, grey_window, 1.0))
    return drawn


def _score(image: np.ndarray, target: np.ndarray) -> str:
    if np.array_equal(image, target):
        return "identical"
    image, target = image.astype(np.float64), target.astype(np.float64)
    text = f"{float(metrics.psnr(image, target, data_range=1)):.2f} dB"
    if min(target.shape) >= 11:
        text += f" / {float(metrics.ssim(image, target, data_range=1)):.3f}"
    return text

"""Panels of images: noisy, denoised, and what was taken away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from course_lib import metrics
from course_lib._checks import AnyArray, check_number
from course_lib.viz.figures import (
    colour_bar,
    column_names,
    foot_note,
    image_grid,
    picture,
    show,
    show_difference,
    size_note,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SSIM_WINDOW = 11  # pixels: smaller images have no SSIM


def panel(
    clean: AnyArray,
    noisy: AnyArray,
    denoised: AnyArray | Mapping[str, AnyArray],
    *,
    data_range: float = 1.0,
    titles: Sequence[str] | None = None,
    difference_range: float | None = None,
    title: str | None = None,
) -> Figure:
    """Clean, noisy and denoised image beside the difference map (denoised - clean), PSNR and SSIM under each.

    In a difference map white is exact, blue too dark, red too bright. Denoised images are clipped to [0, data_range]
    before they are scored (the noisy one is not), but shown and subtracted as they are. SSIM is that of Wang et al.
    2004 (11 x 11 Gaussian window).

    Args:
        clean, noisy: one image each, shapes see `viz`.
        denoised: one image, or a dict {method: image}: then all methods stand in one row, and the difference maps of
            the noisy image and of each method in the row below, on one scale.
        data_range: grey runs from 0 to it.
        titles: replaces the names of the columns: 4 for one image, 2 + the number of methods for a dict.
        difference_range: the map runs from -difference_range to +difference_range; by default 99.5 % of the pixels of
            the denoised images fit in, and the rest saturate.
        title: the place to state the finding.

    Returns:
        The figure.

    Raises:
        TypeError, ValueError: what is no image, images of unequal size, NaN, or a wrong number of titles.

    Lab: 00 and later.
    """
    data_range = check_number(data_range, "data_range", low=0, above=True)
    several = isinstance(denoised, Mapping)
    methods = dict(denoised) if several else {"denoised": denoised}
    if not methods:
        raise ValueError("denoised: expected at least one image, got an empty dict")
    target = picture(clean, "clean")
    images = [picture(noisy, "noisy", target)]
    images += [picture(image, str(name), target) for name, image in methods.items()]
    names = ["clean", "noisy", *map(str, methods)] + ([] if several else ["difference (denoised - clean)"])
    names = column_names(titles, names)

    differences = [image - target for image in images]
    if difference_range is None:
        sizes = np.abs(differences[1:])
        # an exact answer differs nowhere: any range shows it white
        difference_range = float(np.quantile(sizes, 0.995) or sizes.max()) or data_range
    limit = check_number(difference_range, "difference_range", low=0, above=True)

    drawn = image_grid(2 if several else 1, len(names), target.shape, title)
    grid = drawn.subplots(2 if several else 1, len(names), squeeze=False)
    show(grid[0, 0], target, names[0], size_note(target), 0, data_range)
    for column, image in enumerate(images, start=1):
        score = _score(image, target, data_range, clip=column > 1)
        show(grid[0, column], image, names[column], score, 0, data_range)

    if several:
        grid[1, 0].set_axis_off()
        maps, headings = list(grid[1, 1:]), [f"{name} - {names[0]}" for name in names[1:]]
    else:
        maps, headings, differences = [grid[0, 3]], names[3:], differences[1:]
    for axes, difference, heading in zip(maps, differences, headings, strict=True):
        largest = difference.flat[np.abs(difference).argmax()]
        note = f"largest {largest:+.2g}, mean {difference.mean():+.1g}"
        shown = show_difference(axes, difference, heading, note, limit)
    colour_bar(drawn, shown, maps, data_range, saturated=bool(np.abs(differences).max() > limit))
    later = "denoised" if titles is None else "the others"
    scored = f"PSNR and SSIM (Wang 2004): {names[1]} as it is, {later} clipped to [0, {data_range:g}]"
    foot_note(drawn, scored)
    return drawn


def gallery(
    images: Sequence[AnyArray] | AnyArray,
    *,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    title: str | None = None,
    data_range: float = 1.0,
) -> Figure:
    """A grid of images, on one grey scale.

    Args:
        images: a sequence (their sizes may differ) or one array (N, H, W) or (N, 1, H, W); masks (bool) are welcome.
        columns: at most 8 by default.
        titles: a name for each image.
        title: of the figure.
        data_range: all share one grey scale from 0 (black) to data_range (white).

    Returns:
        The figure.

    Raises:
        TypeError, ValueError: an empty sequence, what is no image, NaN, or a wrong number of titles.

    Lab: 00 and later.
    """
    data_range = check_number(data_range, "data_range", low=0, above=True)
    pictures = [picture(image, f"images[{index}]") for index, image in enumerate(images)]
    if not pictures:
        raise ValueError("images: expected at least one image, got none")
    columns = min(len(pictures), 8) if columns is None else columns
    if not isinstance(columns, int) or columns < 1:
        raise ValueError(f"columns: expected a whole number of at least 1, got {columns!r}")
    names = column_names(titles, [""] * len(pictures))
    rows = math.ceil(len(pictures) / columns)
    largest = np.max([image.shape for image in pictures], axis=0)
    drawn = image_grid(rows, columns, largest, title, smallest=1.1, room=0.35 if titles else 0.1)
    places = drawn.subplots(rows, columns, squeeze=False).ravel()
    for axes, image, name in zip(places, pictures, names, strict=False):
        show(axes, image, name, "", 0, data_range)
    for axes in places[len(pictures) :]:
        axes.set_axis_off()
    sizes = {size_note(image) for image in pictures}
    foot_note(drawn, f"each {sizes.pop()}" if len(sizes) == 1 else "sizes differ")
    return drawn


def _score(image: np.ndarray, target: np.ndarray, data_range: float, *, clip: bool) -> str:
    image = np.clip(image, 0, data_range) if clip else image
    if np.array_equal(image, target):
        return "identical"
    image, target = image.astype(np.float64), target.astype(np.float64)
    text = f"PSNR {float(metrics.psnr(image, target, data_range=data_range)):.2f} dB"
    if min(target.shape) >= SSIM_WINDOW:
        text += f", SSIM {float(metrics.ssim(image, target, data_range=data_range)):.3f}"
    return text

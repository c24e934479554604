"""Panels of images: noisy, denoised, and what was taken away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib import metrics
from course_lib._checks import AnyArray, check_number
from course_lib.viz.figures import (
    colour_bar,
    column_names,
    column_width,
    fitting,
    foot_note,
    image_grid,
    image_size,
    picture,
    show,
    show_difference,
    size_note,
    wrapped,
)
from course_lib.viz.windows import grey, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SSIM_WINDOW = 11  # pixels: smaller images have no SSIM
SMALLEST, LEAST = 2.4, 2.05  # inches: the longest side of an image; the width that its scores need


def panel(
    clean: AnyArray,
    noisy: AnyArray,
    denoised: AnyArray | Mapping[str, AnyArray],
    *,
    data_range: float = 1.0,
    titles: Sequence[str] | None = None,
    difference_range: float | None = None,
    window: tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Clean, noisy and denoised image beside the difference map (denoised - clean), PSNR and SSIM under each.

    In a difference map white is exact, blue too dark, red too bright. Denoised images are clipped to [0, data_range]
    before they are scored (the noisy one is not), but shown and subtracted as they are. SSIM is that of Wang et al.
    2004 (11 x 11 Gaussian window).

    Args:
        clean, noisy: one image each (for shapes see `viz`).
        denoised: one image, or a dict {method: image}: then the methods stand side by side, in more rows where one
            does not hold them, and right below each, and below the noisy image, its difference map, on one scale.
        data_range: of the scores; grey runs from 0 to it.
        titles: replaces the names of the columns: 4 for one image, 2 + the number of methods for a dict.
        difference_range: the map runs from -difference_range to +difference_range; by default 99.5 % of the pixels of
            the denoised images fit in, and the rest saturate.
        window: (low, high), the values that are black and white; `viz.window(clean)` fits it to a head.
        title: the place to state the finding.

    Returns:
        The figure.

    Raises:
        TypeError, ValueError: what is no image, images of unequal size, NaN, or a wrong number of titles.

    Lab: 00 and later.
    """
    data_range = check_number(data_range, "data_range", low=0, above=True)
    grey_window = grey(window, data_range)
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

    columns = fitting(len(names), len(names), LEAST)
    bands = math.ceil(len(names) / columns)
    drawn = image_grid((2 if several else 1) * bands, columns, target.shape, title, smallest=SMALLEST, least=LEAST)
    width = column_width(columns, target.shape, SMALLEST, LEAST)
    places = _places(drawn, bands, columns, len(names), several=several)
    show(places[0][0], target, wrapped(names[0], width), size_note(target), *grey_window)
    for (above, _), image, name in zip(places[1:], images, names[1:], strict=False):
        score = _score(image, target, data_range, clip=image is not images[0])
        show(above, image, wrapped(name, width), score, *grey_window)

    below = [place for _, place in places[1:]] if several else [places[3][0]]
    headings = [f"{name} - {names[0]}" for name in names[1:]] if several else names[3:]
    for axes, difference, heading in zip(below, differences if several else differences[1:], headings, strict=True):
        largest = difference.flat[np.abs(difference).argmax()]
        note = f"largest {largest:+.2g}, mean {difference.mean():+.1g}"
        shown = show_difference(axes, difference, wrapped(heading, width), note, limit)
    colour_bar(drawn, shown, below, data_range, saturated=bool(np.abs(differences).max() > limit))
    later = "denoised" if titles is None else "the others"
    scored = f"PSNR and SSIM (Wang 2004): {names[1]} as it is, {later} clipped to [0, {data_range:g}]"
    foot_note(drawn, said(scored, grey_window, data_range))
    return drawn


def _places(drawn: Figure, bands: int, columns: int, count: int, *, several: bool) -> list[tuple[Any, Any]]:
    """For each image its axes and those of its difference map, which stands right below it."""
    rows = 2 if several else 1
    grid = drawn.subplots(rows * bands, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    places = []
    for index in range(count):
        band, column = divmod(index, columns)
        above, below = grid[rows * band, column], grid[rows * band + rows - 1, column]
        above.set_axis_on()
        if index:  # the clean image differs from itself nowhere
            below.set_axis_on()
        places.append((above, below))
    return places


def gallery(
    images: Sequence[AnyArray] | AnyArray,
    *,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    title: str | None = None,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
) -> Figure:
    """A grid of images, on one grey scale.

    Args:
        images: a sequence (their sizes may differ) or one array (N, H, W) or (N, 1, H, W); masks (bool) are welcome.
        columns: at most so many stand in a row; 8 by default, and fewer where the page does not hold them.
        titles: a name for each image.
        title: of the figure.
        data_range: all share one grey scale from 0 (black) to data_range (white).
        window: (low, high), another scale; `viz.window(image)` fits it to a head.

    Returns:
        The figure.

    Raises:
        TypeError, ValueError: an empty sequence, what is no image, NaN, or a wrong number of titles.

    Lab: 00 and later.
    """
    data_range = check_number(data_range, "data_range", low=0, above=True)
    grey_window = grey(window, data_range)
    pictures = [picture(image, f"images[{index}]") for index, image in enumerate(images)]
    if not pictures:
        raise ValueError("images: expected at least one image, got none")
    asked, columns = columns, min(len(pictures), 8) if columns is None else columns
    if not isinstance(columns, int) or columns < 1:
        raise ValueError(f"columns: expected a whole number of at least 1, got {columns!r}")
    names = column_names(titles, [""] * len(pictures))
    largest = np.max([image.shape for image in pictures], axis=0)
    # who asks for many columns wants small pictures; a name of two lines needs half of its length
    size = (0.8 if asked is None else 0.5) * image_size(largest, 1.1)[0]
    text = max(max(0.034 * len(name), *(0.065 * len(word) for word in [*name.split(), ""])) for name in names)
    columns = fitting(len(pictures), columns, max(size, text, 0.5))
    rows = math.ceil(len(pictures) / columns)
    width = column_width(columns, largest, 1.1, text)
    names = [wrapped(name, width) for name in names]
    lines = max(name.count("\n") for name in names)
    room = 0.35 + 0.14 * lines if titles else 0.1
    drawn = image_grid(rows, columns, largest, title, smallest=1.1, least=text, room=room)
    places = drawn.subplots(rows, columns, squeeze=False).ravel()
    for axes, image, name in zip(places, pictures, names, strict=False):
        show(axes, image, name, "", *grey_window)
    for axes in places[len(pictures) :]:
        axes.set_axis_off()
    sizes = {size_note(image) for image in pictures}
    foot_note(drawn, said(f"each {sizes.pop()}" if len(sizes) == 1 else "sizes differ", grey_window, data_range))
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

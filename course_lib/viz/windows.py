"""The grey window: from which value to which an image is drawn from black to white. Public in `viz`."""

from __future__ import annotations

import math

import numpy as np

from course_lib._checks import AnyArray, check_number
from course_lib.viz.figures import picture

Window = tuple[float, float]

_AIR = 0.05  # of the largest value: what lies below is air, and would drag the percentile down


def window(image: AnyArray, *, data_range: float = 1.0) -> Window:
    """The grey window that fits a head: from 0 to the value that 99.5 % of its pixels stay below.

    A head whose brightest tissue is 0.7 is drawn too dark on a scale from 0 to 1. Hand the window to `panel`, `gallery`
    or a slider: it changes what is seen, and no score and no difference map.

    Args:
        image: one image without noise (for shapes see `viz`); what lies below a twentieth of its largest value is air.
        data_range: the window is rounded up to a twentieth of it, and never ends above it.

    Returns:
        (low, high).

    Raises:
        TypeError, ValueError: what is no image.

    Lab: 02 and later.
    """
    data_range = check_number(data_range, "data_range", low=0, above=True)
    pixels = picture(image, "image")
    head = pixels[pixels > _AIR * pixels.max()]
    if not head.size:
        return 0.0, data_range
    step = data_range / 20
    high = math.ceil(float(np.quantile(head, 0.995)) / step - 1e-6) * step
    return 0.0, round(min(max(high, step), data_range), 10)


def grey(given: tuple[float, float] | None, data_range: float) -> Window:
    """The window that is drawn, checked: what was given, else all of the data range."""
    if given is None:
        return 0.0, data_range
    if len(given) != 2:
        raise ValueError(f"window: expected (low, high), got {given!r}")
    low, high = (check_number(value, "window") for value in given)
    if low >= high:
        raise ValueError(f"window: expected low below high, got ({low:g}, {high:g})")
    return low, high


def said(text: str, window: Window, data_range: float) -> str:
    """Small print, with the window where it is not the whole data range."""
    if window == (0.0, data_range):
        return text
    return "; ".join(filter(None, [text, f"shown from {window[0]:g} (black) to {window[1]:g} (white)"]))

"""What a figure says, in words: its alternative text, for who hears a page instead of seeing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 1500  # characters: who listens cannot skim


def describe(drawn: Figure) -> str:
    """The title and the numbers of a figure: notes under its images, both ends of its curves, heights of its bars.

    Args:
        drawn: the figure.

    Returns:
        One line of text, empty for a figure that says nothing.
    """
    parts = [_line(line) for line in drawn.get_suptitle().split("\n")]
    for axes in drawn.axes:
        if axes.get_label() != "<colorbar>" and axes.axison:
            parts += _of_images(axes) if axes.images else _of_curves(axes)
    sentences = dict.fromkeys(part.rstrip(".") for part in parts if part)
    whole = " ".join(part if part[-1] in "?!" else f"{part}." for part in sentences if part).removesuffix(".")
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 2].rsplit(" ", 1)[0] + " …"


def _of_images(axes: Axes) -> list[str]:
    # a map without a heading says what it is in its label, which is not drawn
    heading = _line(axes.get_title()) or _line(str(axes.get_label()))
    return [": ".join(filter(None, [heading, _line(axes.get_xlabel())]))]


def _of_curves(axes: Axes) -> list[str]:
    along, up = _line(axes.get_xlabel()), _line(axes.get_ylabel())
    heading = ": ".join(filter(None, [_line(axes.get_title()), f"{up} over {along}" if along and up else up or along]))
    named = {container.get_label(): container for container in axes.containers}
    curves = {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    told = [f"{name}: {_ends(line)}" for name, line in curves.items()]
    for name, container in named.items():
        label = "" if str(name).startswith("_") else f"{name}: "
        if hasattr(container, "patches"):
            told.append(label + _bars(axes, container))
        elif label:  # error bars: the first part is the line of the means
            told.append(label + _ends(container[0]))
    return [heading + (": " if heading and told else "") + "; ".join(filter(None, told))]


def _ends(line: Any) -> str:
    """Both ends of a curve; a straight mark across the axes has one number."""
    x, y = (_numbers(values) for values in (line.get_xdata(), line.get_ydata()))
    if not len(y) or x.dtype == object or y.dtype == object:
        return "no points"
    if len(y) == 2 and x.tolist() == [0, 1] and y[0] == y[1]:
        return f"{y[0]:.4g} everywhere"
    if len(x) == 2 and x[0] == x[1]:
        return f"at {x[0]:.4g}"
    if len(y) == 1:
        return f"{y[0]:.4g} at {x[0]:.4g}"
    return f"from {y[0]:.4g} at {x[0]:.4g} to {y[-1]:.4g} at {x[-1]:.4g}"


def _bars(axes: Axes, container: Any) -> str:
    """The heights of bars with the names under them; of a histogram, which has too many, only where it is highest."""
    bars = list(container.patches)
    flat = getattr(container, "orientation", "vertical") == "horizontal"
    sizes = [bar.get_width() if flat else bar.get_height() for bar in bars]
    if not 1 <= len(bars) <= 12:
        return f"highest at {_middle(bars[int(np.argmax(sizes))], flat):.4g}" if bars else ""
    axis = axes.yaxis if flat else axes.xaxis
    names = dict(zip(axis.get_ticklocs(), (_line(label.get_text()) for label in axis.get_ticklabels()), strict=False))
    told = []
    for bar, size in zip(bars, sizes, strict=True):
        near = [name for place, name in names.items() if name and abs(place - _middle(bar, flat)) < 0.5]
        told.append(f"{near[0]} {size:.4g}" if near else f"{size:.4g}")
    return ", ".join(told)


def _middle(bar: Any, flat: bool) -> float:
    start, length = (bar.get_y(), bar.get_height()) if flat else (bar.get_x(), bar.get_width())
    return float(start + length / 2)


def _numbers(values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return np.asarray(values, dtype=object)  # names along an axis


def _line(text: str) -> str:
    return " ".join(text.replace("$", "").split())

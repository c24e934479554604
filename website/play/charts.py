"""Small drawings in SVG: axes with a few ticks, and the path of a curve. JavaScript moves what has a slot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple


class Axes(NamedTuple):
    """A drawing of `width` × `height` units, and the values that stand at the ends of its axes."""

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 30
    right: float = 8
    top: float = 10
    bottom: float = 36

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the data lies in the drawing."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(self.left + across * (self.width - self.left - self.right), 1),
            round(self.height - self.bottom - up * (self.height - self.top - self.bottom), 1),
        )

    def curve(self, points: Iterable[tuple[float, float]], *, filled: bool = False) -> str:
        """The path through these points; filled, it ends on the axis."""
        places = [self.place(x, min(y, self.y[1])) for x, y in points]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
        return f"{path}V{self.height - self.bottom:g}H{places[0][0]:g}Z" if filled else path

    def steps(self, edges: Sequence[float], heights: Sequence[float]) -> str:
        """The outline of a histogram."""
        first, ground = self.place(edges[0], 0)
        path = [f"M{first:g} {ground:g}"]
        for high, height in zip(edges[1:], heights, strict=True):
            across, up = self.place(high, height)
            path.append(f"V{up:g}H{across:g}")
        return "".join(path) + f"V{ground:g}Z"

    def shift(self, x: float, y: float | None = None) -> str:
        """The transform that brings a dot at the origin to a point; without y, a standing line to its place."""
        across, up = self.place(x, self.y[0] if y is None else y)
        return f"translate({across:g} {up:g})" if y is not None else f"translate({across:g} 0)"


def chart(
    axes: Axes,
    body: Sequence[str],
    *,
    slot: str,
    alternative: str,
    across: Mapping[float, str],
    up: Mapping[float, str] | None = None,
    name: str = "",
    up_name: str = "",
) -> str:
    """An SVG with its frame, ticks and the names of its axes; `alternative` says in words what it shows."""
    left, right = axes.left, axes.width - axes.right
    low, high = axes.height - axes.bottom, axes.top
    side = f"M{left:g} {high:g}V{low:g}" if up else f"M{left:g} {low:g}"
    parts = [f'<path class="play-axis" d="{side}H{right:g}"/>']
    for value, text in across.items():
        x = axes.place(value, axes.y[0])[0]
        parts.append(f'<path class="play-axis" d="M{x:g} {low:g}v4"/>')
        parts.append(f'<text x="{x:g}" y="{low + 16:g}" text-anchor="middle">{escape(text)}</text>')
    for value, text in (up or {}).items():
        y = axes.place(axes.x[0], value)[1]
        parts.append(f'<path class="play-axis" d="M{left:g} {y:g}h-4"/>')
        parts.append(f'<text x="{left - 7:g}" y="{y + 4:g}" text-anchor="end">{escape(text)}</text>')
    parts.append(f'<text x="{(left + right) / 2:g}" y="{axes.height - 4:g}" text-anchor="middle">{escape(name)}</text>')
    if up_name:
        parts.append(f'<text x="0" y="11">{escape(up_name)}</text>')
    return (
        f'<svg class="play-chart" viewBox="0 0 {axes.width:g} {axes.height:g}" role="img" data-slot="{slot}"'
        f' aria-label="{escape(alternative)}">' + "".join([*parts, *body]) + "</svg>"
    )


def standing(kind: str, transform: str, axes: Axes) -> str:
    """A line that stands on the axis."""
    line = f'<path class="play-line {kind}" d="M0 {axes.top:g}V{axes.height - axes.bottom:g}"/>'
    return f'<g transform="{transform}">{line}</g>'


def mark(slot: str, kind: str, transform: str, axes: Axes) -> str:
    """A standing line, moved by its slot."""
    return standing(kind, transform, axes).replace("<g ", f'<g data-slot="{slot}" ', 1)


def dot(slot: str, kind: str, transform: str) -> str:
    """A dot, moved by its slot."""
    radius = 8 if "hollow" in kind else 5
    return f'<g data-slot="{slot}" transform="{transform}"><circle class="play-dot {kind}" r="{radius}"/></g>'

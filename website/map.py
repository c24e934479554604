"""The map of what needs what: labs in layers, an arrow from each to those that build on it, lectures as round numbers.

Drawn as SVG in the page, so that its links work, its text can be found, and its colours are the page's own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from course_staff.authoring.head import listed
from website import dependencies
from website.dependencies import Edge, Place
from website.lab_facts import LabFacts

Lectures = Mapping[str, tuple[str, str]]

WIDE, NARROW, PASSING = 460, 184, 10  # widths of a lab alone in its layer, of one among others, of a passing arrow
HIGH = {WIDE: 42, NARROW: 86}
BETWEEN, BELOW = 16, 42  # beside each other, and from layer to layer
APART = 22  # arrows of one lab
LETTERS = {WIDE: 60, NARROW: 23}  # in a line of a title
LINE = 17
PILL, STEP = (30, 24), 34  # of a lecture's number, and from one to the next


@dataclass(frozen=True)
class Box:
    """Where a lab stands, or an arrow passes. left, top, width, height in dots."""

    left: float
    top: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.left + self.width / 2

    @property
    def bottom(self) -> float:
        return self.top + self.height


def draw(labs: Sequence[LabFacts], lectures: Lectures) -> str:
    """The map as SVG, and the same in words as a list, which a narrow screen shows in its place."""
    needs = {lab.number: lab.card.labs for lab in labs}
    boxes, size = _placed(dependencies.rows(needs))
    nodes = [_node(lab, boxes[lab.number, None], lectures) for lab in labs]
    return "\n".join(
        [
            '<div class="course-map">',
            "<p>An arrow leads from a lab to those that build on it. The round numbers are its lectures.</p>",
            f'<svg viewBox="0 0 {size[0]:g} {size[1]:g}" width="{size[0]:g}" height="{size[1]:g}" role="group"'
            ' aria-label="Which lab builds on which">',
            '<defs><marker id="course-map-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
            ' orient="auto"><path d="M0 0.5 L7.5 4 L0 7.5 Z"/></marker></defs>',
            '<g class="course-map-arrows" aria-hidden="true">',
            *_arrows(needs, boxes),
            "</g>",
            *nodes,
            "</svg>",
            "</div>",
            '<ul class="course-map-list">',
            *(f"<li>{_words(lab, lectures)}</li>" for lab in labs),
            "</ul>",
        ]
    )


def _placed(rows: list[list[Place]]) -> tuple[dict[tuple[Place, int | None], Box], tuple[float, float]]:
    """The box of each lab, and of each arrow in each layer that it passes; the size of all."""
    boxes: dict[tuple[Place, int | None], Box] = {}
    widths = [[_width(place, row) for place in row] for row in rows]
    whole = max((sum(row) + BETWEEN * (len(row) - 1) for row in widths), default=0) + 2
    top = 1.0
    for number, (row, wide) in enumerate(zip(rows, widths, strict=True)):
        left = (whole - sum(wide) - BETWEEN * (len(row) - 1)) / 2
        height = max(HIGH.get(width, 0) for width in wide)
        for place, width in zip(row, wide, strict=True):
            boxes[place, number if isinstance(place, tuple) else None] = Box(left, top, width, height)
            left += width + BETWEEN
        top += height + BELOW
    return boxes, (whole, top - BELOW + 1)


def _width(place: Place, row: list[Place]) -> int:
    return PASSING if isinstance(place, tuple) else WIDE if len(row) == 1 else NARROW


def _arrows(needs: dependencies.Needs, boxes: Mapping[tuple[Place, int | None], Box]) -> list[str]:
    """One path for each lab that another builds on directly."""
    level = dependencies.layers(needs)
    stops = {
        edge: [
            boxes[edge[0], None],
            *(boxes[edge, layer] for layer in range(level[edge[0]] + 1, level[edge[1]])),
            boxes[edge[1], None],
        ]
        for edge in dependencies.direct(needs)
    }
    begin = _apart({edge: (edge[0], boxes[1].middle) for edge, boxes in stops.items()})
    end = _apart({edge: (edge[1], boxes[-2].middle) for edge, boxes in stops.items()})
    return [_arrow(edge, boxes, begin[edge], end[edge]) for edge, boxes in stops.items()]


def _apart(arrows: Mapping[Edge, tuple[str, float]]) -> dict[Edge, float]:
    """How far from the middle of its lab each arrow begins or ends, so that those of a lab lie beside each other.

    arrows: of each the lab, and where on the page it leads to or comes from.
    """
    found: dict[Edge, float] = {}
    for lab in {lab for lab, _ in arrows.values()}:
        mine = sorted((edge for edge in arrows if arrows[edge][0] == lab), key=lambda edge: arrows[edge][1])
        found |= {edge: (place - (len(mine) - 1) / 2) * APART for place, edge in enumerate(mine)}
    return found


def _arrow(edge: Edge, stops: Sequence[Box], begin: float, end: float) -> str:
    x, y = stops[0].middle + begin, stops[0].bottom
    path = [f"M{x:g} {y:g}"]
    for box in stops[1:]:
        to = box.middle + (end if box is stops[-1] else 0)
        bend = (box.top - y) * 0.55
        path.append(f"C{x:g} {y + bend:g} {to:g} {box.top - bend:g} {to:g} {box.top:g}")
        x, y = to, box.bottom
        if box is not stops[-1]:
            path.append(f"V{y:g}")
    return f'<path data-from="{edge[0]}" data-to="{edge[1]}" d="{" ".join(path)}" marker-end="url(#course-map-tip)"/>'


def _node(lab: LabFacts, box: Box, lectures: Lectures) -> str:
    alone = box.width == WIDE  # then all stands in one line, else lectures stand below the title
    left, first = box.left + 14, box.top + (box.height / 2 + 5 if alone else 24)
    lines = [escape(line) for line in textwrap.wrap(f"{lab.number} {lab.topic}", LETTERS[round(box.width)])]
    lines[0] = f'<tspan class="course-map-number">{lab.number}</tspan>{lines[0].removeprefix(lab.number)}'
    spans = [f'<tspan x="{left:g}" y="{first + LINE * row:g}">{line}</tspan>' for row, line in enumerate(lines)]
    pills = len(lab.card.lectures) * STEP
    begin, top = (box.left + box.width - 6 - pills, box.top + 9) if alone else (left, box.bottom - PILL[1] - 8)
    at = f'x="{box.left:g}" y="{box.top:g}" height="{box.height:g}"'
    links = [_pill(number, begin + place * STEP, top, lectures) for place, number in enumerate(lab.card.lectures)]
    return "\n".join(
        [
            f'<g class="course-map-lab course-{lab.card.level}">',
            f'<a href="{lab.page}" aria-label="{escape(_told(lab))}"><rect {at} width="{box.width:g}" rx="6"/>',
            f'<rect class="course-map-level" {at} width="5" rx="2"/>',
            f"<text>{''.join(spans)}</text></a>",
            *links,
            "</g>",
        ]
    )


def _pill(number: str, left: float, top: float, lectures: Lectures) -> str:
    page, title = lectures[number]
    return (
        f'<a class="course-map-lecture" href="{page}" aria-label="{escape(_lecture(number, title))}">'
        f"<title>{escape(_lecture(number, title))}</title>"
        f'<rect x="{left:g}" y="{top:g}" width="{PILL[0]}" height="{PILL[1]}" rx="{PILL[1] / 2:g}"/>'
        f'<text x="{left + PILL[0] / 2:g}" y="{top + 16:g}" text-anchor="middle">{number}</text></a>'
    )


def _words(lab: LabFacts, lectures: Lectures) -> str:
    links = [
        f'<a href="{lectures[number][0]}" title="{escape(_lecture(number, lectures[number][1]))}">{number}</a>'
        for number in lab.card.lectures
    ]
    parts = [f"after {listed(lab.card.labs)}" if lab.card.labs else "begin here"]
    if links:
        parts.append(f"{'lecture' if len(links) == 1 else 'lectures'} {listed(links)}")
    return f'<a href="{lab.page}">{escape(lab.title)}</a>: {"; ".join(parts)}'


def _told(lab: LabFacts) -> str:
    """A lab and what it builds on, for who hears the map."""
    return lab.title + (f", after {listed(lab.card.labs)}" if lab.card.labs else ", begin here")


def _lecture(number: str, title: str) -> str:
    return title if title.startswith("Lecture") else f"Lecture {number}: {title}"

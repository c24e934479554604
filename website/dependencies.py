"""Which lab needs which: without the needs that follow from others, in layers, and in an order with few crossings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Edge = tuple[str, str]
Needs = Mapping[str, Sequence[str]]
Place = str | Edge  # a lab, or where an edge passes through a layer on its way to a later one


def direct(needs: Needs) -> list[Edge]:
    """From each lab to those that need it, but not where another need implies this one."""
    before = _before(needs)
    return [
        (first, lab) for lab in needs for first in needs[lab] if not any(first in before[other] for other in needs[lab])
    ]


def layers(needs: Needs) -> dict[str, int]:
    """How many labs the longest way to each lab has."""
    found: dict[str, int] = {}

    def layer(lab: str) -> int:
        if lab not in found:
            found[lab] = 1 + max((layer(first) for first in needs[lab]), default=-1)
        return found[lab]

    return {lab: layer(lab) for lab in needs}


def rows(needs: Needs, sweeps: int = 8) -> list[list[Place]]:
    """The labs of each layer from left to right. An edge over several layers has a place of its own in each between."""
    level = layers(needs)
    order: list[list[Place]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for lab in needs:
        order[level[lab]].append(lab)
    for edge in direct(needs):
        for between in range(level[edge[0]] + 1, level[edge[1]]):
            order[between].append(edge)
    steps = [step for edge in direct(needs) for step in passes(edge, level)]
    best = [list(row) for row in order]
    for sweep in range(sweeps):
        down = sweep % 2 == 0
        for row in order if down else reversed(order):
            _sort(row, order, steps, down)
        if crossings(order, steps) < crossings(best, steps):
            best = [list(row) for row in order]
    return best


def passes(edge: Edge, level: Mapping[str, int]) -> list[tuple[Place, Place, int]]:
    """An edge as steps from one layer to the next: from, to, and the layer that it leaves."""
    first, last = level[edge[0]], level[edge[1]]
    stops: list[Place] = [edge[0], *[edge] * (last - first - 1), edge[1]]
    return [(here, there, first + number) for number, (here, there) in enumerate(zip(stops, stops[1:], strict=False))]


def crossings(order: list[list[Place]], steps: list[tuple[Place, Place, int]]) -> int:
    """How often two steps between the same layers cross."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for here, there, layer in steps:
        spans.setdefault(layer, []).append((order[layer].index(here), order[layer + 1].index(there)))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0 for span in spans.values() for i, a in enumerate(span) for b in span[:i]
    )


def _sort(row: list[Place], order: list[list[Place]], steps: list[tuple[Place, Place, int]], down: bool) -> None:
    """Each place goes to the middle of those that it is joined to in the layer above (or below)."""
    number = next(number for number, other in enumerate(order) if other is row)
    near: dict[Place, list[float]] = {}
    for here, there, layer in steps:
        if down and layer + 1 == number:
            near.setdefault(there, []).append(_middle(order[layer], here))
        if not down and layer == number:
            near.setdefault(here, []).append(_middle(order[layer + 1], there))
    means = {place: sum(near[place]) / len(near[place]) if place in near else _middle(row, place) for place in row}
    row.sort(key=means.__getitem__)


def _middle(row: list[Place], place: Place) -> float:
    return (row.index(place) + 0.5) / len(row)


def _before(needs: Needs) -> dict[str, set[str]]:
    """All labs that must be done before each one, directly or not."""
    found: dict[str, set[str]] = {}

    def all_before(lab: str) -> set[str]:
        if lab not in found:
            found[lab] = set(needs[lab]).union(*(all_before(first) for first in needs[lab]))
        return found[lab]

    return {lab: all_before(lab) for lab in needs}

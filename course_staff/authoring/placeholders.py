"""What an author writes in double braces, replaced by what the metadata and the card say: no number is typed twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course_staff.authoring.card import Card
    from course_staff.authoring.source import Exercise


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Replace `{{NAME}}`. values: of each name; an empty one takes the blank line below it away too.

    Raises ValueError for another name.
    """

    def value(match: re.Match[str]) -> str:
        name = " ".join(match[1].split())
        if name not in values:
            raise ValueError(f"{match[0]} is none of {', '.join(values)}")
        return values[name]

    for name in (name for name, replacement in values.items() if not replacement):
        text = text.replace("{{" + name + "}}\n\n", "")
    return re.sub(r"\{\{(.+?)\}\}", value, text)


def points_in_words(points: float) -> str:
    """1 -> "1 point", 2.5 -> "2.5 points"."""
    return f"{points:g} point" + ("" if points == 1 else "s")


def exercise_table(found: Sequence[Exercise], card: Card | None = None) -> str:
    """A Markdown table: exercise, points, who checks it; with a card the minutes too, of exercises and of all else."""
    rows = []
    for exercise in found:
        who = "your teacher, by hand" if exercise.by_hand else "the test cell below it"
        minutes = [f"{card.minutes[exercise.name]:g}"] if card else []
        rows.append([f"`{exercise.name}`", f"{exercise.points:g}", *minutes, who])
    points = f"**{sum(exercise.points for exercise in found):g}**"
    if card is None:
        table = [["exercise", "points", "checked by"], ["---"] * 3, *rows, ["**all**", points, ""]]
    else:
        names = [exercise.name for exercise in found]
        rest = {name: minutes for name, minutes in card.minutes.items() if name not in names}
        if rest:
            rows.append([", ".join(name.replace("_", " ") for name in rest), "", f"{sum(rest.values()):g}", ""])
        total = f"**{sum(card.minutes.values()):g}**"
        table = [["exercise", "points", "minutes", "checked by"], ["---"] * 4, *rows, ["**all**", points, total, ""]]
    return "\n".join("|---" * len(row) + "|" if row[0] == "---" else _row(row) for row in table)


def _row(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)

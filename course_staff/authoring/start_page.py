"""The page that JupyterLab opens first: all labs with their times, points and lectures, and how a lab works."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode

from course_staff.authoring import source
from course_staff.authoring.card import Card

START = Path("labs", "START.md")

_PAGE = Path(__file__).with_name("start_page.md")


def start_page(
    labs: dict[str, NotebookNode], lectures: dict[str, NotebookNode], cards: Mapping[str, Card] | None = None
) -> str:
    """The page as Markdown, its links relative to `labs/`. labs, lectures: notebooks by name, in order.

    cards: of labs by name. For a lab without one, its own text says the time, and a lecture's text its labs.
    """
    about = {name: _labs_of(notebook) for name, notebook in lectures.items()}
    headings = ["lab", "time", "points", *(["level"] if cards else []), "lectures"]
    rows = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for name, notebook in labs.items():
        card = (cards or {}).get(name)
        number = name.removeprefix("lab").partition("_")[0]
        points = sum(exercise.points for exercise in source.exercises(notebook, Path(name)))
        wanted = card.lectures if card else [_number(other) for other in about if number in about[other]]
        links = [f"[{_number(other)}](../lectures/{other}.ipynb)" for other in lectures if _number(other) in wanted]
        level = [card.level if card else ""] if cards else []
        time = card.time if card else _time(notebook)
        cells = [f"[{source.title(notebook)}]({name}/{name}.ipynb)", time, f"{points:g}", *level, ", ".join(links)]
        rows.append(f"| {' | '.join(cells)} |")
    listed = [f"- [{source.title(notebook)}](../lectures/{name}.ipynb)" for name, notebook in lectures.items()]
    page = _PAGE.read_text(encoding="utf-8").replace("@LABS@", "\n".join(rows))
    return page.replace("@LECTURES@", "\n".join(listed) or "There are none yet.")


def _number(lecture: str) -> str:
    """Of a lecture by its name: "08b_leaderboard" -> "08b"."""
    return lecture.partition("_")[0]


def _time(lab: NotebookNode) -> str:
    """What the lab itself says: "You need about two hours." -> "two hours"."""
    found = re.search(r"You need about ([^.;,]+)", _texts(lab))
    return found[1] if found else ""


def _labs_of(lecture: NotebookNode) -> set[str]:
    """The numbers of the labs that a lecture says it goes with: "It goes with labs 01 and 02" -> {"01", "02"}."""
    found = re.search(r"goes with labs? ((?:\d+b?(?:, | and )?)+)", _texts(lecture))
    return set(re.findall(r"\d+b?", found[1])) if found else set()


def _texts(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")

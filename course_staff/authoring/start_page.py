"""The page that JupyterLab opens first: all labs with their times, points and lectures, and how a lab works."""

from __future__ import annotations

import re
from pathlib import Path

from nbformat import NotebookNode

from course_staff.authoring import source

START = Path("labs", "START.md")

_PAGE = Path(__file__).with_name("start_page.md")


def start_page(labs: dict[str, NotebookNode], lectures: dict[str, NotebookNode]) -> str:
    """The page as Markdown, its links relative to `labs/`. labs, lectures: notebooks by name, in order."""
    about = {name: _labs_of(notebook) for name, notebook in lectures.items()}
    rows = ["| lab | time | points | lectures |", "|---|---|---|---|"]
    for name, notebook in labs.items():
        number = name.removeprefix("lab").partition("_")[0]
        points = sum(exercise.points for exercise in source.exercises(notebook, Path(name)))
        links = [f"[{other.partition('_')[0]}](../lectures/{other}.ipynb)" for other in about if number in about[other]]
        cells = [f"[{source.title(notebook)}]({name}/{name}.ipynb)", _time(notebook), f"{points:g}", ", ".join(links)]
        rows.append(f"| {' | '.join(cells)} |")
    listed = [f"- [{source.title(notebook)}](../lectures/{name}.ipynb)" for name, notebook in lectures.items()]
    page = _PAGE.read_text(encoding="utf-8").replace("@LABS@", "\n".join(rows))
    return page.replace("@LECTURES@", "\n".join(listed) or "There are none yet.")


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

"""The last cell of every lab: each exercise with its points so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course_lib.student.live import test_of
from course_lib.student.notebook import MY

if TYPE_CHECKING:
    from course_staff.authoring.source import Exercise

_CELL = """\
# How far are you? Run this cell whenever you like: it is quick, and it is never graded.
from course_lib.student import my

my({})"""


def my_cell(exercises: Sequence[Exercise]) -> NotebookNode:
    """The cell, with the points of this lab. Graders skip it like an experiment."""
    given = [f"{item.name}={item.points:g}" for item in exercises if not item.by_hand]
    by_hand = [f'"{item.name}": {item.points:g}' for item in exercises if item.by_hand]
    if by_hand:
        given.append("by_hand={" + ", ".join(by_hand) + "}")
    return new_code_cell(_CELL.format(", ".join(given)), metadata={"tags": [MY, "experiment"]})


def unknown_tests(notebook: NotebookNode, exercises: Sequence[Exercise]) -> list[str]:
    """The exercises whose test the last cell could not tell: it does not end with `print("NAME: right")`."""
    told = {test_of(cell.source) for cell in notebook.cells if cell.cell_type == "code"}
    return [item.name for item in exercises if not item.by_hand and item.name not in told]

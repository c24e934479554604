"""From whatever a student handed in to the cells that are graded: the instructor's tests, the student's answers.

A notebook comes back with ids and metadata lost (Colab, old nbformat), forged or doubled, with cells deleted, moved,
copied or of another type. So a cell is recognised by what it says it is, else by its text, else by the name that it
defines, else by its neighbours (`match.py`). Tests and points are always the instructor's, and so is the lab's own
code; what a student changed in that runs before it, as a cell of the student's own.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from course_staff.marking.lab import GradedCell, Lab, is_experiment
from course_staff.marking.match import Match, match, same_text
from course_staff.marking.notebook import Cell, Rejected, read_cells

__all__ = ["Rejected", "Restored", "restore"]

MAX_OWN = 1_000  # cells of a student's own that are kept: no honest notebook has so many
MAX_SOURCE = 1_000_000  # characters of a cell that runs


@dataclass
class Restored:
    """What is graded, and shown to the student afterwards.

    cells: dicts of nbformat 4.5, in the order in which they run. runs: the ids of those that run. own: the ids of the
    student's own cells, which no answer needs. answers: exercise -> the student's source of it (absent: there is
    none); answer_cells: the ids of the cells in which it stands. untouched: the exercises that were left as they were
    handed out. notes: what was mended, in words.
    """

    cells: list[dict[str, Any]]
    runs: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)
    answer_cells: dict[str, list[str]] = field(default_factory=dict)
    untouched: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def restore(submission: bytes, lab: Lab) -> Restored:
    """Read a submission and put the instructor's tests and points back. Raises Rejected for what is no notebook."""
    cells = read_cells(submission)
    matched = match(cells, lab)
    if not matched.of_lab:
        raise Rejected("nothing of this lab is in the notebook: is it the notebook of another lab?")
    restored = Restored([], notes=matched.notes)
    places = _Places(matched, lab)
    taken = {cell["id"] for cell in lab.cells}
    kept = 0
    names: dict[int, str] = {}  # place in the notebook -> id of the cell that was made of it
    for place, cell in enumerate(matched.cells):
        for test in places.before.get(place, ()):
            _add_lab_cell(restored, lab, test, None)
        number = matched.of_lab.get(place)
        if place in matched.tests:
            continue
        if number is not None:
            if _is_lab_code(lab.cells[number]) and not same_text(cell.source, lab.cells[number]["source"]):
                if cell.source.strip():  # above the lab's cell, whose names then count
                    _add_own_cell(restored, cell, taken, needed=False)
                    restored.notes.append(f"a code cell of the lab was changed: {_first_line(lab.cells[number])}")
            _add_lab_cell(restored, lab, number, cell)
            names[place] = lab.cells[number]["id"]
        elif cell.source.strip():
            needed = place in matched.needed
            kept += not needed
            if needed or kept <= MAX_OWN:
                names[place] = _add_own_cell(restored, cell, taken, needed)
    for test in places.before.get(len(matched.cells), ()):
        _add_lab_cell(restored, lab, test, None)
    if kept > MAX_OWN:
        restored.notes.append(f"{kept} cells of the student's own: only the first {MAX_OWN} were kept")
    for exercise, where in matched.answers.items():
        restored.answer_cells[exercise] = [names[place] for place in where if place in names]
    _say_what_is_answered(restored, matched, lab)
    return restored


def _is_lab_code(cell: dict[str, Any]) -> bool:
    """Is it code of the lab that runs when grading, and that no student is asked to write?"""
    nbgrader = cell["metadata"].get("nbgrader", {})
    mine = not nbgrader.get("solution") and not nbgrader.get("grade")
    return cell["cell_type"] == "code" and mine and not is_experiment(cell)


def _first_line(cell: dict[str, Any]) -> str:
    return cell["source"].strip().split("\n")[0][:80]


class _Places:
    """Where the lab's tests go, and its cells that are missing. before: place in the notebook -> cells of the lab."""

    def __init__(self, matched: Match, lab: Lab):
        self.before: dict[int, list[int]] = {}
        self.of_cell = {number: place for place, number in matched.of_lab.items()}
        present = set(matched.of_lab.values())
        by_name = {cell.name: cell for cell in lab.graded}
        answers = {cell.exercise for cell in lab.graded}
        for number, cell in enumerate(lab.cells):
            name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            graded = by_name.get(name)
            if graded is not None and not graded.by_hand:
                self.before.setdefault(self._of_test(matched, graded, number), []).append(number)
            elif number not in present and (name in answers or _is_lab_code(cell)):
                self.before.setdefault(self._natural(number), []).append(number)

    def _natural(self, number: int) -> int:
        """After the last cell that precedes it in the lab."""
        return max((place + 1 for other, place in self.of_cell.items() if other < number), default=0)

    def _of_test(self, matched: Match, test: GradedCell, number: int) -> int:
        """Where the student has it, if the answer is above; else right after the answer."""
        own = [place for place, name in matched.tests.items() if name == test.name]
        answers = matched.answers.get(test.exercise, [])
        for place in reversed(own):
            if not answers or answers[0] < place:
                return place
        if own and answers:
            return answers[-1] + 1
        return max([self._natural(number), *(place + 1 for place in answers)])


def _add_lab_cell(restored: Restored, lab: Lab, number: int, given: Cell | None) -> None:
    """Add a cell of the lab. given: the student's version of it; None for a test, and for what is missing."""
    released = lab.cells[number]
    nbgrader = released["metadata"].get("nbgrader", {})
    locked = (nbgrader.get("locked") and not nbgrader.get("solution")) or _is_lab_code(released)
    source = released["source"] if given is None or locked else given.source
    runs = released["cell_type"] == "code" and not is_experiment(released)
    if given is None and nbgrader.get("solution"):
        runs = False  # the answer cell is missing: its stub would undo an answer that stands elsewhere
    cell = _cell(released["cell_type"], released["id"], source, copy.deepcopy(released["metadata"]))
    if given is not None and given.attachments and released["cell_type"] == "markdown":
        cell["attachments"] = given.attachments
    _add(restored, cell, runs)


def _add_own_cell(restored: Restored, cell: Cell, taken: set[str], needed: bool) -> str:
    number = len(restored.own) + 1
    while (name := f"own-{number}") in taken:
        number += 1
    taken.add(name)
    added = _cell(cell.kind, name, cell.source, {})
    if cell.attachments:
        added["attachments"] = cell.attachments
    _add(restored, added, cell.kind == "code")
    if not needed:
        restored.own.add(name)
    return name


def _add(restored: Restored, cell: dict[str, Any], runs: bool) -> None:
    if len(cell["source"]) > MAX_SOURCE:
        restored.notes.append(f"a cell of {len(cell['source'])} characters was cut, and not run")
        cell["source"], runs = cell["source"][:10_000] + "\n[…]", False
    restored.cells.append(cell)
    if runs:
        restored.runs.add(cell["id"])


def _cell(kind: str, name: str, source: str, metadata: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": metadata, "source": source}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _say_what_is_answered(restored: Restored, matched: Match, lab: Lab) -> None:
    texts_of_own = any(cell["cell_type"] == "markdown" and cell["id"] in restored.own for cell in restored.cells)
    for graded in lab.graded:
        copies = [matched.cells[place] for place in matched.answers.get(graded.exercise, [])]
        if copies:
            restored.answers[graded.exercise] = copies[-1].source
        touched = any(cell.attachments or not same_text(cell.source, graded.stub) for cell in copies)
        # an answer may stand in a text cell below the one that was meant for it: a person must look
        if not touched and not (graded.by_hand and texts_of_own):
            restored.untouched.add(graded.exercise)

"""A new version of a lab with a student's answers in it. Nothing that a student wrote is left out."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from course_lib.student import notebook as notebooks
from course_lib.student.notebook import Cell, Notebook

GONE = "## Answers to exercises that this version of the lab no longer has\n\nThey are not graded any more."


@dataclass(frozen=True)
class Carried:
    """The new notebook, and in sentences what was done. same: it is what the student has already."""

    notebook: Notebook
    told: list[str]
    same: bool


def carry(old: Notebook, new: Notebook) -> Carried:
    """Put what a student wrote into the new version. old: the student's notebook; new: as it is handed out.

    Answers go to their exercise, and where that is gone to the end under a heading. A cell of the lab that the student
    changed stays changed, if the lab still has it. Own cells stay below the cell that they stood below.
    """
    made = copy.deepcopy(new)
    stubs = notebooks.stubs(old) or notebooks.stub_texts(new)
    places = {notebooks.key(cell): cell for cell in made["cells"]}
    below: dict[str, list[Cell]] = {}  # own cells, by the cell of the new version that they stand below
    gone: list[Cell] = []
    answers, changed, own = [], 0, 0
    above, seen = "", set()
    for cell in old["cells"]:
        key = notebooks.key(cell)
        there = places.get(key)
        known, first = there is not None, there if key not in seen else None
        seen.add(key)
        if first is not None:
            above = key
        if notebooks.is_test(cell) or key.startswith("tag "):
            continue  # the lab's, whatever was done to it
        if notebooks.is_answer(cell):
            if not notebooks.answered(cell, stubs.get(key)):
                continue
            if first is not None and first["cell_type"] == cell["cell_type"]:
                _fill(first, cell)
                answers.append(key)
            elif known:
                below.setdefault(above, []).append(notebooks.copy_of(cell))
                own += 1
            else:
                gone.append(notebooks.copy_of(cell))
        elif first is not None:
            if notebooks.text(cell) != notebooks.text(first):
                _fill(first, cell)
                changed += 1
        elif notebooks.text(cell).strip() and not (notebooks.of_lab(cell) and notebooks.as_released(cell)):
            below.setdefault(above, []).append(notebooks.copy_of(cell))
            own += 1
    cells = list(below.get("", []))
    for cell in made["cells"]:
        cells += [cell, *below.get(notebooks.key(cell), [])]
    made["cells"] = _with_gone(cells, gone)
    _give_ids(made)
    told = _sentences(old, new, answers, changed, own, len(gone))
    return Carried(made, told, _texts(made) == _texts(old))


def _fill(there: Cell, cell: Cell) -> None:
    notebooks.put(there, notebooks.text(cell))
    if cell.get("attachments"):
        there["attachments"] = copy.deepcopy(cell["attachments"])


def _with_gone(cells: list[Cell], gone: list[Cell]) -> list[Cell]:
    """Answers without an exercise, at the end; the cell that says how far one is stays the last."""
    if not gone:
        return cells
    heading = {"cell_type": "markdown", "id": "gone", "metadata": {}, "source": GONE}
    last = [cell for cell in cells if notebooks.MY in notebooks.tags(cell)]
    return [cell for cell in cells if cell not in last] + [heading, *gone, *last]


def _give_ids(notebook: Notebook) -> None:
    """Each cell one of its own: what was copied may have kept that of a cell of the lab."""
    taken: set[str] = set()
    lab = {cell.get("id") for cell in notebook["cells"] if notebooks.name(cell) or notebooks.of_lab(cell)}
    for cell in notebook["cells"]:
        given = cell.get("id") or "own"
        graded = bool(notebooks.name(cell))
        start, count = given, 1
        while given in taken or (given in lab and not graded and not notebooks.of_lab(cell)):
            count += 1
            given = f"{start[:50]}-own-{count}"
        cell["id"] = given
        taken.add(given)


def _texts(notebook: Notebook) -> list[object]:
    """What counts of a notebook: cells with text, name, points and tags, and its stubs."""
    cells = notebook["cells"]
    seen = [(item["cell_type"], notebooks.text(item), item.get("attachments")) for item in cells]
    graded = [(notebooks.name(item), notebooks.points(item), notebooks.tags(item)) for item in cells]
    return [seen, graded, notebooks.stubs(notebook)]


def _sentences(old: Notebook, new: Notebook, answers: list[str], changed: int, own: int, gone: int) -> list[str]:
    told = []
    if answers:
        told.append(f"Your answers are carried over: {', '.join(answers)}.")
    if changed:
        told.append(f"{changed} cell{'s' * (changed > 1)} of the lab that you had changed stayed as you have them.")
    if own:
        told.append(f"{own} cell{'s' * (own > 1)} of your own stayed beside their neighbours.")
    if gone:
        told.append(f"{gone} answer{'s' * (gone > 1)} without an exercise now stand at the end, under a heading.")
    before, after = _tests(old), _tests(new)
    different = [name for name in answers if after.get(name) is not None and before.get(name) != after[name]]
    stubs, now = notebooks.stubs(old), notebooks.stub_texts(new)
    different += [name for name in answers if name in stubs and stubs[name] != now[name] and name not in different]
    if different:
        told.append(f"These exercises have changed, so read them and run their tests again: {', '.join(different)}.")
    fresh = [name for name in now if name not in notebooks.stub_texts(old)]
    if fresh:
        told.append(f"New exercises: {', '.join(fresh)}.")
    return told


def _tests(notebook: Notebook) -> dict[str, str]:
    cells = [cell for cell in notebook["cells"] if notebooks.is_test(cell)]
    return {notebooks.name(cell).removesuffix("_test"): notebooks.text(cell) for cell in cells}

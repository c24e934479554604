"""A lab's notebook as a student has it: which cells are the lab's, which are the student's. Plain JSON, no nbformat.

A released notebook says in its metadata which lab it is, and holds the text with which each answer cell was handed
out. A cell of the lab that is not graded has an id that is the beginning of its text's hash. So both what a student
wrote and what a student changed can be told without any other file; where ids were lost (Colab), the text itself tells.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

from course_lib.files import write_whole

Notebook = dict[str, Any]
Cell = dict[str, Any]
METADATA = "course"  # of the notebook: {"lab": name, "stubs": {exercise: text}}
MY, SETUP = "my", "setup"  # tags of the two cells that `course build` writes
_ID = re.compile(r"([0-9a-f]{12})(-\d+)?")


def read(path: Path) -> Notebook:
    """Raises ValueError, in words, for what is no notebook."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{path} cannot be read as a notebook") from None


def parse(content: str) -> Notebook:
    """A notebook from its text, each cell's source as one string. Raises ValueError for what is none."""
    notebook = json.loads(content)
    try:
        for cell in notebook["cells"]:
            if not isinstance(cell["cell_type"], str) or not isinstance(cell["metadata"], dict):
                raise ValueError("no notebook")
            cell["source"] = text(cell)
    except (KeyError, TypeError):
        raise ValueError("no notebook") from None
    return notebook


def write(path: Path, notebook: Notebook) -> None:
    """Write it as Jupyter does, with sources cut into lines, whole or not at all."""
    cells = [cell | {"source": text(cell).splitlines(keepends=True)} for cell in notebook["cells"]]
    notebook = notebook | {"cells": cells}
    write_whole(path, json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def backup(path: Path) -> Path:
    """Copy a notebook to the folder `backups` beside it, under the time; returns the copy."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder, count = path.parent / "backups", 1
    target = folder / f"{path.stem}-{stamp}{path.suffix}"
    while target.exists():
        count += 1
        target = folder / f"{path.stem}-{stamp}-{count}{path.suffix}"
    write_whole(target, path.read_bytes())
    return target


def text(cell: Cell) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def put(cell: Cell, source: str) -> None:
    """Give a cell another text; what its old text had put out is not its own any more."""
    cell["source"] = source
    if cell["cell_type"] == "code":
        cell["outputs"], cell["execution_count"] = [], None


def tags(cell: Cell) -> list[str]:
    found = cell["metadata"].get("tags")
    return found if isinstance(found, list) else []


def name(cell: Cell) -> str:
    """nbgrader's id of a cell; empty where it is not graded."""
    return _nbgrader(cell).get("grade_id") or ""


def is_answer(cell: Cell) -> bool:
    return bool(name(cell) and _nbgrader(cell).get("solution"))


def is_written(cell: Cell) -> bool:
    """An answer that a person reads."""
    return is_answer(cell) and bool(_nbgrader(cell).get("grade"))


def is_test(cell: Cell) -> bool:
    return bool(name(cell) and not _nbgrader(cell).get("solution"))


def points(cell: Cell) -> float:
    return float(_nbgrader(cell).get("points") or 0)


def _nbgrader(cell: Cell) -> dict[str, Any]:
    meta = cell["metadata"].get("nbgrader")
    return meta if isinstance(meta, dict) else {}


def key(cell: Cell) -> str:
    """What a cell is recognised by in another version of the lab: its exercise, or the hash of its released text."""
    if name(cell):
        return name(cell)
    for tag in (MY, SETUP):
        if tag in tags(cell):
            return f"tag {tag}"
    for given in (cell.get("id"), cell["metadata"].get("id")):  # Colab keeps ids in the metadata
        if isinstance(given, str) and _ID.fullmatch(given):
            return given
    return _hash(text(cell))


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:12]


def as_released(cell: Cell) -> bool:
    """Has a cell that is not graded the text with which it was handed out?"""
    return key(cell).startswith(("tag ", _hash(text(cell))))


def of_lab(cell: Cell) -> bool:
    """Does a cell that is not graded say that it came with the lab?"""
    given = [cell.get("id"), cell["metadata"].get("id")]
    return key(cell).startswith("tag ") or any(isinstance(item, str) and _ID.fullmatch(item) for item in given)


def lab_of(notebook: Notebook) -> str:
    """The lab's name; empty where the notebook does not say it."""
    return _course(notebook).get("lab") or ""


def stubs(notebook: Notebook) -> dict[str, str]:
    """The text with which each answer cell was handed out; empty for a notebook that does not hold it."""
    return dict(_course(notebook).get("stubs") or {})


def _course(notebook: Notebook) -> dict[str, Any]:
    meta = notebook.get("metadata", {}).get(METADATA)
    return meta if isinstance(meta, dict) else {}


def answered(cell: Cell, stub: str | None) -> bool:
    """Is an answer cell another than it was handed out? stub: None where that is not known."""
    return stub is None or bool(cell.get("attachments")) or text(cell).strip() != stub.strip()


def work(notebook: Notebook, fallback: dict[str, str] | None = None) -> list[str]:
    """What of a notebook is the student's, in words: answers, changed cells of the lab, own cells; empty: nothing.

    fallback: stubs, for a notebook that holds none.
    """
    known = stubs(notebook) or fallback or {}
    found = [name(cell) for cell in notebook["cells"] if is_answer(cell) and answered(cell, known.get(name(cell)))]
    others = [cell for cell in notebook["cells"] if not name(cell) and text(cell).strip()]
    changed = sum(of_lab(cell) and not as_released(cell) for cell in others)
    own = sum(not of_lab(cell) for cell in others)
    if changed:
        found.append(f"{changed} changed cell{'s' * (changed > 1)} of the lab")
    if own:
        found.append(f"{own} own cell{'s' * (own > 1)}")
    return found


def stub_texts(notebook: Notebook) -> dict[str, str]:
    """The texts of a notebook's answer cells: its stubs, if nobody has answered."""
    return {name(cell): text(cell) for cell in notebook["cells"] if is_answer(cell)}


def copy_of(cell: Cell) -> Cell:
    """A copy that no grader takes for a cell of the lab."""
    made = copy.deepcopy(cell)
    made["metadata"] = {kind: value for kind, value in made["metadata"].items() if kind not in ("nbgrader", "id")}
    if made["cell_type"] == "code":
        made["outputs"], made["execution_count"] = [], None
    return made

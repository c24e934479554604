"""`course my LAB --reset EXERCISE`: the stub of one exercise back, with the answer in a backup."""

from __future__ import annotations

import subprocess
from pathlib import Path

from course_lib.student import notebook as notebooks


def reset(path: Path, exercise: str) -> str:
    """Put the released text back into one answer cell; returns what was done, in words.

    The text is in the notebook's metadata; where that was lost, git may have the notebook as it was handed out.
    """
    notebook = notebooks.read(path)
    cells = [cell for cell in notebook["cells"] if notebooks.is_answer(cell) and notebooks.name(cell) == exercise]
    if not cells:
        names = [notebooks.name(cell) for cell in notebook["cells"] if notebooks.is_answer(cell)]
        raise ValueError(f"there is no exercise {exercise!r} in {path.name}; there are: {', '.join(names)}")
    stub = notebooks.stubs(notebook).get(exercise) or _in_git(path, exercise)
    if stub is None:
        raise ValueError(f"{path.name} does not hold the text with which {exercise} was handed out: get the lab anew")
    if not any(notebooks.answered(cell, stub) for cell in cells):
        return f"{exercise} is as it was handed out: nothing to do."
    kept = notebooks.backup(path)
    for cell in cells:
        notebooks.put(cell, stub)
        cell.pop("attachments", None)
    notebooks.write(path, notebook)
    return f"{exercise} is as it was handed out again. Your answer is kept in {kept}.\n{REOPEN}"


REOPEN = "Is the notebook open in JupyterLab? Choose File > Reload Notebook from Disk there, and do not save it before."


def _in_git(path: Path, exercise: str) -> str | None:
    """The answer cell in the first commit of the notebook: nobody had answered then."""
    log = ["git", "log", "--format=%H", "--diff-filter=A", "--", path.name]
    try:
        commits = subprocess.run(log, cwd=path.parent, capture_output=True, text=True).stdout.split()
        if not commits:
            return None
        show = ["git", "show", f"{commits[-1]}:./{path.name}"]
        first = subprocess.run(show, cwd=path.parent, capture_output=True, text=True, encoding="utf-8").stdout
    except OSError:  # there is no git
        return None
    try:
        return notebooks.stub_texts(notebooks.parse(first)).get(exercise)
    except ValueError:
        return None

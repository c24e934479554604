"""Regrading one exercise: the old result with that exercise of the new one."""

from __future__ import annotations

import json
from typing import Any

from course_staff.marking.grade import Graded
from course_staff.marking.lab import Lab


def merged(old: Graded, new: Graded, lab: Lab, exercise: str) -> Graded:
    """The old result with one exercise of the new one, in the marks as in the notebook.

    So a student keeps all other marks, and the answers that they were given for. digest: of the new.
    """
    own = {cell.name for cell in lab.graded if cell.exercise == exercise} | {exercise}
    there = {cell.name for cell in lab.graded} | {cell.exercise for cell in lab.graded}

    def mix(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in before.items() if name in there - own}
        return kept | {name: value for name, value in after.items() if name in own}

    return Graded(
        old.student,
        old.lab,
        new.digest,
        mix(old.marks, new.marks),
        mix(old.messages, new.messages),
        mix(old.fingerprints, new.fingerprints),
        [*dict.fromkeys([*old.problems, *new.problems])],
        [*dict.fromkeys([*old.look, *new.look])],
        new.seconds,
        new.peak_memory,
        _mixed_notebook(old.notebook, new.notebook, own),
    )


def _mixed_notebook(old: str, new: str, names: set[str]) -> str:
    try:
        kept, made = json.loads(old), json.loads(new)
        fresh = {_name(cell): cell for cell in made["cells"] if _name(cell) in names}
        kept["cells"] = [fresh.get(_name(cell), cell) for cell in kept["cells"]]
    except (ValueError, KeyError, TypeError):
        return new
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def _name(cell: dict[str, Any]) -> str:
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")

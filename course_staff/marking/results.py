"""What grading gave, kept on disk: one JSON file a student, each written whole or not at all.

The files are what makes a run resumable: a result counts as done where it was made from the same submission and the
same lab, and by the run that was to make it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.files import write_whole
from course_staff.marking.grade import Graded

if TYPE_CHECKING:
    from course_staff.course import Course


_NAME_BYTES = 240  # file systems take 255
_HALF = re.compile("[\ud800-\udfff]")  # of a name that is not UTF-8


@dataclass(frozen=True)
class Stored:
    """A result as it lies on disk. run: the id of the run that made it. submission: SHA-256 of what was graded."""

    graded: Graded
    run: str = ""
    submission: str = ""


def result_file(course: Course, lab: str, student: str) -> Path:
    """grading/LAB/results/STUDENT.json. Raises ValueError for an id that is no file name."""
    if not student or student.startswith(".") or any(mark in student for mark in '/\\\0<>"&`'):  # also of HTML
        raise ValueError(f"a student's id must be a plain file name, got {student!r}")
    if not _NAME_BYTES >= len(student.encode("utf-8", "surrogatepass")) or _HALF.search(student):
        raise ValueError(f"a student's id must be UTF-8 of up to {_NAME_BYTES} bytes, got {student!r}")
    return course.grading(lab) / "results" / f"{student}.json"


def save(course: Course, lab: str, graded: Graded, *, run: str = "", submission: str = "") -> None:
    """Store one result: after a crash there is the old one or the new one, never a part of it."""
    text = f'{{"run": {json.dumps(run)}, "submission": {json.dumps(submission)}, "graded": {graded.to_json()}}}\n'
    write_whole(result_file(course, lab, graded.student), text)


def read(course: Course, lab: str, student: str) -> Stored | None:
    """The stored result of a student; None where there is none, or none that can be read (it is made again)."""
    try:
        found = json.loads(result_file(course, lab, student).read_text(encoding="utf-8"))
        return Stored(Graded.from_json(json.dumps(found["graded"])), str(found["run"]), str(found["submission"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def stored_all(course: Course, lab: str) -> dict[str, Stored]:
    """All stored results of a lab, by student, sorted."""
    paths = sorted((course.grading(lab) / "results").glob("*.json"), key=lambda path: path.stem)
    found = {path.stem: read(course, lab, path.stem) for path in paths}
    return {student: stored for student, stored in found.items() if stored is not None}


def read_all(course: Course, lab: str) -> dict[str, Graded]:
    """What is graded of a lab, by student, sorted."""
    return {student: stored.graded for student, stored in stored_all(course, lab).items()}

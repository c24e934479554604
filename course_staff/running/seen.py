"""Which "look at this" a person has looked at: kept in grading/LAB/seen.csv, so that `status` asks only once.

A row holds for one submission and one flag. Whoever hands in anew, or is flagged for something else, is listed again.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from course_lib.files import write_whole
from course_staff.marking import results
from course_staff.marking.results import Stored

if TYPE_CHECKING:
    from course_staff.course import Course

COLUMNS = ("student", "submission", "words")
Row = tuple[str, str, str]


def read(course: Course, lab: str) -> set[Row]:
    """Student, SHA-256 of the submission and words of each flag that was ticked off.

    Raises ValueError, in words, for a table that somebody has spoilt.
    """
    path = _table(course, lab)
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except FileNotFoundError:
        return set()
    try:
        return {(row["student"], row["submission"], row["words"]) for row in rows}
    except KeyError as error:
        raise ValueError(f"{path}: expected the columns {', '.join(COLUMNS)}, got no {error}") from None


def flags(student: str, stored: Stored) -> list[Row]:
    """All flags of one student's graded submission, looked at or not."""
    return [(student, stored.submission, words) for words in stored.graded.look]


def tick_off(course: Course, lab: str, students: list[str], *, undo: bool = False) -> str:
    """Note that a person has looked at all that these students are flagged for now; returns what holds, in words.

    undo: forget it again. Raises ValueError for a student whose submission is not graded.
    """
    chosen: set[Row] = set()
    for student in students:
        stored = results.read(course, lab, student)
        if stored is None:
            raise ValueError(
                f"nothing of {student!r} is graded in {lab}: `course grade status {lab}` names who is flagged"
            )
        chosen.update(flags(student, stored))
    path = _table(course, lab)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(".seen.lock"), timeout=60):
        before = read(course, lab)
        _write(path, before - chosen if undo else before | chosen)
    told = []
    for student in students:
        count = sum(row[0] == student for row in chosen)
        things = f"{count} thing{'' if count == 1 else 's'}"
        told.append(
            f"{student}: {things} to look at{' again' if undo else ', seen'}" if count else f"{student}: no flag"
        )
    return "\n".join(told)


def _table(course: Course, lab: str) -> Path:
    return course.grading(lab) / "seen.csv"


def _write(path: Path, rows: set[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted(rows))
    write_whole(path, text.getvalue())

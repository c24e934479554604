"""What collection leaves in grading/LAB: rows of what was taken in (collected.csv) and what was not (rejected.csv)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from course_staff.course import Course
from course_staff.handin import preflight, spreadsheet, students
from course_staff.handin.store import UNCHANGED


@dataclass(frozen=True)
class Rejection:
    """A file that was not taken in. student: "" where nobody could be named. source: the folder or zip it lay in."""

    student: str
    file: str
    reason: str
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class Accepted:
    """A notebook that was taken in. submitted: UTC, None where nothing says it; late: Canvas's word; note: in words.

    size: bytes that it had, which is what collection was told to allow.
    """

    student: str
    file: str
    submitted: datetime | None = None
    late: bool = False
    note: str = ""
    size: int = 0


def students_table(course: Course) -> Path:
    """Where the table of the class is kept: that of the last collection, or what collections found out."""
    return course.root / "grading" / "students.csv"


def the_class(course: Course) -> dict[str, students.Student]:
    """Everybody in that table, by id; nobody where there is none yet."""
    table = students_table(course)
    return students.read(table).by_id if table.exists() else {}


def rejections(course: Course, lab: str) -> list[Rejection]:
    """The rows of grading/LAB/rejected.csv, sorted: what collections so far did not take in, and why."""
    return [
        Rejection(row["student"], row["file"], row["reason"], row.get("source", ""))
        for row in spreadsheet.read(course.grading(lab) / "rejected.csv")
    ]


def collected(course: Course, lab: str) -> list[Accepted]:
    """The rows of grading/LAB/collected.csv, sorted by student: whose notebook came from which file, and when."""
    found = []
    for row in spreadsheet.read(course.grading(lab) / "collected.csv"):
        when = preflight.moment(row["submitted"]) if row["submitted"] else None
        found.append(
            Accepted(row["student"], row["file"], when, bool(row["late"]), row["note"], int(row.get("size") or 0))
        )
    return found


def largest(course: Course, lab: str) -> int:
    """The most bytes that a notebook may have: what a collection took in was allowed by its --max-mb."""
    return max([preflight.COLLECTED_BYTES, *(row.size for row in collected(course, lab))])


def missing(course: Course, lab: str) -> list[str]:
    """Students of the table of whom nothing came, neither taken in nor rejected, in the order of the table."""
    people = the_class(course)
    came = {row.student for row in rejections(course, lab)}
    return [
        student
        for student in people
        if student not in came and not (course.submitted(student, lab) / f"{lab}.ipynb").is_file()
    ]


def merge(
    course: Course,
    lab: str,
    accepted: Sequence[Accepted],
    rejected: Sequence[Rejection],
    *,
    seen: Collection[str] = (),
) -> None:
    """Add a collection's rows to those of earlier ones, which stay where they are about other students and files.

    seen: the sources that were looked at, whose old rows are settled, and the names of all files in them.
    """
    taken = {row.student: row for row in accepted}
    people = taken.keys() | {row.student for row in rejected if row.student}
    files = {row.file for row in accepted} | {row.file for row in rejected} | set(seen)
    old = {
        row
        for row in rejections(course, lab)
        if row.student not in people and row.file not in files and row.source not in seen
    }
    rows = sorted(old | set(rejected), key=lambda row: (row.student, row.file, row.reason))
    lines = [(row.student, row.file, row.reason, row.source) for row in rows]
    spreadsheet.write(course.grading(lab) / "rejected.csv", [("student", "file", "reason", "source"), *lines])
    before = {row.student: row for row in collected(course, lab)}
    kept = []
    for student, row in sorted((before | taken).items()):
        if row.note.startswith(UNCHANGED) and student in before:
            row = replace(before[student], file=row.file, size=row.size)
        when = preflight.stamp(row.submitted) if row.submitted else ""
        kept.append((student, row.file, when, "late" if row.late else "", row.note, str(row.size or "")))
    header = ("student", "file", "submitted", "late", "note", "size")
    spreadsheet.write(course.grading(lab) / "collected.csv", [header, *kept])


def settle(course: Course, lab: str, student: str) -> None:
    """Forget a result that says "rejected": what it is about has been replaced, and waits for the next run."""
    path = course.grading(lab) / "results" / f"{student}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(path.read_text(encoding="utf-8"))["graded"]["rejected"]:
            path.unlink()

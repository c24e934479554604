"""Who may hand in a lab later: kept in grading/LAB/extensions.csv, and written from there into the gradebook.

The table is the truth: it can name students who have handed in nothing yet, and a gradebook that comes back from a
backup gets its extensions again. Extensions of students whom it does not name are left as the gradebook has them.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from course_lib.files import write_whole
from course_staff.gradebook.late import last_share, update_penalties
from course_staff.handin import students as _students
from course_staff.handin.preflight import moment, stamp
from course_staff.handin.records import students_table

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

    from course_staff.course import Course

MOST_DAYS = 3650
TIME_OF_DAY = re.compile(r"\d:\d\d|T\d{4}")  # midnight, which a day alone means, would be a day too early


@dataclass(frozen=True)
class Extension:
    """More time for one student: whole days after the due date (0: none any more), or until a moment in UTC."""

    student: str
    days: int = 0
    until: datetime | None = None

    def after(self, due: datetime) -> timedelta:
        """How much later than `due` (in UTC, with its zone) this student may hand in."""
        return timedelta(days=self.days) if self.until is None else max(timedelta(0), self.until - due)

    def words(self, due: datetime | None) -> str:
        """Such as "until 2026-12-03 22:59 UTC", or "3 days" where there is no due date yet."""
        until = due + self.after(due) if self.until is None and due is not None else self.until
        if until is None:
            return f"{self.days} day{'' if self.days == 1 else 's'}"
        return f"until {until:%Y-%m-%d %H:%M} UTC"


def read(course: Course, lab: str) -> dict[str, Extension]:
    """Student -> extension, sorted. Raises ValueError, in words, for a table that somebody has spoilt."""
    path = _table(course, lab)
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except FileNotFoundError:
        return {}
    found = {}
    for number, row in enumerate(rows, start=2):
        try:
            until = moment(row["until"]) if row["until"] else None
            found[row["student"]] = Extension(row["student"], int(row["days"] or 0), until)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}, row {number}: expected student,days,until: {error}") from None
    return dict(sorted(found.items()))


def extend(course: Course, lab: str, student: str, *, days: int | None = None, until: str | None = None) -> str:
    """Give one student more time, before or after anything was handed in; returns what holds now, in words.

    days: after the due date, in place of an earlier extension; 0 takes it back. until: a time such as
    "2026-12-03 23:59 Europe/Vienna", of UTC where it names no zone. Raises ValueError for a wrong one, or for a student
    whom nobody knows.
    """
    if (days is None) == (until is None):
        raise ValueError("expected --days N or --until TIME, one of them")
    if days is not None and not 0 <= days <= MOST_DAYS:
        raise ValueError(f"--days: expected 0 to {MOST_DAYS}, got {days}")
    if until is not None and not TIME_OF_DAY.search(until):
        raise ValueError(f"--until: expected a day and a time, such as 2026-12-03 23:59 Europe/Vienna, got {until!r}")
    if student not in _known(course, lab):
        raise ValueError(f"nobody knows a student {student!r}: see the column `id` of grading/students.csv")
    given, due = Extension(student, days or 0, moment(until) if until else None), due_date(course, lab)
    if given.until and due and given.until <= due:
        raise ValueError(f"--until: expected a time after the due date, {stamp(due)}, got {stamp(given.until)}")
    path = _table(course, lab)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(".extensions.lock"), timeout=60):
        _write(path, read(course, lab) | {student: given})
    refresh(course, lab)
    words = f"{student} has no extension of {lab}" if days == 0 else f"{student} may hand in {lab} {given.words(due)}"
    return words if due else f"{words}; {lab} has no due date yet (`course grade release --due`)"


def apply(course: Course, gradebook: Gradebook, lab: str) -> None:
    """Write the table's extensions into the submissions that the gradebook has. Raises ValueError as `read` does."""
    from nbgrader.api import Assignment, SubmittedAssignment

    given = read(course, lab)
    if not given:
        return
    query = gradebook.db.query(SubmittedAssignment).join(Assignment).filter(Assignment.name == lab)
    for submission in query:
        extension, due = given.get(submission.student_id), submission.assignment.duedate
        if extension is None or due is None:
            continue
        wanted = extension.after(due.replace(tzinfo=UTC)) or None
        if submission.extension != wanted:
            submission.extension = wanted
    gradebook.db.commit()


def refresh_penalties(course: Course, gradebook: Gradebook, lab: str) -> None:
    """Extensions, and late penalties from the marks as they are now, with the share of the last run."""
    apply(course, gradebook, lab)
    share = last_share(course, lab)
    if share is not None:
        update_penalties(gradebook, lab, share)


def refresh(course: Course, lab: str) -> None:
    """The same, where the gradebook has this lab."""
    try:
        with course.gradebook() as gradebook:
            refresh_penalties(course, gradebook, lab)
    except RuntimeError:
        pass  # there is none yet: the first run does it


def due_date(course: Course, lab: str) -> datetime | None:
    """When a lab is due for the class, in UTC; None where the gradebook does not say."""
    from nbgrader.api import MissingEntry

    try:
        with course.gradebook() as gradebook:
            due = gradebook.find_assignment(lab).duedate
    except (RuntimeError, MissingEntry):
        return None
    return due and due.replace(tzinfo=UTC)


def last_due_date(course: Course, lab: str) -> datetime | None:
    """When the last student may still hand in: extensions counted. None where there is no due date."""
    due = due_date(course, lab)
    return due and max([due, *(due + extension.after(due) for extension in read(course, lab).values())])


def _known(course: Course, lab: str) -> set[str]:
    table = students_table(course)
    known = {*(_students.read(table).by_id if table.exists() else ()), *course.students_with(lab)}
    try:
        with course.gradebook() as gradebook:
            return known | {student.id for student in gradebook.students}
    except RuntimeError:
        return known


def _table(course: Course, lab: str) -> Path:
    return course.grading(lab) / "extensions.csv"


def _write(path: Path, extensions: dict[str, Extension]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("student", "days", "until"))
    for student, extension in sorted(extensions.items()):
        until = stamp(extension.until) if extension.until else ""
        writer.writerow((student, "" if until else extension.days, until))
    write_whole(path, text.getvalue())

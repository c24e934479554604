"""The marks as a table: plain CSV, or what Canvas and Moodle import. Equal gradebooks give equal bytes.

A missing or rejected submission has an empty mark, which Canvas leaves as it is, and no row for Moodle: it is for a
person to decide whether it is worth 0.

Canvas (Gradebook, Import): columns Student, ID, SIS User ID, SIS Login ID, Section, then one for each assignment, and
a row "Points Possible"; students are found by the Canvas user id, else by the login. A column that is called as an
assignment is ("lab02 …" or "lab02 … (1234)" with Canvas's number) goes there, any other makes a new assignment.
Moodle (assignment, "Upload grading worksheet"): needs the columns Identifier ("Participant 1234"), Grade and Last
modified (grade). The same file can be imported in the grader report by ID number or email address.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from course_staff.gradebook.extensions import refresh_penalties
from course_staff.gradebook.marks import BY_HAND, LEFT, MISSING, REJECTED, Mark, number, read_marks
from course_staff.gradebook.people import with_true_names
from course_staff.handin.canvas import column_of
from course_staff.handin.participants import participants
from course_staff.handin.records import rejections, the_class
from course_staff.handin.spreadsheet import harmless
from course_staff.marking.results import read
from course_staff.reports.anonymous import made_up_ids

if TYPE_CHECKING:
    from course_staff.course import Course
    from course_staff.handin.students import Student

FORMATS = ("csv", "canvas", "moodle")


def export(course: Course, *, format: str = "csv", labs: list[str] | None = None, anonymous: bool = False) -> str:
    """The marks of all labs, or of those named, as CSV text with lines that end as RFC 4180 says (CR LF).

    format: csv, canvas or moodle; moodle takes one lab. anonymous: made-up ids in place of names, ids and addresses.
    Raises ValueError for a wrong argument, RuntimeError where there is no gradebook or no such lab in it.
    """
    if format not in FORMATS:
        raise ValueError(f"expected the format csv, canvas or moodle, got {format!r}")
    if anonymous and format != "csv":
        raise ValueError(f"{format} could not find anonymous students: export them as csv")
    people = the_class(course)
    with course.gradebook() as gradebook:
        labs = sorted(labs or (assignment.name for assignment in gradebook.assignments))
        if format == "moodle" and len(labs) != 1:
            raise ValueError(f"Moodle takes one table an assignment: name one lab of {', '.join(labs) or 'none'}")
        for lab in labs:
            refresh_penalties(course, gradebook, lab)
        marks = [_with_status(course, mark) for lab in labs for mark in read_marks(gradebook, lab)]
        marks = with_true_names(marks, people)
    waiting = sum(mark.status == BY_HAND for mark in marks)
    if waiting:
        print(f"{waiting} submissions wait for points by hand: their marks are without these", file=sys.stderr)
    if anonymous:
        return plain(marks, made_up_ids((mark.student for mark in marks), course.secret))
    if format == "moodle":
        return moodle(marks, participants(course, labs[0]))
    if format == "canvas":
        columns = {lab: column_of(course, lab) for lab in labs}
        for lab in (lab for lab, column in columns.items() if column is None):
            print(f"no column of Canvas is known for {lab}: importing makes a new assignment", file=sys.stderr)
        return canvas(marks, people, {lab: column for lab, column in columns.items() if column})
    return plain(marks)


def _with_status(course: Course, mark: Mark) -> Mark:
    """The gradebook calls missing what has no submission there: it may be rejected, or not graded yet."""
    if mark.status != MISSING:
        return mark
    if course.submission(mark.student, mark.lab).exists():
        stored = read(course, mark.lab, mark.student)
        return replace(mark, status=REJECTED if stored and stored.graded.rejected else LEFT)
    rejected = any(row.student == mark.student for row in rejections(course, mark.lab))
    return replace(mark, status=REJECTED) if rejected else mark


def plain(marks: Iterable[Mark], made_up: dict[str, str] | None = None) -> str:
    """A row for each student and lab. made_up: student -> id to print instead of all that tells who it is."""
    header = ["lab", "student", "last_name", "first_name", "email", "lms_id", "status", "submitted", "days_late"]
    rows = []
    for mark in marks:
        who = [mark.student, mark.last, mark.first, mark.email, mark.lms]
        submitted = mark.submitted.isoformat(sep=" ", timespec="seconds") + " UTC" if mark.submitted else ""
        if made_up:
            who, submitted = [made_up[mark.student], "", "", "", ""], ""  # a time tells who it is
        cells = "; ".join(
            f"{cell.name} {number(cell.score) or '?'}/{number(cell.points)}" for cell in mark.cells.values()
        )
        lost = number(mark.penalty) if mark.raw is not None else ""
        late = mark.days_late if mark.raw is not None else ""
        rows.append(
            [mark.lab, *who, mark.status, submitted, late, number(mark.raw), lost, number(mark.mark)]
            + [number(mark.points), cells]
        )
    rows.sort(key=lambda row: (row[0], row[1]))
    return table([[*header, "raw_mark", "late_penalty", "mark", "points", "cells"], *rows])


def canvas(
    marks: Iterable[Mark], people: Mapping[str, Student] | None = None, columns: Mapping[str, str] | None = None
) -> str:
    """What the gradebook of Canvas imports: a row for each student, a column for each lab.

    people: with what Canvas's own export says of them. columns: lab -> its name there, with Canvas's number.
    """
    people, columns = people or {}, columns or {}
    marks = list(marks)
    points = {mark.lab: mark.points for mark in marks}
    labs = sorted(points)
    students: dict[str, dict[str, Mark]] = {}
    for mark in marks:
        students.setdefault(mark.student, {})[mark.lab] = mark
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *(columns.get(lab, lab) for lab in labs)],
        ["    Points Possible", "", "", "", "", *(number(points[lab]) for lab in labs)],
    ]
    for student, found in sorted(students.items()):
        one = next(iter(found.values()))
        name = ", ".join(part for part in (one.last, one.first) if part) or student
        user, login = (one.lms, student) if one.lms.isdecimal() else ("", one.lms or student)
        known = people.get(student)
        sis, section = (known.sis, known.section) if known else ("", "")
        login = known.login or ("" if sis else login) if known else login
        rows.append(
            [name, user, sis, login, section, *(number(found[lab].mark) if lab in found else "" for lab in labs)]
        )
    return table(rows)


def moodle(marks: Iterable[Mark], numbers: Mapping[str, str] | None = None) -> str:
    """Moodle's grading worksheet of one assignment: a row for each student that has a mark.

    numbers: student -> Moodle's number in this assignment; where none is known at all, the table's number is taken.
    """
    rows = [
        ["Identifier", "Full name", "ID number", "Email address", "Grade", "Maximum Grade", "Last modified (grade)"],
    ]
    for mark in sorted(marks, key=lambda mark: mark.student):
        if mark.mark is None:
            continue  # an empty grade would delete what is there
        participant = numbers.get(mark.student, "") if numbers else mark.lms.removeprefix("Participant ").strip()
        identifier = f"Participant {participant}" if participant.isdecimal() else ""
        name = " ".join(part for part in (mark.first, mark.last) if part)
        # "-": as in a worksheet where nothing was graded; for a second upload Moodle has a box to tick
        rows.append([identifier, name, mark.student, mark.email, number(mark.mark), number(mark.points), "-"])
    return table(rows)


def table(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV text, of which a spreadsheet runs nothing."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([harmless(value) for value in row] for row in rows)
    return text.getvalue()

"""The marks of a lab, read from nbgrader's gradebook: points by machine and by hand, late penalties, who is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbgrader.api import Gradebook, SubmittedAssignment

DAY = 24 * 60 * 60  # seconds
GRADED, BY_HAND, MISSING, REJECTED, LEFT = "graded", "waits for a person", "missing", "rejected", "not graded"


@dataclass(frozen=True)
class CellMark:
    """One graded cell of one submission. score: None while only a person can give it. comment: of a person."""

    name: str
    points: float
    score: float | None
    waits: bool
    comment: str = ""


@dataclass(frozen=True)
class Mark:
    """What a student has in one lab. status: one of the above; the last three have no mark.

    submitted: in UTC, as the gradebook has it. days_late: started days. points: of the whole lab.
    """

    student: str
    lab: str
    status: str
    points: float
    first: str = ""
    last: str = ""
    email: str = ""
    lms: str = ""
    submitted: datetime | None = None
    days_late: int = 0
    penalty: float = 0.0
    cells: dict[str, CellMark] = field(default_factory=dict)

    @property
    def raw(self) -> float | None:
        """The points before the late penalty; None without a submission."""
        if self.status in (MISSING, REJECTED, LEFT):
            return None
        return math.fsum(cell.score or 0.0 for cell in self.cells.values())  # the same sum in any order

    @property
    def mark(self) -> float | None:
        """The points that count; None without a submission, which is not the same as 0."""
        return None if self.raw is None else max(0.0, self.raw - self.penalty)


def read_marks(gradebook: Gradebook, lab: str) -> list[Mark]:
    """The marks of all students of the gradebook in one lab, in order of their ids."""
    from nbgrader.api import Assignment, MissingEntry, Student, SubmittedAssignment

    try:
        assignment = gradebook.find_assignment(lab)
    except MissingEntry:
        raise RuntimeError(f"the gradebook knows no lab {lab}: run `course grade run {lab}` first") from None
    points = {
        cell.name: cell.max_score or 0.0
        for notebook in assignment.notebooks
        for cell in [*notebook.grade_cells, *notebook.task_cells]
    }
    query = gradebook.db.query(SubmittedAssignment).join(Assignment).filter(Assignment.name == lab)
    submissions = {submission.student_id: submission for submission in query}
    cells = _cells(gradebook, lab, points)
    comments = _comments(gradebook, lab)
    total = math.fsum(points.values())
    marks = []
    for student in sorted(gradebook.db.query(Student), key=lambda student: student.id):
        person: dict[str, Any] = {
            "first": student.first_name or "",
            "last": student.last_name or "",
            "email": student.email or "",
            "lms": student.lms_user_id or "",
        }
        submission = submissions.get(student.id)
        if submission is None or not submission.notebooks:
            marks.append(Mark(student.id, lab, MISSING, total, **person))
            continue
        found = cells.get(student.id, {})
        own = {}
        for name in sorted(points):  # a cell without a score is no 0: it waits for a person
            score, waits = found.get(name, (None, True))
            own[name] = CellMark(
                name, points[name], score, waits or score is None, comments.get((student.id, name), "")
            )
        marks.append(
            Mark(
                student.id,
                lab,
                BY_HAND if any(cell.waits for cell in own.values()) else GRADED,
                total,
                **person,
                submitted=submission.timestamp,
                days_late=days_late(submission),
                penalty=math.fsum(notebook.late_submission_penalty or 0.0 for notebook in submission.notebooks),
                cells=own,
            )
        )
    return marks


def _cells(gradebook: Gradebook, lab: str, points: dict[str, float]) -> dict[str, dict[str, tuple[float | None, bool]]]:
    """Student -> graded cell -> score, and whether a person must look at it. One query for the whole class."""
    from nbgrader.api import Assignment, BaseCell, Grade, SubmittedAssignment, SubmittedNotebook

    rows = (
        gradebook.db.query(
            SubmittedAssignment.student_id,
            BaseCell.name,
            Grade.auto_score,
            Grade.manual_score,
            Grade.extra_credit,
            Grade.needs_manual_grade,
        )
        .select_from(Grade)
        .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .join(BaseCell, BaseCell.id == Grade.cell_id)
        .filter(Assignment.name == lab)
    )
    found: dict[str, dict[str, tuple[float | None, bool]]] = {}
    for student, name, automatic, manual, extra, waits in rows:
        if name in points:
            score = automatic if manual is None else manual
            total = None if score is None and extra is None else (score or 0.0) + (extra or 0.0)
            found.setdefault(student, {})[name] = (total, bool(waits))
    return found


def _comments(gradebook: Gradebook, lab: str) -> dict[tuple[str, str], str]:
    """(Student, cell) -> what a person wrote to that answer."""
    from nbgrader.api import Assignment, BaseCell, Comment, SubmittedAssignment, SubmittedNotebook

    rows = (
        gradebook.db.query(SubmittedAssignment.student_id, BaseCell.name, Comment.manual_comment)
        .select_from(Comment)
        .join(SubmittedNotebook, SubmittedNotebook.id == Comment.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .join(BaseCell, BaseCell.id == Comment.cell_id)
        .filter(Assignment.name == lab)
    )
    return {(student, name): comment for student, name, comment in rows if comment}


def days_late(submission: SubmittedAssignment) -> int:
    """Started days after the due date, extensions counted; 0 without a due date or a time of submission."""
    if submission.timestamp is None or submission.assignment.duedate is None:  # nbgrader fails on some of these
        return 0
    return math.ceil(max(0.0, submission.total_seconds_late) / DAY)


def number(value: float | None) -> str:
    """A mark as text, the same everywhere: 3 -> "3", 2.5 -> "2.5", None -> ""."""
    if value is None:
        return ""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

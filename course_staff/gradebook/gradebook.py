"""Results into nbgrader's gradebook: as its own autograder would write them, but a whole class in one transaction.

After a crash there is the old gradebook or the new one. What a person has written (scores, extra credit, comments,
flags) is never touched; where the machine's judgement under a person's score has changed, that person is asked again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_lib.files import write_whole
from course_staff.gradebook import extensions
from course_staff.gradebook.lab_cells import enter_lab
from course_staff.gradebook.late import update_penalties
from course_staff.gradebook.people import enter
from course_staff.gradebook.shown import with_mark_schemes
from course_staff.handin.preflight import moment
from course_staff.handin.records import the_class
from course_staff.marking.autograded import harmless_text
from course_staff.marking.grade import Graded
from course_staff.marking.lab import Lab
from course_staff.marking.notebook import answers_of

if TYPE_CHECKING:
    from nbgrader.api import Comment, Grade, Gradebook, Notebook, Student, SubmittedNotebook

    from course_staff.course import Course


def write(
    course: Course, lab: Lab, results: Iterable[Graded], *, exercise: str | None = None, late_penalty: float = 0.0
) -> None:
    """Write results of one lab, and the whole table of students.

    exercise: write only the marks and messages of this one. late_penalty: share of the mark, a started day. A rejected
    submission gets no marks. Raises RuntimeError where the gradebook cannot be opened, or has marks by hand for cells
    that the lab no longer has.
    """
    found = sorted((graded for graded in results if not graded.rejected), key=lambda graded: graded.student)
    with course.gradebook(create=True) as gradebook:
        notebook = enter_lab(gradebook, course.id, lab)
        students = _enter_students(course, gradebook, [graded.student for graded in found])
        submissions = {item.assignment.student_id: item for item in notebook.submissions}
        for graded in found:
            own = submissions.get(graded.student) or _new_submission(gradebook, notebook, students[graded.student])
            own.assignment.timestamp = submitted_at(course, graded.student, lab.name)
            gradebook.db.add_all(_write_one(course, lab, own, graded, exercise))
        gradebook.db.commit()
        extensions.apply(course, gradebook, lab.name)
        update_penalties(gradebook, lab.name, late_penalty)
    for graded in found:
        _show(course.autograded(graded.student, lab.name), with_mark_schemes(graded.notebook, lab))


def _show(path: Path, notebook: str) -> None:
    """Write the notebook that formgrader shows, unless it is there already."""
    with contextlib.suppress(OSError, ValueError):
        if path.read_text(encoding="utf-8") == notebook:
            return
    write_whole(path, notebook)


def submitted_at(course: Course, student: str, lab: str) -> datetime | None:
    """When a submission was handed in, in UTC and without a zone, as nbgrader keeps it; None where that is not known.

    Raises ValueError, in words, for a time stamp that is none.
    """
    try:
        text = (course.submitted(student, lab) / "timestamp.txt").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return moment(text).astimezone(UTC).replace(tzinfo=None)


def _enter_students(course: Course, gradebook: Gradebook, graded: list[str]) -> dict[str, Student]:
    from nbgrader.api import Student

    people = the_class(course)
    known = {student.id: student for student in gradebook.db.query(Student)}
    for identifier in sorted({*people, *graded}):
        student = known.get(identifier)
        if student is None:
            student = known[identifier] = Student(id=identifier)
            gradebook.db.add(student)
    for identifier, student in known.items():
        enter(student, people.get(identifier))
    gradebook.db.flush()
    return known


def _new_submission(gradebook: Gradebook, notebook: Notebook, student: Student) -> SubmittedNotebook:
    from nbgrader.api import SubmittedAssignment, SubmittedNotebook

    with gradebook.db.no_autoflush:
        assignment = SubmittedAssignment(assignment=notebook.assignment, student=student)
        own = SubmittedNotebook(notebook=notebook, assignment=assignment)
    gradebook.db.add(assignment)
    return own


def _write_one(
    course: Course, lab: Lab, own: SubmittedNotebook, graded: Graded, exercise: str | None
) -> list[Grade | Comment]:
    """Returns the entries, to be added to the database's session."""
    from nbgrader.api import Comment, Grade

    grades = {grade.cell.name: grade for grade in own.grades}
    comments = {comment.cell.name: comment for comment in own.comments}
    for cell in [*own.notebook.grade_cells, *own.notebook.task_cells]:
        if cell.name not in grades:
            grades[cell.name] = Grade(cell=cell, notebook=own, needs_manual_grade=True)  # until there is a mark
    for cell in [*own.notebook.solution_cells, *own.notebook.task_cells]:
        if cell.name not in comments:
            comments[cell.name] = Comment(cell=cell, notebook=own)
    before, now = _earlier_answers(course, graded), answers_of(graded.notebook)
    for cell in lab.graded:
        if exercise not in (None, cell.exercise):
            continue
        answer_is_new = cell.by_hand and before is not None and before.get(cell.exercise) != now.get(cell.exercise)
        _give(grades[cell.name], graded.marks.get(cell.name), answer_is_new)
        if cell.exercise in comments:
            words = graded.messages.get(cell.name) or graded.messages.get(cell.exercise)
            comments[cell.exercise].auto_comment = (
                harmless_text(_stored(words)) or None
            )  # a page of nbgrader's shows it
    return [*grades.values(), *comments.values()]


def _give(grade: Any, mark: float | None, answer_is_new: bool) -> None:
    """The machine's mark, or None: a person's turn. A person is asked again only about what has changed."""
    changed = grade.auto_score != mark or answer_is_new
    grade.auto_score = mark
    if grade.manual_score is None:
        grade.needs_manual_grade = mark is None
    elif changed:
        grade.needs_manual_grade = True


def _earlier_answers(course: Course, graded: Graded) -> dict[str, str] | None:
    """The answers in the notebook that a person may have marked; None where there is none."""
    try:
        return answers_of(course.autograded(graded.student, graded.lab).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _stored(text: str | None) -> str:
    """Text that every database takes: PostgreSQL refuses NUL, no encoding has half a surrogate pair."""
    return (text or "").replace("\0", "").encode("utf-8", "replace").decode("utf-8")

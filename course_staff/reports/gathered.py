"""All that is known of a class and a lab: results, the gradebook's marks, rejected files, how it was run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from course_staff.gradebook.marks import BY_HAND, GRADED, LEFT, MISSING, REJECTED, CellMark, Mark, read_marks
from course_staff.gradebook.people import with_true_names
from course_staff.handin.records import Rejection, rejections, the_class
from course_staff.marking.grade import Graded
from course_staff.marking.lab import Lab
from course_staff.marking.notebook import answers_of
from course_staff.marking.results import read_all
from course_staff.running.kept import read_lab

if TYPE_CHECKING:
    from course_staff.course import Course


@dataclass
class Gathered:
    """A class in one lab. graded, marks: by student; a student may be in one of them only.

    handed_in: students with a submission, graded or not. run: how the last run went (grading/LAB/run.json), empty if
    that is not known.
    """

    lab: Lab
    graded: dict[str, Graded] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    handed_in: set[str] = field(default_factory=set)
    run: dict = field(default_factory=dict)

    @property
    def students(self) -> list[str]:
        named = {rejection.student for rejection in self.rejected if rejection.student}
        return sorted({*self.graded, *self.marks, *self.handed_in, *named})

    def mark(self, student: str) -> Mark:
        """What counts: the gradebook's marks; where that has none yet, those of the grader."""
        found, graded = self.marks.get(student), self.graded.get(student)
        if found is not None and found.raw is not None:
            return found
        found = found or Mark(student, self.lab.name, MISSING, self.lab.points)
        if graded is not None and graded.marks and not graded.rejected:
            cells = {
                cell.name: CellMark(cell.name, cell.points, graded.marks.get(cell.name), cell.by_hand)
                for cell in self.lab.graded
            }
            waits = any(cell.waits for cell in cells.values())
            return replace(found, status=BY_HAND if waits else GRADED, cells=cells)
        if graded is None and student not in self.handed_in:
            rejected = any(rejection.student == student for rejection in self.rejected)
            return replace(found, status=REJECTED) if rejected else found
        return replace(found, status=REJECTED if graded is not None and graded.rejected else LEFT)

    def answers(self) -> dict[str, dict[str, str]]:
        """Student -> exercise -> the answer as it was handed in, of what is not the untouched stub."""
        stubs = {cell.exercise: cell.stub.strip() for cell in self.lab.graded}
        found = {}
        for student, graded in sorted(self.graded.items()):
            answers = {
                name: source
                for name, source in answers_of(graded.notebook).items()
                if name in stubs and source.strip() not in ("", stubs[name])
            }
            if answers:
                found[student] = answers
        return found


def gather(course: Course, lab: str) -> Gathered:
    """Read all that there is. Raises SourceError where the lab's source is wrong."""
    read = read_lab(course, lab)
    people = the_class(course)
    try:
        with course.gradebook() as gradebook:
            marks = {mark.student: mark for mark in with_true_names(read_marks(gradebook, lab), people)}
    except RuntimeError:  # no gradebook yet, or this lab is not in it
        marks = {}
    for person in people.values():
        if person.id not in marks:
            first, last, email, lms = person.first, person.last, person.email, person.lms
            marks[person.id] = Mark(person.id, lab, MISSING, read.points, first, last, email, lms)
    return Gathered(
        read,
        read_all(course, lab),
        marks,
        rejections(course, lab),
        set(course.students_with(lab)),
        _run(course, lab),
    )


def _run(course: Course, lab: str) -> dict:
    try:
        found = json.loads((course.grading(lab) / "run.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

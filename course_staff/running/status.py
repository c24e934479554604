"""`course grade status`: where the grading of a lab stands, from what lies on disk and in the gradebook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from course_staff.gradebook import extensions
from course_staff.gradebook.marks import read_marks
from course_staff.handin.collect import missing, rejections
from course_staff.marking import results
from course_staff.running import seen, state

if TYPE_CHECKING:
    from course_staff.course import Course


@dataclass
class Status:
    """Students by what is known of them, sorted. waiting: graded, but an answer waits for a person.

    flagged: student and words of what a person should look at; seen: how many such flags were ticked off.
    extensions: in words.
    """

    lab: str
    collected: list[str] = field(default_factory=list)
    graded: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    flagged: list[tuple[str, str]] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    interrupted: bool = False
    seen: int = 0

    @property
    def not_yet(self) -> list[str]:
        """Collected, and neither graded nor rejected."""
        return sorted(set(self.collected) - set(self.graded) - {student for student, _ in self.rejected})

    @property
    def waits(self) -> bool:
        """Whether a person has something to do. Who handed in nothing is not waited for."""
        return bool(self.not_yet or self.waiting or self.rejected or self.lost or self.flagged or self.interrupted)

    def __str__(self) -> str:
        lines = [f"{self.lab}: {len(self.collected)} collected, {len(self.graded)} graded"]
        if self.not_yet:
            lines.append(f"not graded yet: {', '.join(self.not_yet)}")
        if self.waiting:
            lines.append(f"written answers wait for a person (formgrader): {', '.join(self.waiting)}")
        lines += [f"rejected: {student or 'nobody known'}: {words}" for student, words in self.rejected]
        lines += [f"NOT graded: {student}: {words}" for student, words in self.lost]
        lines += [f"look at this: {student}: {words}" for student, words in self.flagged]
        if self.flagged:
            lines.append(f"(looked at? `course grade seen {self.lab} STUDENT` ticks it off)")
        if self.seen:
            lines.append(f"looked at before: {self.seen} flag{'' if self.seen == 1 else 's'}")
        if self.missing:
            lines.append(f"missing: {', '.join(self.missing)}")
        if self.extensions:
            lines.append(f"extensions: {'; '.join(self.extensions)}")
        if self.interrupted:
            lines.append("the last run was interrupted: `course grade run --resume` goes on")
        return "\n".join(lines)


def status(course: Course, lab: str) -> Status:
    """Where a lab stands. Reads only."""
    stored, last = results.stored_all(course, lab), state.read(course, lab)
    found = {student: one.graded for student, one in stored.items()}
    rejected = [(row.student, f"{row.file}: {row.reason}") for row in rejections(course, lab)]
    rejected += [(student, graded.rejected) for student, graded in found.items() if graded.rejected]
    due = extensions.due_date(course, lab)
    flags = [row for student, one in stored.items() for row in seen.flags(student, one)]
    ticked = seen.read(course, lab)
    try:
        with course.gradebook() as gradebook:
            marks = read_marks(gradebook, lab)
    except RuntimeError:  # no gradebook yet, or it does not know the lab
        marks = []
    return Status(
        lab,
        course.students_with(lab),
        sorted(student for student, graded in found.items() if not graded.rejected),
        sorted(mark.student for mark in marks if any(cell.waits for cell in mark.cells.values())),
        sorted(rejected),
        sorted(missing(course, lab)),
        [(student, words) for student, words in last.lost],
        [(student, words) for student, submission, words in flags if (student, submission, words) not in ticked],
        [f"{name} {extension.words(due)}" for name, extension in extensions.read(course, lab).items()],
        last.interrupted,
        sum(row in ticked for row in flags),
    )

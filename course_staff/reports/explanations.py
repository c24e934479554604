"""What is explained to a student after the deadline: the author's words on each exercise, and which mistake it was."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from course_staff.gradebook.extensions import last_due_date
from course_staff.reports.mistakes import Mistake, Named, mistakes_of

if TYPE_CHECKING:
    from course_staff.course import Course
    from course_staff.marking.grade import Graded
    from course_staff.marking.lab import Lab
    from course_staff.reports.gathered import Gathered


def check_all_over(course: Course, lab: str) -> None:
    """Raises ValueError while somebody may still hand in, extensions counted, or where nobody knows until when."""
    due = last_due_date(course, lab)
    if due is None:
        raise ValueError(f"--explain: {lab} has no due date, so somebody may still work on it; --now explains anyhow")
    if due > datetime.now(UTC):
        until = f"{due:%Y-%m-%d %H:%M} UTC"
        raise ValueError(f"--explain: the last student may hand in {lab} until {until}; --now explains anyhow")


@dataclass(frozen=True)
class Explanations:
    """Of one lab. written: exercise -> the author's words. named: the mistakes that its wrong answers make."""

    lab: Lab
    written: dict[str, str]
    named: Named

    @classmethod
    def of(cls, course: Course, gathered: Gathered) -> Explanations:
        """From the lab's source and its wrong answers, which are graded where that was not done yet."""
        from course_staff.authoring.explanations import read_explanations
        from course_staff.reports.report import known_mistakes

        named, notes = known_mistakes(course, gathered)
        for note in notes:
            print(note, file=sys.stderr)
        path = course.root / "solutions" / f"{gathered.lab.name}.py"
        return cls(gathered.lab, read_explanations(path), named)

    def to(self, graded: Graded) -> dict[str, str]:
        """Exercise -> Markdown for one student: the known mistake first, where there is one."""
        told = {} if graded.rejected else {name: _told(mistake) for name, mistake in self._mistakes(graded).items()}
        exercises = (cell.exercise for cell in self.lab.graded)
        parts = {name: [told.get(name, ""), self.written.get(name, "")] for name in exercises}
        return {name: "\n\n".join(filter(None, both)) for name, both in parts.items() if any(both)}

    def _mistakes(self, graded: Graded) -> dict[str, Mistake]:
        return mistakes_of(graded, self.lab, self.named)


def _told(mistake: Mistake) -> str:
    """The misconceptions behind it, without the names that authors gave them."""
    words = [text.partition(": ")[2] for text in mistake.named]
    if not words:
        return ""
    known = "This known mistake" if len(words) == 1 else "One of these known mistakes"
    return f"{known} gives what your answer gives: " + " *Or:* ".join(words)

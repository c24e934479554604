"""What a report holds: a row a submission, and what needs a person."""

from __future__ import annotations

from dataclasses import dataclass, field

from course_staff.gradebook.marks import Mark


@dataclass(frozen=True)
class Row:
    """One line of the report. words: what went wrong. seconds, megabytes: of grading it, None if it was not graded.
    look: what a person should look at in it, which cost nothing by itself."""

    student: str
    name: str
    mark: Mark
    words: tuple[str, ...] = ()
    seconds: float | None = None
    megabytes: float | None = None
    look: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """One exercise in class. full: share of submissions with all points; share: of the points. mistakes: most first."""

    exercise: str
    points: float
    by_hand: bool
    full: float | None
    share: float | None
    mistakes: tuple[tuple[str, int], ...] = ()


@dataclass
class Report:
    """All that the page and the table show. unnamed: files that belong to nobody. notes: on the report itself."""

    lab: str
    points: float
    exercises: list[Trouble] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    unnamed: list[tuple[str, str]] = field(default_factory=list)
    run: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def marks(self) -> list[float]:
        """The marks that there are, by machine or finished, smallest first."""
        return sorted(row.mark.mark for row in self.rows if row.mark.mark is not None)

    def count(self, status: str) -> int:
        return sum(row.mark.status == status for row in self.rows)

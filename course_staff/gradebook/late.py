"""Late penalties: a share of the mark for each started day, as points in nbgrader's own field for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from course_staff.gradebook.marks import read_marks

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

    from course_staff.course import Course


def penalty(mark: float, days: int, share: float) -> float:
    """The points that a submission loses: `share` of its mark for each of the started `days`, never more than it has.

    mark: points earned, machine and hand. share: 0 (no penalty) to 1. Rounded to cents of a point.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"expected a late penalty between 0 and 1, the share of the mark lost a day, got {share}")
    return round(max(0.0, mark) * min(1.0, share * max(0, days)), 2)


def update_penalties(gradebook: Gradebook, lab: str, share: float) -> dict[str, float]:
    """Write the late penalties of a lab anew; returns student -> points lost, of those that lose some.

    It is a share of the mark, so it changes when a person has graded a written answer: `course grade export` and
    `course grade feedback` call this again, with the share of the last run.
    """
    found = {}
    for mark in read_marks(gradebook, lab):
        if mark.raw is None:
            continue
        lost = penalty(mark.raw, mark.days_late, share)
        if lost:
            found[mark.student] = lost
        notebooks = gradebook.find_submission(lab, mark.student).notebooks
        for position, notebook in enumerate(sorted(notebooks, key=lambda notebook: notebook.name)):
            wanted = lost if lost and position == 0 else None  # our labs have one notebook
            if notebook.late_submission_penalty != wanted:
                notebook.late_submission_penalty = wanted
    gradebook.db.commit()
    return found


def last_share(course: Course, lab: str) -> float | None:
    """The late penalty of the last run; None where no run is known, so that penalties are someone else's."""
    try:
        return json.loads((course.grading(lab) / "run.json").read_text(encoding="utf-8")).get("late_penalty")
    except (FileNotFoundError, ValueError, AttributeError):
        return None

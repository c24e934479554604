"""One page for each student: the answers as they were graded, points, messages, a person's comments.

Never on it: hidden tests, what they expect, tracebacks of tests, or anything of another student. Outputs of test cells
are replaced by the grader's message. What a student wrote is shown, not run: see `feedback_page.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.files import write_whole
from course_staff.gradebook.extensions import refresh_penalties
from course_staff.reports import explanations, feedback_page
from course_staff.reports.gathered import gather

if TYPE_CHECKING:
    from course_staff.course import Course


def feedback(
    course: Course, lab: str, *, students: list[str] | None = None, explain: bool = False, now: bool = False
) -> list[Path]:
    """Write feedback/STUDENT/LAB/LAB.html (as nbgrader's) for all that are graded or rejected, or for those named.

    explain: with the author's explanations; now: even while somebody may still hand in. Returns the paths. Raises
    ValueError for a student of whom there is nothing, or where it is too early to explain, RuntimeError if nothing is
    graded.
    """
    if explain and not now:
        explanations.check_all_over(course, lab)
    try:
        with course.gradebook() as gradebook:
            refresh_penalties(course, gradebook, lab)
    except RuntimeError:
        pass  # no gradebook: the grader's marks are shown
    gathered = gather(course, lab)
    reasons: dict[str, list[str]] = {}
    for rejection in gathered.rejected:
        if rejection.student:
            reasons.setdefault(rejection.student, []).append(f"{Path(rejection.file).name}: {rejection.reason}")
    known = sorted({*gathered.graded, *reasons})
    if not known:
        raise RuntimeError(f"nothing of {lab} is graded yet: run `course grade run {lab}` first")
    for student in students or []:
        if student not in known:
            raise ValueError(f"nothing of {student!r} is graded in {lab}")
    explained = explanations.Explanations.of(course, gathered) if explain else None
    paths = []
    for student in sorted(students or known):
        graded = gathered.graded.get(student)
        own = explained.to(graded) if explained and graded else {}
        text = feedback_page.page(gathered.lab, gathered.mark(student), graded, reasons.get(student, []), own)
        path = _path(course, student, lab)
        write_whole(path, text)
        paths.append(path)
    return paths


def _path(course: Course, student: str, lab: str) -> Path:
    """Where nbgrader looks for it. Ids are made safe at collection; one of another origin may not lead elsewhere."""
    folder = course.root / "feedback"
    if student in ("", ".", "..") or "/" in student or "\\" in student or "\0" in student:
        raise ValueError(f"a student's id must be fit for a folder's name, got {student!r}")
    return folder / student / lab / f"{lab}.html"

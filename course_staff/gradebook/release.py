"""`course grade release`: the student version of a lab, and the lab in nbgrader's gradebook."""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path

import nbformat
from nbgrader.apps import NbGraderAPI

from course_lib.files import write_whole
from course_staff.authoring import build, source
from course_staff.authoring.answers_kept import work_in
from course_staff.authoring.programs import programs_on_path
from course_staff.course import Course
from course_staff.handin import preflight
from course_staff.handin.archive import Refused


def release(course: Course, lab: str, due: str | None = None) -> str:
    """Derive labs/LAB/LAB.ipynb from the solution, enter the lab into the gradebook; returns what was done, in words.

    due: a time such as "2026-11-30 23:59 Europe/Vienna", of UTC where it names no zone; late penalties count from it.
    Doing it again is safe: marks stay. Raises ValueError for a wrong time or source, RuntimeError where nbgrader
    refuses, as it does when graded cells are added or taken away after submissions were graded, or where the notebook
    in labs/ holds answers.
    """
    try:
        if due and not re.search(r"\d:\d\d|T\d{4}", due):  # midnight would make a whole day late
            raise Refused(f"expected a day and a time, such as 2026-11-30 23:59 Europe/Vienna, got {due!r}")
        when = preflight.moment(due) if due else None
    except Refused as error:
        raise ValueError(f"--due: {error}") from None
    programs_on_path()
    with course.gradebook(create=True):
        pass
    solution = _solution(course.root, lab)
    released = _derive(course, lab, solution)
    mine = course.root / "solutions" / lab / f"{lab}.ipynb"
    mine.parent.mkdir(parents=True, exist_ok=True)
    write_whole(mine, solution)  # formgrader lists only labs that have one
    path = course.root / "labs" / lab / f"{lab}.ipynb"
    same = path.exists() and path.read_text(encoding="utf-8") == released
    if not same and (found := work_in(path, released)):
        raise RuntimeError(f"labs/{lab}/{lab}.ipynb holds {', '.join(found)}: move it away, or `course build --force`")
    if not same:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, released)
    with course.gradebook() as gradebook:
        assignment = gradebook.update_or_create_assignment(lab)
        if when:
            assignment.duedate = when.replace(tzinfo=None)  # nbgrader keeps UTC without saying so
            gradebook.db.commit()
        ends = f"due {assignment.duedate:%Y-%m-%d %H:%M} UTC" if assignment.duedate else "without a due date (--due)"
        points = assignment.max_score
    state = "is as its source says" if same else "written"
    return f"labs/{lab}/{lab}.ipynb {state}; in the gradebook: {points:g} points, {ends}"


def _solution(root: Path, lab: str) -> str:
    """The solution notebook as text: of the lab's text source, or as it lies there."""
    text = root / "solutions" / f"{lab}.py"
    if text.exists():
        return build._text(source.read_lab(text, source.Address.of(root)))
    return (root / "solutions" / lab / f"{lab}.ipynb").read_text(encoding="utf-8")


def _derive(course: Course, lab: str, solution: str) -> str:
    """Let nbgrader derive the student version in a scratch folder, while it notes the cells in the real gradebook."""
    with tempfile.TemporaryDirectory(prefix="course-release-") as folder:
        target = Path(folder, "solutions", lab, f"{lab}.ipynb")
        target.parent.mkdir(parents=True)
        target.write_text(solution, encoding="utf-8")
        config = build._nbgrader_config(course.root, Path(folder))
        config.CourseDirectory.db_url = course.db_url
        config.CourseDirectory.course_id = course.id
        api = NbGraderAPI(config=config)
        api.log.setLevel(logging.ERROR)
        result = api.generate_assignment(lab)
        if not result["success"]:
            raise RuntimeError(f"nbgrader could not release {lab}:\n{result.get('log') or result.get('error')}")
        return build._text(nbformat.read(Path(folder, "labs", lab, f"{lab}.ipynb"), as_version=4))

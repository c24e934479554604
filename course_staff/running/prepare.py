"""A lab made ready for grading: read, run once with its solution, and put into what is sent to workers."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from course_staff.marking.grade import with_expected
from course_staff.marking.lab import Lab
from course_staff.marking.reading import read_lab_to_grade
from course_staff.running.state import CELL_SECONDS
from course_staff.running.work import Opens, Work
from course_staff.sandbox.limits import Limits

if TYPE_CHECKING:
    from course_staff.course import Course


def prepare(course: Course, lab: str, *, cell_seconds: float = CELL_SECONDS, unsafe: bool = False) -> tuple[Lab, Opens]:
    """The lab with what its solution gives, and the work that is sent to workers.

    Raises RuntimeError where a sandbox would show the course to students.
    """
    if not unsafe:
        _check_place(course)
    limits = Limits(cell_seconds=cell_seconds)
    read = read_lab_to_grade(course.root, lab, secret=course.secret)
    plain = sorted(path for path in (course.root / "labs" / lab).glob("*") if path.suffix != ".ipynb")
    files = tuple((path.name, path.read_bytes()) for path in plain if path.is_file())
    work = Work("", read.modules, files, limits, unsafe)
    with work.sandbox() as sandbox:
        read = with_expected(read, sandbox)
    return read, Work(read.to_json(), read.modules, files, limits, unsafe)


def sandbox_name() -> str:
    """Which one, for the report: "bubblewrap 0.8.0"."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=10).stdout.strip()
    return "bubblewrap"


def _check_place(course: Course) -> None:
    """What the sandbox shows of this computer must not hold the course."""
    shown = {Path("/usr"), Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    for path in (course.root, course.sqlite_file):
        for folder in shown:
            if path is not None and path.resolve().is_relative_to(folder):
                raise RuntimeError(
                    f"{path} lies in {folder}, where students' code can read, since Python lies there: move the course"
                )

"""A lab made ready for grading: read, run once with its solution, and put into what is sent to workers."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from course_staff.marking.grade import with_expected
from course_staff.marking.lab import Lab
from course_staff.running import kept
from course_staff.running.state import CELL_SECONDS, SUBMISSION_SECONDS
from course_staff.running.work import Opens, Work
from course_staff.sandbox.limits import Limits

if TYPE_CHECKING:
    from course_staff.course import Course


@dataclass(frozen=True)
class Uncompleted:
    """A lab whose solution was not run yet, which takes a sandbox and some seconds."""

    course: Course
    lab: Lab
    work: Work

    def completed(self) -> tuple[Lab, Opens]:
        """Run the solution, and keep what it gives."""
        with self.work.sandbox() as sandbox:
            lab = with_expected(self.lab, sandbox)
        kept.keep(self.course, lab)
        return lab, replace(self.work, lab=lab.to_json(), modules=lab.modules)


def prepare(course: Course, lab: str, *, unsafe: bool = False) -> tuple[Lab, Opens]:
    """The lab with what its solution gives, and the work that is sent to workers.

    Raises RuntimeError where a sandbox would show the course to students.
    """
    read, work = prepare_lazily(course, lab, unsafe=unsafe)
    return work.completed() if isinstance(work, Uncompleted) else (read, work)


def prepare_lazily(
    course: Course,
    lab: str,
    *,
    cell_seconds: float = CELL_SECONDS,
    submission_seconds: float = SUBMISSION_SECONDS,
    unsafe: bool = False,
) -> tuple[Lab, Opens | Uncompleted]:
    """As `prepare`, but no solution is run: where none was before, the lab as it was read, and what completes it."""
    if not unsafe:
        _check_place(course)
    limits = Limits(cell_seconds=cell_seconds, submission_seconds=submission_seconds)
    read = kept.read_lab(course, lab)
    files = tuple((path.name, path.read_bytes()) for path in kept.lab_files(course, lab))
    work = Work(read.to_json() if read.is_complete else "", read.modules, files, limits, unsafe)
    if read.is_complete:
        return read, work
    return read, Uncompleted(course, read, work)


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

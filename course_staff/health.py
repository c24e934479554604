"""What an instructor's machine needs beyond a student's: nbgrader, and the sandbox for students' notebooks."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping

from course_lib import doctor
from course_lib.doctor import OK, WARN, Finding
from course_lib.project import PLACEHOLDER, course_address, project_root
from course_staff.sandbox import bwrap


def _nbgrader() -> Finding:
    """Is nbgrader here?"""
    try:
        return Finding("nbgrader", OK, importlib.metadata.version("nbgrader"))
    except importlib.metadata.PackageNotFoundError:
        return Finding("nbgrader", WARN, "not installed", 'pip install "course_lib[instructor]"')


def _sandbox() -> Finding:
    """Can students' notebooks be graded in a sandbox?"""
    found = bwrap.diagnosis()
    if found is None:
        return Finding("sandbox", OK, f"{bwrap.version()} runs here")
    return Finding("sandbox", WARN, *found)


def _address() -> Finding:
    """Has the course been told where it is published?"""
    root = project_root()
    if root is None or course_address(root)[0] != PLACEHOLDER:
        return doctor.address()
    remedy = "`course publish FOLDER --push URL` writes the students' copy, with an address of its own"
    return Finding("address", WARN, "this copy has none: it shows no badges, and its labs install nothing", remedy)


#: What `course doctor --staff` looks at beside what every student needs, or with other eyes.
CHECKS: Mapping[str, Callable[[], Finding]] = {"address": _address, "nbgrader": _nbgrader, "sandbox": _sandbox}

#: Without these nobody can grade: `course doctor --staff` ends with 1 where one of them is not OK.
NEEDED = ("nbgrader", "sandbox")

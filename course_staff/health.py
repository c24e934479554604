"""What an instructor's machine needs beyond a student's: nbgrader, and the sandbox for students' notebooks."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping

from course_lib.doctor import OK, WARN, Finding
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


#: What `course doctor --staff` looks at beside what every student needs.
CHECKS: Mapping[str, Callable[[], Finding]] = {"nbgrader": _nbgrader, "sandbox": _sandbox}

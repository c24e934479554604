"""A lab as it was read, and as a run of its solution completed it: kept in grading/LAB/lab.json.

Reading a lab takes nbgrader and jupytext, completing it takes a sandbox: seconds each, for what is the same every time.
What is kept holds as long as nothing that it was made from has changed: the lab's source and files, the course's
settings and secret, the code of both packages, Python and what is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.files import write_whole
from course_staff.marking.lab import Lab
from course_staff.running.work import code_digest

if TYPE_CHECKING:
    from course_staff.course import Course

FILE = "lab.json"


def read_lab(course: Course, name: str) -> Lab:
    """The lab, complete where its solution was run before. Raises SourceError where the source is wrong."""
    key = _key(course, name)
    try:
        found = json.loads((course.grading(name) / FILE).read_text(encoding="utf-8"))
        if found["key"] == key:
            return Lab.from_json(found["lab"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or none that can be read: it is made again
        pass
    from course_staff.marking.reading import read_lab_to_grade

    lab = read_lab_to_grade(course.root, name, secret=course.secret)
    _keep(course, lab, key)
    return lab


def keep(course: Course, lab: Lab) -> None:
    """Keep a lab that its solution has completed."""
    _keep(course, lab, _key(course, lab.name))


def lab_files(course: Course, name: str) -> list[Path]:
    """The files that lie beside the released notebook: a lab may read them."""
    found = (path for path in (course.root / "labs" / name).glob("*") if path.suffix != ".ipynb")
    return sorted(path for path in found if path.is_file())


@cache
def environment() -> str:
    """A digest of what code runs on: Python, the kind of machine, names and versions of all that is installed."""
    names = {name for folder in sys.path if os.path.isdir(folder) for name in os.listdir(folder)}
    installed = sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))
    return hashlib.sha256(json.dumps([sys.version, platform.machine(), installed]).encode()).hexdigest()


def _key(course: Course, name: str) -> str:
    digest = hashlib.sha256("\n".join([code_digest(), environment(), course.secret, name]).encode())
    settings = [course.root / part for part in ("pyproject.toml", "nbgrader_config.py", f"solutions/{name}.py")]
    for path in [*settings, *lab_files(course, name)]:
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"\n{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _keep(course: Course, lab: Lab, key: str) -> None:
    path = course.grading(lab.name) / FILE
    path.parent.parent.mkdir(mode=0o700, exist_ok=True)  # it holds the hidden tests
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps({"key": key, "lab": lab.to_json()}) + "\n")

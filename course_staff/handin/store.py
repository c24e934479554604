"""Writing one submission into submitted/STUDENT/LAB, in one step and nowhere else."""

from __future__ import annotations

import contextlib
import os
import shutil
from datetime import datetime
from pathlib import Path

from course_lib.files import write_whole
from course_staff.course import Course
from course_staff.handin import preflight
from course_staff.handin.archive import Refused, read_plain

STAMP = "timestamp.txt"
UNCHANGED = "unchanged"
REPLACED = "replaces the one collected before"


def store(course: Course, student: str, lab: str, data: bytes, submitted: datetime | None) -> str:
    """Write a notebook and its time stamp; returns a note: "", UNCHANGED or REPLACED.

    Raises Refused where a newer one is already there, or where submitted/STUDENT/LAB leads elsewhere.
    """
    target = course.submitted(student, lab)
    for folder in (target.parents[1], target.parent, target):
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise Refused(f"{folder.relative_to(course.root)} is a link or a file: nothing is written there")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        return _update(target / f"{lab}.ipynb", data, submitted)
    scratch = target.parents[1] / f".collect-{os.getpid()}-{student}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        _write(scratch / f"{lab}.ipynb", data, submitted)
        os.rename(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return ""


def stored_time(course: Course, student: str, lab: str) -> datetime | None:
    """When the stored submission was handed in; None where that is not known."""
    with contextlib.suppress(Refused, UnicodeDecodeError):
        return preflight.moment(read_plain(course.submitted(student, lab) / STAMP, 200).decode())
    return None


def _update(notebook: Path, data: bytes, submitted: datetime | None) -> str:
    old = before = None
    with contextlib.suppress(Refused):
        old = read_plain(notebook, max(len(data), preflight.COLLECTED_BYTES))
    with contextlib.suppress(Refused, UnicodeDecodeError):
        before = preflight.moment(read_plain(notebook.with_name(STAMP), 200).decode())
    if old == data and submitted in (None, before):
        return UNCHANGED  # what is known of its time stays known
    if old is not None and submitted and before and submitted < before:
        raise Refused(f"it is older than the one already collected, of {preflight.stamp(before)}")
    _write(notebook, data, submitted or before)  # what comes later is no less late
    return REPLACED if old not in (None, data) else ""


def _write(notebook: Path, data: bytes, submitted: datetime | None) -> None:
    stamp = notebook.with_name(STAMP)
    if submitted is None:
        stamp.unlink(missing_ok=True)
    else:
        write_whole(stamp, f"{preflight.stamp(submitted)}\n")
    write_whole(notebook, data)

"""The columns of a gradebook export of Canvas: what an assignment is called there, with Canvas's number of it.

A column that is called so goes to that assignment when marks are imported; any other makes a new one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from course_lib.files import write_whole

if TYPE_CHECKING:
    from course_staff.course import Course

_ASSIGNMENT = re.compile(r".+ \(\d+\)")


def keep_columns(course: Course, headings: Iterable[str]) -> None:
    """Keep the names of the assignments among the headings of an export, if it has any."""
    found = [heading for heading in headings if _ASSIGNMENT.fullmatch(heading)]
    if not found:
        return
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["column"], *([heading] for heading in found)])
    write_whole(course.root / "grading" / "canvas_columns.csv", text.getvalue())


def column_of(course: Course, lab: str) -> str | None:
    """What Canvas calls a lab: "Lab 02 Autoencoder (1234)"; None where no kept column, or more than one, is of it."""
    try:
        with open(course.root / "grading" / "canvas_columns.csv", encoding="utf-8", newline="") as stream:
            headings = [row["column"] for row in csv.DictReader(stream)]
    except FileNotFoundError:
        return None
    found = [heading for heading in headings if _names(heading, lab)]
    return found[0] if len(found) == 1 else None


def _names(heading: str, lab: str) -> bool:
    """Whether a title has the lab's word and number: "Lab 2: …" is lab02, "Lab 20" is not."""
    title = heading.rpartition(" (")[0].lower()
    short = re.match(r"([a-z]+)0*(\d+)", lab.lower())
    if short is None:
        return title == lab.lower()
    return bool(re.search(rf"(?<![^\W\d_]){short[1]}[\W_]*0*{short[2]}(?!\d)", title))

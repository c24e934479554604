"""The columns of a gradebook export of Canvas: what an assignment is called there, with Canvas's number of it.

A column that is called so goes to that assignment when marks are imported; any other makes a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from course_staff.handin import spreadsheet

if TYPE_CHECKING:
    from course_staff.course import Course

_ASSIGNMENT = re.compile(r".+ \(\d+\)")


def keep_columns(course: Course, headings: Iterable[str]) -> None:
    """Keep the names of the assignments among the headings of an export, if it has any."""
    found = [heading for heading in headings if _ASSIGNMENT.fullmatch(heading)]
    if found:
        spreadsheet.write(course.root / "grading" / "canvas_columns.csv", [["column"], *([name] for name in found)])


def column_of(course: Course, lab: str) -> str | None:
    """What Canvas calls a lab: "Lab 02 Autoencoder (1234)"; None where no kept column, or more than one, is of it."""
    rows = spreadsheet.read(course.root / "grading" / "canvas_columns.csv")
    found = [row["column"] for row in rows if _names(row["column"], lab)]
    return found[0] if len(found) == 1 else None


def _names(heading: str, lab: str) -> bool:
    """Whether a title has the lab's word and number: "Lab 2: …" is lab02, "Lab 20" and "Lab 2b" are not."""
    title = heading.rpartition(" (")[0].lower()
    short = re.match(r"([a-z]+)0*(\d+(?:[a-z](?![a-z]))?)", lab.lower())
    if short is None:
        return title == lab.lower()
    return bool(re.search(rf"(?<![^\W\d_]){short[1]}[\W_]*0*{short[2]}(?!\d|[a-z](?![a-z]))", title))

"""Cells of tables that people open in a spreadsheet: what it would run as a formula gets an apostrophe in front.

Also inside a text: where a comma is the decimal mark, spreadsheets end a cell at each semicolon. `plain` takes back
what `harmless` adds, so that our own readers see the text as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from course_lib.files import write_whole

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # also as Japanese and Chinese keyboards write them
_FIRST = re.compile(rf"(?='*(?:[{_SIGNS}]|[\t\r\n]))")
_INSIDE = re.compile(rf"(?<=[\s\S])([;\t\r\n][ \"']*)(?=[{_SIGNS}]\S)")
_ADDED_FIRST = re.compile(rf"'(?='*(?:[{_SIGNS}]|[\t\r\n]))")
_ADDED_INSIDE = re.compile(rf"(?<=[\s\S])([;\t\r\n][ \"']*)'(?=[{_SIGNS}]\S)")


def harmless(value: object) -> str:
    """A cell that no spreadsheet runs. Numbers stay numbers, and a dash alone a dash."""
    text = _INSIDE.sub(r"\1'", str(value).replace("\0", ""))
    if _FIRST.match(text) and text != "-" and not _is_number(text):
        return "'" + text
    return text


def plain(text: str) -> str:
    """The text of a cell that `harmless` made."""
    if _ADDED_FIRST.match(text):
        text = text[1:]
    return _ADDED_INSIDE.sub(r"\1", text)


def write(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """A table of ours, its headings first."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.getvalue())


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a table that `write` wrote, by heading; none where there is no file."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except FileNotFoundError:
        return []
    return [{name: plain(text or "") for name, text in row.items() if name} for row in rows]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text

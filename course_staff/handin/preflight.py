"""Is this a submission of the lab? Times and notebooks, checked before anything of them is stored.

What is checked is only what would make grading meaningless: no JSON, no cells, another lab. All else (forged
metadata, missing tests, nbformat 3 …) is for the grader, which repairs it.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import dateutil.parser
import dateutil.tz

from course_staff.handin.archive import Refused, read_plain

MAX_BYTES = 20_000_000  # of a notebook, unless told otherwise
COLLECTED_BYTES = 100_000_000  # of one that was collected, perhaps with a larger --max-mb
_PACKED = {b"PK\x03\x04": "a zip", b"%PDF": "a PDF", b"\x1f\x8b": "a .gz archive", b"Rar!": "a .rar archive"}


def read_notebook(path: Path, max_bytes: int = COLLECTED_BYTES) -> bytes:
    """The bytes of a collected notebook: a plain file with cells. Raises Refused, with the reason in words."""
    data = read_plain(path, max_bytes)
    check_notebook(data)
    return data


def check_notebook(data: bytes, marks: frozenset[str] = frozenset()) -> None:
    """Raises Refused where `data` is no notebook, or has nothing of the lab. marks: see `marks_of`."""
    for start, kind in _PACKED.items():
        if data.startswith(start):
            raise Refused(f"it is {kind}, not a notebook: ask for the .ipynb file")
    if not data.strip():
        raise Refused("it is empty")
    if re.match(rb"\s*(<!doctype|<html)", data[:200], re.IGNORECASE):
        raise Refused("it is a web page, not a notebook: ask for the .ipynb file")
    try:
        text = data.decode("utf-8-sig")
        notebook = json.loads(text)
    except UnicodeDecodeError:
        raise Refused("it is not a notebook: its text is not UTF-8") from None
    except RecursionError:
        raise Refused("it is not a notebook: its JSON is nested without end") from None
    except ValueError as error:
        raise Refused(f"it is not a notebook: invalid JSON ({error})"[:200]) from None
    if not _cells(notebook):
        raise Refused("it is JSON, but no notebook with cells")
    if marks and not any(mark in text for mark in marks):
        raise Refused("it has nothing of this lab: another notebook?")


def _cells(notebook: object) -> bool:
    if not isinstance(notebook, dict):
        return False
    sheets = notebook.get("worksheets")  # nbformat 3
    lists = [notebook.get("cells")]
    if isinstance(sheets, list):
        lists += [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return any(isinstance(cells, list) and cells for cells in lists)


def marks_of(released: Path) -> frozenset[str]:
    """Pieces of text of which any submission of a lab has at least one: ids, names that answers define, headings.

    released: the notebook that students got; where there is none, an empty set (nothing is then checked).
    """
    try:
        cells = json.loads(released.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return frozenset()
    marks = {released.stem}
    for cell in cells:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        source = "".join(cell["source"])
        if name:
            marks |= {f'"{name}"', *re.findall(r"^(?:def|class) \w+", source, re.MULTILINE)}
        elif cell["cell_type"] == "markdown":
            marks |= {line.strip() for line in re.findall(r'^#+ ([^"\\\n]{12,})$', source, re.MULTILINE)}
    return frozenset(marks)


def moment(text: str, zone: str = "UTC") -> datetime:
    """A time as people and programs write it -> aware, in UTC.

    It may end in a zone ("2026-11-30 23:59 Europe/Vienna", "… UTC", "… +0100"); else it is of `zone`. In 30.11.2026 the
    day comes first. Raises Refused for what is no time, lacks a year or a day, may be two days (11/12/2026), or lies
    before 2000.
    """
    given = text = text.strip()
    tail = text.rsplit(None, 1)[-1] if " " in text else ""
    if re.fullmatch(r"[A-Za-z]{3,}(/[A-Za-z_+\-0-9]+)*", tail):
        text, zone = text[: -len(tail)].strip(), tail
    dotted = bool(re.search(r"(?<!\d)\d{1,2}\.\d{1,2}\.\d{4}", text))
    slashes = re.search(r"(?<!\d)(\d{1,2})/(\d{1,2})/\d{4}", text)
    if slashes and int(slashes[1]) != int(slashes[2]) and max(int(slashes[1]), int(slashes[2])) <= 12:
        raise Refused(f"expected a time such as 2026-11-30 23:59: {text[:60]!r} may be two days")
    try:
        if not re.search(r"(?<!\d)(19|20)\d\d(?!\d{5})", text):
            raise ValueError("no year")
        days = (datetime(2000, 1, 1), datetime(2000, 2, 2))
        first, second = (dateutil.parser.parse(text, default=day, dayfirst=dotted) for day in days)
        if first != second:
            raise ValueError("no day")
        moved = first if first.tzinfo else first.replace(tzinfo=time_zone(zone))
        moved = moved.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError, TypeError, KeyError, OSError):
        raise Refused(f"expected a time such as 2026-11-30 23:59 Europe/Vienna, got {given[:60]!r}") from None
    if moved.year < 2000:
        raise Refused(f"expected a time after the year 2000, got {text[:60]!r}")
    return moved


def time_zone(name: str) -> tzinfo:
    """The time zone of a name such as Europe/Vienna; raises ValueError where there is none."""
    found = dateutil.tz.gettz(name) if re.fullmatch(r"[A-Za-z]+(/[A-Za-z_+\-0-9]+)*", name) else None
    if found is None:
        raise ValueError(f"expected a time zone such as Europe/Vienna, got {name!r}")
    return found


def ahead(when: datetime) -> bool:
    """Whether a time lies in the future by more than a day, which two clocks may differ by."""
    return when > datetime.now(UTC) + timedelta(days=1)


def past(when: datetime) -> datetime:
    """A time that can be that of a submission. Raises Refused where it lies in the future (a day is allowed)."""
    if ahead(when):
        raise Refused(f"its time stamp lies in the future: {when:%Y-%m-%d %H:%M} UTC")
    if when.year < 2000:
        raise Refused(f"its time stamp lies before the year 2000: {when:%Y-%m-%d %H:%M} UTC")
    return when


def stamp(when: datetime) -> str:
    """A time as nbgrader writes it into timestamp.txt."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

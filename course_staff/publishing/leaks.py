"""Is there anything in a students' copy that students must not see? Asked of its files, and of all that its git holds.

What is secret is read from the lab sources: the lines of solutions, hidden tests, hidden values, mark schemes,
explanations, cards and wrong answers, as far as they stand nowhere that students may read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from course_staff.authoring.source import lab_sources

_BEGIN = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME|EXPLANATION|CARD)")
_END = re.compile(r"### END (SOLUTION|HIDDEN TESTS|MARK SCHEME|EXPLANATION|CARD)")
_LINE = re.compile(r"### (HIDDEN VALUE|EXEMPT):")
#: Only a lab source has these.
MARKS = re.compile(rf"{_BEGIN.pattern}|{_END.pattern}|{_LINE.pattern}|\.wrong\.py")
STAFF_FOLDERS = frozenset(("solutions", "tests", "course_staff", "submitted", "autograded", "feedback", "grading"))
#: A shorter line, such as `return x`, gives nothing away.
SHORTEST = 20


def secret_lines(root: Path, public: Iterable[bytes]) -> frozenset[str]:
    """The lines that no student may see. public: files that are nobody's secret, such as the library's."""
    secret: set[str] = set()
    open_ = {_plain(line) for data in public for line in _lines(data)}
    for path in lab_sources(root):
        hidden = False
        for line in path.read_text(encoding="utf-8").splitlines():
            hidden = (hidden or bool(_BEGIN.search(line))) and not _END.search(line)
            (secret if hidden or _LINE.search(line) else open_).add(_plain(line))
    for path in (root / "solutions").glob("*.wrong.py"):
        secret |= {_plain(line) for line in path.read_text(encoding="utf-8").splitlines()}
    told = (line for line in secret - open_ if not line.startswith(("import ", "from ", "### BEGIN")))
    return frozenset(line for line in told if len(line) >= SHORTEST)


def leaks(files: Iterable[tuple[str, bytes]], secret: frozenset[str]) -> list[str]:
    """What must not be in these files, a sentence each. files: name (a path, or what else tells it) and content."""
    found = []
    for name, data in files:
        path = PurePosixPath(name)
        if STAFF_FOLDERS & set(path.parts) or path.name.endswith((".wrong.py", ".db")):
            found.append(f"{name}: a file of the staff")
        for line in _lines(data):
            if MARKS.search(line) or _plain(line) in secret:
                found.append(f"{name}: {line.strip()[:80]}")
    return found


def _plain(line: str) -> str:
    """A line as it stands in a notebook: the comment sign of percent format goes, and white space around it."""
    return line.strip().removeprefix("# ").strip()


def _lines(data: bytes) -> list[str]:
    """The lines of a text, for a notebook those of all texts in it; none where it is no text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return []
    lines = text.splitlines()
    if text.startswith("{"):
        try:
            lines += [line for string in _strings(json.loads(text)) for line in string.splitlines()]
        except ValueError:
            pass
    return lines


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)

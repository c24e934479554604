"""How long each lab is, in the version that students get; ends with 1 where a limit is passed.

.venv/bin/python scripts/lengths.py [lab05 …]

Words are those of the text cells, without tables, formulas, code blocks and addresses of links. Code is what a student
sees of it: all lines of all code cells but the tests, which are collapsed and counted apart, and the two cells that
`course build` writes into every lab. What is counted is derived anew from the sources, in a scratch folder.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.student.notebook import MY, SETUP
from course_staff.authoring import source
from course_staff.authoring.build import derive

ROOT = Path(__file__).resolve().parents[1]
WORDS, CODE, CELL, LINE = 2200, 450, 30, 100  # limits: words, lines of code, lines of a cell, characters of a line


@dataclass(frozen=True)
class Length:
    """Of one lab. tests: lines of the collapsed cells; cell, line: the longest one; minutes: None without a card."""

    lab: str
    words: int
    code: int
    tests: int
    cell: int
    line: int
    points: float
    minutes: float | None

    def passed(self) -> list[str]:
        """Each limit that is passed, in words."""
        found = []
        for what, value, limit in (
            ("words of prose", self.words, WORDS),
            ("visible lines of code", self.code, CODE),
            ("lines in one visible cell", self.cell, CELL),
            ("characters in one line of code", self.line, LINE),
        ):
            if value > limit:
                found.append(f"{self.lab}: {value} {what}, at most {limit}")
        return found


def lengths(root: Path, labs: list[str] | None = None) -> list[Length]:
    """Of all labs in order, or of those named. Raises SourceError for a source that cannot be derived."""
    with tempfile.TemporaryDirectory(prefix="course-lengths-") as folder:
        derived = derive(root, Path(folder), labs)
    found = []
    for path in source.lab_sources(root, labs):
        text = derived[Path("labs", path.stem, f"{path.stem}.ipynb")]
        card = source.card_of(path)
        minutes = sum(card.minutes.values()) if card else None
        found.append(length_of(path.stem, nbformat.reads(text, as_version=4), minutes))
    return found


def length_of(lab: str, notebook: NotebookNode, minutes: float | None = None) -> Length:
    """The length of a student version."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code = [cell for cell in code if not {MY, SETUP} & set(cell.metadata.get("tags", []))]
    tests = [cell for cell in code if cell.metadata.get("nbgrader", {}).get("grade")]
    shown = [_lines(cell.source) for cell in code if cell not in tests]
    graded = [cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells]
    return Length(
        lab=lab,
        words=sum(words(cell.source) for cell in notebook.cells if cell.cell_type == "markdown"),
        code=sum(map(len, shown)),
        tests=sum(len(_lines(cell.source)) for cell in tests),
        cell=max(map(len, shown), default=0),
        line=max((len(line) for cell in code for line in _lines(cell.source)), default=0),
        points=float(sum(graded)),
        minutes=minutes,
    )


def words(text: str) -> int:
    """Words of prose in Markdown; a formula or a piece of code inside a sentence counts as one word."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    text = re.sub(r"^\s*\|.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`|\$[^$]*\$", "x", text)
    text = re.sub(r"<[^>]+>", "", text)
    return sum(any(letter.isalnum() for letter in word) for word in text.split())


def _lines(text: str) -> list[str]:
    return text.strip("\n").split("\n")


def main() -> int:
    """Print the table, then which limits are passed."""
    parser = argparse.ArgumentParser(description="Words, lines and cell lengths of each lab, and what passes a limit.")
    parser.add_argument("labs", nargs="*", help='such as "lab05"; default: all')
    found = lengths(ROOT, parser.parse_args().labs or None)
    print(f"{'lab':<34} words  code  tests  cell  line  points  minutes")
    for one in found:
        minutes = "-" if one.minutes is None else f"{one.minutes:g}"
        print(
            f"{one.lab:<34} {one.words:5}  {one.code:4}  {one.tests:5}  {one.cell:4}  {one.line:4}"
            f"  {one.points:6g}  {minutes:>7}"
        )
    passed = [line for one in found for line in one.passed()]
    print(
        "\n".join(passed) or f"no lab passes a limit: {WORDS} words, {CODE} lines of code, {CELL} a cell, {LINE} wide"
    )
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())

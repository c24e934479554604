"""Answers copied from where every student can read: the library's text, and the visible tests.

Compared as pairs are, without layout, comments, docstrings and chosen names. What the stub or the solution has says
nothing, so a right answer that the library's function happens to equal is no lead.
"""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import course_lib
from course_staff.reports.similar import LONGEST, SHARE, pieces

if TYPE_CHECKING:
    from course_staff.marking.lab import GradedCell, Lab

FEWEST = 20  # pieces in common: about three lines of code that nobody writes twice by chance


@dataclass(frozen=True)
class Copy:
    """An answer that has the text of `origin`. alike: the share of what is its own, or of the origin, in common."""

    exercise: str
    student: str
    origin: str
    alike: float


class Origins:
    """Texts that students can copy from, found by the pieces that they are made of."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        """texts: what to call it, and its code."""
        self._sizes: list[tuple[str, int]] = []
        self._where: dict[tuple, list[int]] = {}
        for name, code in texts:
            found = pieces(code, code=True)
            if len(found) < FEWEST:
                continue
            for piece in found:
                self._where.setdefault(piece, []).append(len(self._sizes))
            self._sizes.append((name, len(found)))

    def best(self, own: frozenset) -> tuple[str, float] | None:
        """The text that an answer has most of, if that is no chance. own: the pieces that are the student's."""
        shared = Counter(number for piece in own for number in self._where.get(piece, ()))
        leads = []
        for number, count in shared.items():
            name, size = self._sizes[number]
            alike = max(count / len(own), count / size)
            if count >= FEWEST and alike >= SHARE:
                leads.append((count, alike, name))
        return (max(leads)[2], max(leads)[1]) if leads else None


def copied(cell: GradedCell, answers: Mapping[str, str], tests: Origins, library: Origins) -> list[Copy]:
    """The leads of one exercise, in order of the students. answers: student -> source of the answer cell."""
    if cell.by_hand:
        return []
    given = pieces(cell.stub, code=True) | pieces(cell.solution, code=True)
    leads = []
    for student, text in sorted(answers.items()):
        own = pieces(text[:LONGEST], code=True) - given
        if found := tests.best(own) or library.best(own):
            leads.append(Copy(cell.exercise, student, *found))
    return leads


def visible_tests(lab: Lab) -> Origins:
    """The visible tests: each as a whole, and each function in it."""
    return Origins(
        found
        for cell in lab.graded
        if not cell.by_hand
        for found in [(f"the test {cell.name}", cell.source), *_functions(cell.source, f"the test {cell.name}")]
    )


@cache
def library() -> Origins:
    """The functions and classes of `course_lib`, read as text."""
    folder = Path(course_lib.__file__).parent
    paths = sorted(folder.rglob("*.py"))
    return Origins(
        found
        for path in paths
        for found in _functions(path.read_text(encoding="utf-8"), f"course_lib/{path.relative_to(folder).as_posix()}")
    )


def _functions(code: str, where: str) -> Iterator[tuple[str, str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            text = ast.get_source_segment(code, node, padded=True)
            if text:
                yield f"{where}, {node.name}", textwrap.dedent(text)

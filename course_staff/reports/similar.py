"""Near-identical answers: pairs of students whose answers share what hardly anyone else wrote. A lead, never a proof.

An answer is compared without its layout, comments, docstrings and the names that the student chose. What is left are
overlapping pieces of a few tokens. A piece that the stub, the solution or half of the class has too says nothing; a
piece of two students alone says most. So a short answer that every right solution shares is no lead, however equal.
Comments, which nobody must write, are compared on their own. Written answers are compared word by word. What is copied
from the library or from a visible test is told as that: see `copied.py`.
"""

from __future__ import annotations

import ast
import io
import itertools
import keyword
import math
import re
import tokenize
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_lib.files import write_whole
from course_staff.handin.archive import printable
from course_staff.reports.export import table

if TYPE_CHECKING:
    from course_staff.course import Course
    from course_staff.marking.lab import GradedCell
    from course_staff.reports.copied import Copy

PIECE = 5  # tokens or words
SHARE = 0.6  # of the weight of what is their own that two answers have in common
WEIGHT = 40.0  # of all that they have in common: about 12 pieces that no third student of 30 has
SMALL_CLASS = 20  # in a smaller one, pieces weigh as in one of this size
LONGEST = 30_000  # characters of an answer that are read
COMMENT = 20  # characters of a comment below which it says nothing

HEADING = """\
Near-identical answers in {lab}: a lead to look at, never a proof.
Students who learn together, or from the same page, write alike. Read both answers, and talk to both students first.
"""


@dataclass(frozen=True)
class Pair:
    """Two answers to one exercise. alike: 0 to 1, of what is their own. weight: of what they share.

    comments: the comments that both have, and nobody else.
    """

    exercise: str
    first: str
    second: str
    alike: float
    weight: float
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leads:
    """What `similar` found; print it."""

    lab: str
    pairs: tuple[Pair, ...]
    answers: int
    copies: tuple[Copy, ...] = ()

    def __str__(self) -> str:
        lines = [HEADING.format(lab=self.lab)]
        for pair in self.pairs:
            lines.append(
                f"{pair.exercise}: {pair.first} and {pair.second}"
                f" ({pair.alike:.0%} alike in what is their own, weight {pair.weight:.0f})"
            )
            lines += [f"    both wrote the comment: {printable(comment)}" for comment in pair.comments[:3]]
        for copy in self.copies:
            lines.append(f"{copy.exercise}: {copy.student} has the text of {copy.origin} ({copy.alike:.0%} alike)")
        pairs = "1 pair" if len(self.pairs) == 1 else f"{len(self.pairs)} pairs"
        lines.append(f"{pairs} among {self.answers} answers")
        return "\n".join(lines)

    def table(self) -> str:
        """The leads as CSV: a row for each pair, and for each answer that is copied from what all can read."""
        rows = [["exercise", "student", "like", "alike", "weight", "comments"]]
        for pair in self.pairs:
            said = "; ".join(printable(comment) for comment in pair.comments)
            rows.append([pair.exercise, pair.first, pair.second, f"{pair.alike:.2f}", f"{pair.weight:.1f}", said])
        for copy in self.copies:
            rows.append([copy.exercise, copy.student, copy.origin, f"{copy.alike:.2f}", "", ""])
        return table(rows)


def similar(course: Course, lab: str) -> Leads:
    """Compare the graded answers of a lab, exercise by exercise; also writes grading/LAB/similar.csv.

    Raises RuntimeError where nothing is graded.
    """
    from course_staff.reports import copied
    from course_staff.reports.gathered import gather

    gathered = gather(course, lab)
    everything = gathered.answers()
    if not everything:
        raise RuntimeError(f"nothing of {lab} is graded yet: run `course grade run {lab}` first")
    pairs, copies, count = [], [], 0
    tests, library = copied.visible_tests(gathered.lab), copied.library()
    for cell in gathered.lab.graded:
        answers = {student: found[cell.exercise] for student, found in everything.items() if cell.exercise in found}
        count += len(answers)
        pairs += compare(cell, answers)
        copies += copied.copied(cell, answers, tests, library)
    leads = Leads(lab, tuple(pairs), count, tuple(copies))
    path = course.grading(lab) / "similar.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, leads.table())
    return leads


def compare(cell: GradedCell, answers: dict[str, str]) -> list[Pair]:
    """The leads in one exercise, strongest first. answers: student -> source of the answer cell."""
    answers = {student: text[:LONGEST] for student, text in answers.items()}
    said_by = {student: pieces(text, code=not cell.by_hand) for student, text in answers.items()}
    given = pieces(cell.stub, code=not cell.by_hand) | pieces(cell.solution, code=not cell.by_hand)
    own = {student: found - given for student, found in said_by.items()}
    writers = Counter(piece for found in own.values() for piece in found)
    size = max(len(answers), SMALL_CLASS)
    weight = {piece: math.log2(size / count) for piece, count in writers.items() if count < size}
    totals = {student: _sum(found, weight) for student, found in own.items()}
    known = _comments(cell.stub) | _comments(cell.solution)
    comments = {student: frozenset() if cell.by_hand else _comments(text) - known for student, text in answers.items()}
    said = Counter(comment for found in comments.values() for comment in found)
    leads = []
    for first, second in itertools.combinations(sorted(answers), 2):
        shared = _sum(own[first] & own[second], weight)
        together = totals[first] + totals[second] - shared
        alike = shared / together if together else 0.0
        same = tuple(sorted(text for text in comments[first] & comments[second] if said[text] == 2))
        if (alike >= SHARE and shared >= WEIGHT) or len(same) >= 2:
            leads.append(Pair(cell.exercise, first, second, alike, shared, same))
    return sorted(leads, key=lambda pair: (-round(pair.weight, 6), pair.first, pair.second))


def _sum(pieces: frozenset, weight: dict) -> float:
    return math.fsum(weight.get(piece, 0.0) for piece in pieces)


def pieces(text: str, *, code: bool) -> frozenset:
    """The overlapping runs of PIECE tokens of code, or of words."""
    words = normalised(text) if code else re.findall(r"\w+", text.lower())
    return frozenset(tuple(words[start : start + PIECE]) for start in range(len(words) - PIECE + 1))


def normalised(code: str) -> list[str]:
    """The tokens of code without layout, comments and docstrings; a name that the code itself binds is just "name".

    What cannot be parsed is compared by its words.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python about the student's code
            tree = ast.parse(code)
        tokens = list(tokenize.generate_tokens(io.StringIO(ast.unparse(_bare(tree))).readline))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return re.findall(r"\w+|[^\w\s]", re.sub(r"#.*", "", code))
    chosen = _bound(tree)
    layout = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT)
    return [
        "name" if token.type == tokenize.NAME and token.string in chosen else token.string
        for token in tokens
        if token.type not in layout
    ]


def _bare(tree: ast.Module) -> ast.Module:
    """The code without docstrings, and other strings that stand alone."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [part for part in body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
            body[:] = kept or [ast.Pass()]
    return tree


def _bound(tree: ast.Module) -> set[str]:
    """The names that code gives to its own things."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
    return {name for name in found if not keyword.iskeyword(name)}


def _comments(code: str) -> frozenset[str]:
    found = (" ".join(text.lower().split()) for text in re.findall(r"#+\s*(.*)", code))
    return frozenset(text for text in found if len(text) >= COMMENT)

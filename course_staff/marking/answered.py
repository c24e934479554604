"""Is there an answer at all? One that nobody wrote earns nothing, whatever its test says."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from course_staff.code.strangers import parsed
from course_staff.marking.lab import GradedCell
from course_staff.marking.needed import names_of_stranger


def is_answered(cell: GradedCell, answers: Iterable[str], others: Iterable[str]) -> bool:
    """Has anybody written something for an exercise, by the text alone?

    answers: the cells that hold the answer. others: the student's other cells, where it may stand too. An answer that
    binds none of the names that the exercise asks for is none, and so is a stub without its last line.
    """
    answers = [text for text in answers if text.strip()]
    asked = _asked(cell)
    if any(_binds(text) & asked for text in others):
        return True
    if not any(_code(text) != _code(cell.stub) for text in answers):
        return False
    return not asked or any(_binds(text) & asked or parsed(text) is None for text in answers)


def _asked(cell: GradedCell) -> set[str]:
    """The names that the stub, or else the solution, binds and the test reads."""
    test = names_of_stranger(cell.full_source)
    values = [names_of_stranger(value.expression).needs for value in cell.values]
    read = test.needs.union(test.later, *values)
    return (_binds(cell.stub) & read) or (_binds(cell.solution) & read)


def _binds(source: str) -> set[str]:
    return names_of_stranger(source).binds


def _code(source: str) -> str:
    """The code without what a stub has in place of an answer: words, `pass`, `raise NotImplementedError`."""
    tree = parsed(source)
    if tree is None:
        return source
    try:
        for node in ast.walk(tree):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    setattr(node, field, [part for part in block if not _is_filling(part)])
        return ast.dump(tree)
    except RecursionError:
        return source


def _is_filling(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise) and node.exc is not None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return getattr(raised, "id", "") == "NotImplementedError"
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))

"""Canaries: variants of a test, some of which a right answer passes and some of which nothing can pass.

A student's code shares a process with the test: it may remove asserts, replace what runs a cell, or return an object
that equals everything. So what runs is never the test as it was handed out, but variants of it in which every assert
is written anew: as it was, or as a statement that says the same, or, in one place, as one that says the opposite. Which
variant is false is not to be seen from its text: all have the test's own messages, its own expressions, and numbers
drawn for this one submission. Whatever lets a false variant pass was no check.

None of this is proof against all malice: whoever reads the whole test can work out what each variant means. Hidden
values, which are compared outside, are.
"""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass

_CLOSE = {"isclose", "allclose", "array_equal", "equal", "approx"}
_LEAST, _MOST = 2e5, 9e5  # numbers by which no right answer differs from what a test expects
_NO_NUMBERS = (ast.Dict, ast.Set, ast.JoinedStr, ast.Compare, ast.BoolOp, ast.Lambda)
_NO_NUMBER_NAMES = {"shape", "dtype", "size", "type", "list", "tuple", "str", "set", "sorted"}


@dataclass(frozen=True)
class Variant:
    """A test, rewritten. fails: whether it is one that must fail. probes: whether its asserts only say that things are
    *not* equal: then an error that is no failed assert says nothing about the answer."""

    source: str
    fails: bool = False
    probes: bool = False


def falsifiable(test: str) -> int:
    """How many asserts a test has: as many false variants there are."""
    return len(_asserts(_tree(test)))


def true(test: str, draw: random.Random) -> Variant:
    """Says what the test says. A test of no asserts, or with a line magic, stays as it is."""
    return _written(test, draw)


def false(test: str, number: int, draw: random.Random) -> Variant:
    """Says the opposite in the assert of that number."""
    return _written(test, draw, number)


def unequal(test: str, draw: random.Random, *, left: bool) -> Variant | None:
    """Says of all that is compared that it is not equal to something far away: to what stands on the other side, plus a
    large number; left: the left side is moved. None where nothing is compared."""
    tree = _tree(test)
    moved = 0
    for node in _asserts(tree):
        pair = _pair(node.test)
        if pair is not None and _move(pair, draw, left):
            node.test = ast.UnaryOp(ast.Not(), node.test)
            moved += 1
        else:
            node.test = _same(node.test, draw)
    return Variant(ast.unparse(ast.fix_missing_locations(tree)), probes=True) if tree and moved else None


def _written(test: str, draw: random.Random, wrong: int | None = None) -> Variant:
    tree = _tree(test)
    asserts = _asserts(tree)
    if tree is None or not asserts:
        return Variant(test)
    for number, node in enumerate(asserts):
        node.test = _opposite(node.test, draw) if number == wrong else _same(node.test, draw)
    return Variant(ast.unparse(ast.fix_missing_locations(tree)), fails=wrong is not None)


def _same(test: ast.expr, draw: random.Random) -> ast.expr:
    """The same condition: as it is, denied twice, or one that is equal denied to be unequal."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        if draw.random() < 0.5:
            return ast.UnaryOp(ast.Not(), ast.Compare(test.left, [ast.NotEq()], test.comparators))
    if draw.random() < 0.5:
        return ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), test))
    return test


def _opposite(test: ast.expr, draw: random.Random) -> ast.expr:
    pair = _pair(test)
    if pair is not None and draw.random() < 0.4 and _move(pair, draw, draw.random() < 0.5):
        return _same(test, draw)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        if draw.random() < 0.5:
            return ast.Compare(test.left, [ast.NotEq()], test.comparators)
    return ast.UnaryOp(ast.Not(), _same(test, draw))


def _tree(test: str) -> ast.Module | None:
    try:
        return ast.parse(test)
    except SyntaxError:  # a line magic
        return None


def _asserts(tree: ast.Module | None) -> list[ast.Assert]:
    """In the order in which they stand. Which of them run, the solution tells."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)] if tree is not None else []
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _pair(test: ast.expr) -> ast.Compare | ast.Call | None:
    """Where the two sides of the comparison stand: in a == b, close(a, b), np.all(a == b), (a == b).all()."""
    while isinstance(test, ast.Call):
        name = getattr(test.func, "attr", getattr(test.func, "id", ""))
        if name in _CLOSE and len(test.args) >= 2 and not any(isinstance(part, ast.Starred) for part in test.args):
            return test
        if name in ("all", "bool") and len(test.args) == 1 and not isinstance(test.args[0], ast.GeneratorExp):
            test = test.args[0]
        elif name == "all" and not test.args and isinstance(test.func, ast.Attribute):
            test = test.func.value
        else:
            return None
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return test
    return None


def _move(pair: ast.Compare | ast.Call, draw: random.Random, left: bool) -> bool:
    """Add a large number to one side, if it may be a number, or to each number that is written out there."""
    number = ast.Constant(round(draw.uniform(_LEAST, _MOST), draw.randrange(1, 5)))
    sides = [pair.left, *pair.comparators] if isinstance(pair, ast.Compare) else pair.args
    at = 0 if left else 1
    moved = _moved(sides[at], number)
    if moved is None:
        return False
    if isinstance(pair, ast.Compare):
        pair.left, pair.comparators[0] = (moved, sides[1]) if left else (sides[0], moved)
    else:
        pair.args[at] = moved
    return True


def _moved(side: ast.expr, number: ast.Constant) -> ast.expr | None:
    if isinstance(side, (ast.List, ast.Tuple)):
        items = [_moved(item, number) for item in side.elts]
        written = [item for item in items if item is not None]
        return type(side)(written, side.ctx) if items and len(written) == len(items) else None
    if isinstance(side, ast.Constant):
        number_like = type(side.value) in (int, float, complex)
    else:
        name = getattr(side, "attr", "") or getattr(getattr(side, "func", None), "id", "")
        number_like = not isinstance(side, _NO_NUMBERS) and name not in _NO_NUMBER_NAMES
    return ast.BinOp(side, ast.Add(), number) if number_like else None

"""Canaries: tests that must fail. A check that lets them pass was switched off, and its other verdicts count nothing.

A student's code shares a process with the visible tests: it may remove asserts, replace what runs a cell, or return an
object that equals everything. So a test that passed runs again, changed: one assert negated, or every comparison also
made with numbers that no right answer has. Where a right answer cannot be told from a wrong one this way, a canary is
not used: `with_expected` tries them all on the solution. None of this is proof against all malice; hidden values are.
"""

from __future__ import annotations

import ast

STRANGE = -918273645.1875  # no exercise has this answer, nor one that differs by it from the right one
_CLOSE = {"isclose", "allclose", "array_equal", "equal"}
_LEFT, _RIGHT, _LIE = "_canary_left", "_canary_right", "_canary_lie"
_BLOCKS = (ast.With, ast.Try, ast.Module)


def negatable(test: str) -> int:
    """How many asserts of a test surely run, one after the other."""
    return len(_asserts(test))


def negated(test: str, number: int, nonce: str) -> str:
    """The test with that assert negated, and `nonce` as its message. All else stays, character for character."""
    node = _asserts(test)[number]
    data = test.encode()
    condition, message = _span(data, node.test), _span(data, node.msg) if node.msg else None
    inverted = b"not (" + data[slice(*condition)] + b")"
    if message is None:
        inverted += b", " + repr(nonce).encode()
    else:
        data = data[: message[0]] + repr(nonce).encode() + data[message[1] :]
    return (data[: condition[0]] + inverted + data[condition[1] :]).decode()


def plain(nonce: str) -> str:
    """A test that fails by itself."""
    return f"assert {nonce!r} == '', {nonce!r}"  # no name of Python's that a student may have given to something else


def comparing(test: str, nonce: str) -> str | None:
    """The test, in which each comparison is first made with strange numbers: `nonce` is raised where that holds too.

    None where nothing is compared.
    """
    try:
        tree = ast.parse(test)
    except SyntaxError:
        return None
    probes = _Probes(nonce)
    tree = ast.fix_missing_locations(probes.visit(tree))
    return ast.unparse(tree) if probes.count else None


def closing(test: str) -> str | None:
    """Calls what the test closes by `without`: AnswerFromLibrary must be raised. None where it closes nothing."""
    try:
        tree = ast.parse(test)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "without" and node.args:
            name = getattr(node.args[0], "value", None)
            if isinstance(name, str):
                module, _, function = name.rpartition(".")
                return (
                    "from course_lib.exercise import without\n"
                    f"with without({name!r}):\n"
                    f"    __import__('importlib').import_module({module!r}).{function}()"
                )
    return None


def _asserts(test: str) -> list[ast.Assert]:
    try:
        pending: list[ast.AST] = [ast.parse(test)]
    except SyntaxError:  # a line magic
        return []
    found = []
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Assert):
            found.append(node)
        elif isinstance(node, _BLOCKS) or (isinstance(node, ast.For) and _written_out(node.iter)):
            pending = [*node.body, *pending]
    return found


def _written_out(items: ast.expr) -> bool:
    """Is it a tuple or list that stands in the test, so that a loop over it runs?"""
    return isinstance(items, (ast.Tuple, ast.List)) and bool(items.elts)


def _span(data: bytes, node: ast.expr) -> tuple[int, int]:
    lines = data.split(b"\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    assert node.end_lineno is not None and node.end_col_offset is not None
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


class _Probes(ast.NodeTransformer):
    """assert A == B, M  ->  both sides are computed once, compared with what they cannot equal, and then as before."""

    def __init__(self, nonce: str):
        self.nonce, self.count = nonce, 0

    def visit_Assert(self, node: ast.Assert) -> ast.AST | list[ast.AST]:
        holder, field, index = self._pair(node)
        if holder is None:
            return node
        self.count += 1
        left, right = _pick(holder, field, index)
        bind = ast.parse(f"{_LEFT} = 0\n{_RIGHT} = 0").body
        bind[0].value, bind[1].value = left, right  # type: ignore[attr-defined]
        lies = []
        for one, other in self._strange(holder):
            _put(holder, field, index, one, other)
            lies.append(ast.unparse(node.test))
        _put(holder, field, index, _LEFT, _RIGHT)
        probe = "".join(
            f"try:\n    {_LIE} = not not ({lie})\nexcept Exception:\n    {_LIE} = False\n"
            f"assert not {_LIE}, {self.nonce!r}\n"
            for lie in lies
        )
        return [*bind, *ast.parse(probe).body, node]

    def _pair(self, node: ast.Assert) -> tuple[ast.AST | None, str, int]:
        """Where the two sides of the comparison stand: in a == b, close(a, b), np.all(a == b), (a == b).all()."""
        test = node.test
        while isinstance(test, ast.Call):
            name = getattr(test.func, "attr", getattr(test.func, "id", ""))
            if name in _CLOSE and len(test.args) >= 2 and not any(isinstance(part, ast.Starred) for part in test.args):
                return test, "args", 0
            if name in ("all", "bool") and len(test.args) == 1 and not isinstance(test.args[0], ast.GeneratorExp):
                test = test.args[0]
            elif name == "all" and not test.args and isinstance(test.func, ast.Attribute):
                test = test.func.value
            else:
                return None, "", 0
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            return test, "compare", 0
        return None, "", 0

    def _strange(self, holder: ast.AST) -> list[tuple[str, str]]:
        if isinstance(holder, ast.Compare):
            return [(_LEFT, repr(STRANGE)), (repr(STRANGE), _RIGHT)]
        return [(_LEFT, f"{_RIGHT} + {STRANGE!r}"), (f"{_LEFT} + {STRANGE!r}", _RIGHT)]


def _pick(holder: ast.AST, field: str, index: int) -> tuple[ast.expr, ast.expr]:
    if isinstance(holder, ast.Compare):
        return holder.left, holder.comparators[0]
    return holder.args[index], holder.args[index + 1]  # type: ignore[attr-defined]


def _put(holder: ast.AST, field: str, index: int, left: str, right: str) -> None:
    sides = [ast.parse(text, mode="eval").body for text in (left, right)]
    if isinstance(holder, ast.Compare):
        holder.left, holder.comparators[0] = sides
    else:
        holder.args[index : index + 2] = sides  # type: ignore[attr-defined]

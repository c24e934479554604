"""A wrong answer written as edits of the right one: `edit("these lines", "by those")`, one or more in a cell.

So a reader sees the one thing that the student got wrong, and a change of the solution reaches its wrong answers. An
edit that no longer fits is an error: it would otherwise leave a right answer among the wrong ones.
"""

from __future__ import annotations

import ast


class EditError(ValueError):
    """An edit that does not fit the solution; the message says which."""


def applied(code: str, solution: str) -> str:
    """The wrong answer that `code` describes: `solution` with its edits made, or `code` itself where it is no edits.

    code: a cell of calls `edit(old, new)` with two literal texts each, and nothing else, or else a whole answer. `old`
    must stand in the solution exactly once; edits are made in order. Line breaks at the ends of a text in triple quotes
    do not count. Raises EditError.
    """
    edits = _edits(code)
    if edits is None:
        return code
    changed = solution
    for old, new in edits:
        count = changed.count(old) if old else 0
        if count != 1:
            raise EditError(f"edit({old!r}, …): expected this text once in the solution, found it {count} times")
        changed = changed.replace(old, new)
    if changed == solution:
        raise EditError("the edits leave the solution as it is")
    return changed + ("" if changed.endswith("\n") else "\n")


def _edits(code: str) -> list[tuple[str, str]] | None:
    """The pairs of a cell of edits; None where it is a whole answer."""
    calls = [statement.value for statement in ast.parse(code).body if isinstance(statement, ast.Expr)]
    named = [call for call in calls if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "edit"]
    if not named:
        return None
    if len(named) != len(ast.parse(code).body):
        raise EditError("a wrong answer is a whole answer, or edits alone: here are both")
    pairs = []
    for call in named:
        texts = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if call.keywords or len(call.args) != 2 or len(texts) != 2:
            raise EditError(f"expected edit(old, new) with two literal texts, got {ast.unparse(call)}")
        pairs.append((_trimmed(texts[0]), _trimmed(texts[1])))
    return pairs


def _trimmed(text: str) -> str:
    """Without the line breaks that triple quotes bring, where the text has several lines; its indentation stays."""
    return text.removeprefix("\n").removesuffix("\n") if "\n" in text else text

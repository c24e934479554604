"""A stranger's code, parsed in the grader: whatever it holds, it costs little time and ends nothing."""

from __future__ import annotations

import ast
import re
import warnings

LONGEST = 50_000  # characters that are read: no honest cell has so many
_MAGIC = re.compile(r"^([ \t]*)(?:%|!|\?|[A-Za-z_][\w., \t]*=[ \t]*[%!]).*$", re.MULTILINE)


def parsed(code: str) -> ast.Module | None:
    """The code as a tree, lines that are IPython's own left out; None for what is no Python, or far too long."""
    if len(code) > LONGEST:
        return None
    for text in (code, _MAGIC.sub(r"\1pass", code)):
        try:
            with warnings.catch_warnings():  # on a backslash that escapes nothing
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            continue
    return None


def statements(code: str) -> list[str]:
    """The code in pieces: each a statement that stands by itself. One piece where it cannot be parsed."""
    tree = parsed(code)
    if tree is None:
        return [code]
    lines, starts, end = code.split("\n"), [], 0
    for node in tree.body:
        first = min(part.lineno for part in (node, *getattr(node, "decorator_list", [])))
        if first > end:  # else it shares a line with the statement before it, and they stay together
            starts.append(first - 1)
        end = node.end_lineno or first
    pieces = ["\n".join(lines[at:to]) for at, to in zip([0, *starts[1:]], [*starts[1:], len(lines)], strict=True)]
    return pieces if starts else [code]

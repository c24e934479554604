"""Blocks that an author writes into a Markdown cell, hidden from students: the card, a mark scheme, an explanation."""

from __future__ import annotations

import re

CARD, MARK_SCHEME, EXPLANATION = "CARD", "MARK SCHEME", "EXPLANATION"
_LINE = re.compile(r"[-*] (\d+(?:\.\d+)?): \S")


def has_block(source: str, name: str) -> bool:
    """Whether a cell has that block, or a part of its marks."""
    return any(line.strip() in _marks(name) for line in source.split("\n"))


def split_block(source: str, name: str) -> tuple[str, str]:
    """The text inside the block, and the cell without it; ("", source) where there is none.

    Raises ValueError where its two marks do not stand once each, in order.
    """
    begin, end = _marks(name)
    lines = source.split("\n")
    found = [(number, line.strip()) for number, line in enumerate(lines) if line.strip() in (begin, end)]
    if not found:
        return "", source
    if [mark for _, mark in found] != [begin, end]:
        raise ValueError(f"expected one line {begin!r}, and one line {end!r} below it")
    first, last = (number for number, _ in found)
    rest = "\n".join([*lines[:first], *lines[last + 1 :]])
    return "\n".join(lines[first + 1 : last]).strip("\n"), re.sub(r"\n{3,}", "\n\n", rest).strip("\n")


def scheme_points(scheme: str) -> float:
    """The points of a mark scheme: the sum of its lines "- 1: says that …"; a line goes on where the next is indented.

    Raises ValueError for any other line.
    """
    points = 0.0
    for line in scheme.split("\n"):
        if not line.strip() or (points and line.startswith(" ")):
            continue
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"expected lines such as '- 1: says that …', got {line!r}")
        points += float(found[1])
    return points


def _marks(name: str) -> tuple[str, str]:
    return f"### BEGIN {name}", f"### END {name}"

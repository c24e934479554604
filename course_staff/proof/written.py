"""Written questions: their mark schemes add up, so that two people who grade give the same points."""

from __future__ import annotations

from course_staff.authoring.author_blocks import MARK_SCHEME, scheme_points, split_block


def scheme_problems(question: str, source: str, points: float) -> list[str]:
    """What is wrong with the mark scheme in a question's cell, in words; nothing where it has none."""
    try:
        scheme, _ = split_block(source, MARK_SCHEME)
        found = scheme_points(scheme)
    except ValueError as error:
        return [f"question {question}: mark scheme: {error}"]
    if scheme and found != points:
        return [f"question {question}: the lines of its mark scheme give {found:g} points, the question {points:g}"]
    return []


def without_scheme(question: str, source: str) -> list[str]:
    """A warning where a question does not say how it is marked."""
    if f"### BEGIN {MARK_SCHEME}" in source:
        return []
    return [f"question {question}: no mark scheme (`### BEGIN {MARK_SCHEME}`, see CONTRIBUTING.md)"]

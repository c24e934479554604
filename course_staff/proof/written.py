"""What an author writes for people: mark schemes add up, and card and explanations are there."""

from __future__ import annotations

from collections.abc import Mapping

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


def without_card(card: object) -> list[str]:
    """A warning where a lab has no card."""
    return [] if card is not None else ["no card in the first cell (`### BEGIN CARD`, see CONTRIBUTING.md)"]


def without_explanation(exercise: str, explanations: Mapping[str, str]) -> list[str]:
    """What is said of an exercise that nobody explains. explanations: of the lab, by exercise."""
    if explanations.get(exercise, "").strip():
        return []
    return [f"exercise {exercise}: no explanation above its answer (`### BEGIN EXPLANATION`, see CONTRIBUTING.md)"]

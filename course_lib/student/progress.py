"""How far a student is with a lab, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 300  # characters of a message that are shown
BY_HAND = "written: your teacher reads it"
LATER = "A grader may try further numbers, and your teacher reads what is written: these points are so far."


@dataclass(frozen=True)
class Progress:
    """One exercise. points: at most; passed: does its test pass, None for a written one; said: what to know."""

    name: str
    points: float
    passed: bool | None
    said: str


def found(name: str, points: float, message: str | None) -> Progress:
    """An exercise with a test. message: what the test said; None where it passed."""
    if message is None:
        return Progress(name, points, True, "right")
    message = " ".join(message.split())
    return Progress(name, points, False, message if len(message) <= WIDTH else message[:WIDTH] + " …")


def in_words(title: str, exercises: Sequence[Progress]) -> str:
    """A line on the lab, and one on each exercise."""
    tested = [item for item in exercises if item.passed is not None]
    points = sum(item.points for item in tested if item.passed)
    lines = [f"{title}: {points:g} of {sum(item.points for item in tested):g} points that tests give."]
    width = max((len(item.name) for item in exercises), default=0)
    for item in exercises:
        got = "?" if item.passed is None else f"{item.points if item.passed else 0:g}"
        lines.append(f"  {item.name:<{width}}  {got} of {item.points:g}  {item.said}")
    return "\n".join([*lines, LATER])


def written(by_hand: Mapping[str, float], empty: Sequence[str] = ()) -> list[Progress]:
    """The written questions. empty: those that are known to have no answer yet."""
    return [
        Progress(name, points, None, "no answer yet" if name in empty else BY_HAND) for name, points in by_hand.items()
    ]

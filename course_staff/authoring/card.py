"""The card in the first cell of a lab: how long it takes, what comes before it, what it teaches. Written as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

LEVELS = ("start", "core", "capstone")
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PARTS = {15: "a quarter", 30: "a half", 45: "three quarters"}
_PARTS_OF_MANY = _PARTS | {45: "three-quarter"}


@dataclass(frozen=True)
class Card:
    """What a lab says of itself. labs, lectures: numbers such as "02"; minutes: of each exercise, and of all else."""

    level: str
    memory: str
    compute_minutes: float
    labs: tuple[str, ...]
    lectures: tuple[str, ...]
    mathematics: str
    objectives: tuple[str, ...]
    minutes: Mapping[str, float]

    @property
    def time(self) -> str:
        """All minutes together, in words."""
        return in_words(sum(self.minutes.values()))


def read_card(text: str, exercises: Sequence[str]) -> Card:
    """The card from its TOML. exercises: names of all that the lab grades, each of which needs its minutes.

    Raises ValueError, which begins with the field that is wrong.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"this is no TOML: {error} (a table in braces stands on one line)") from None
    known = [field.name for field in fields(Card)]
    for name in (*given, *known):
        if name not in known:
            raise ValueError(f"{name}: there is no such field; there are: {', '.join(known)}")
        if name not in given:
            raise ValueError(f"{name}: this field is missing")
    if given["level"] not in LEVELS:
        raise ValueError(f"level: expected one of {', '.join(LEVELS)}, got {given['level']!r}")
    return Card(
        level=given["level"],
        memory=_text(given, "memory", empty=False),
        compute_minutes=_number(given["compute_minutes"], "compute_minutes"),
        labs=_texts(given, "labs", '["02", "04"]'),
        lectures=_texts(given, "lectures", '["03", "08b"]'),
        mathematics=_text(given, "mathematics", empty=True),
        objectives=_texts(given, "objectives", '["write PSNR for a batch"]', empty=False),
        minutes=_minutes(given["minutes"], exercises),
    )


def in_words(minutes: float) -> str:
    """A time, rounded to a quarter of an hour: 130 -> "two and a quarter hours"."""
    hours, rest = divmod(max(15, 15 * int(minutes / 15 + 0.5)), 60)
    if hours == 0:
        return f"{rest} minutes"
    if hours == 1:
        return f"an hour and {_PARTS[rest]}" if rest else "one hour"
    count = _COUNTS[hours - 1] if hours <= len(_COUNTS) else str(hours)
    return f"{count} and {_PARTS_OF_MANY[rest]} hours" if rest else f"{count} hours"


def _text(given: Mapping[str, Any], name: str, *, empty: bool) -> str:
    value = given[name]
    if not isinstance(value, str) or not (empty or value.strip()):
        raise ValueError(f"{name}: expected a text, got {value!r}")
    return value.strip().rstrip(".")


def _texts(given: Mapping[str, Any], name: str, example: str, *, empty: bool = True) -> tuple[str, ...]:
    value = given[name]
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ValueError(f"{name}: expected a list of texts such as {example}, got {value!r}")
    if not (value or empty):
        raise ValueError(f"{name}: expected at least one, such as {example}")
    return tuple(item.strip() for item in value)


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ValueError(f"{name}: expected a number of minutes, got {value!r}")
    return float(value)


def _minutes(value: object, exercises: Sequence[str]) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError(f"minutes: expected a table such as {{theory = 15, batch_psnr = 15}}, got {value!r}")
    for name in exercises:
        if name not in value:
            raise ValueError(f"minutes: {name} is missing: say how many minutes this exercise takes")
    return {name: _number(minutes, f"minutes: {name}") for name, minutes in value.items()}

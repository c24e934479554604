"""Names in which an LMS says who handed a file in, and when: Brightspace's and Blackboard's.

Brightspace: "12345-67890 - Jane Doe - Nov 9, 2026 959 PM - lab02.ipynb", or a folder of that name without the last part
Blackboard:  "Lab 02_jdoe_attempt_2026-11-09-21-59-03_lab02.ipynb"; beside each attempt lies a ".txt" about it
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BRIGHTSPACE = re.compile(
    r"\d+-\d+ - (?P<name>.+?) - (?P<day>[A-Za-z]{3,9}\.? \d{1,2}, \d{4}),? "
    r"(?P<hour>\d{1,2})[:.]?(?P<minute>\d\d) ?(?P<half>[AaPp][Mm])(?: - (?P<rest>.+))?"
)
_BLACKBOARD = re.compile(
    r"(?P<head>.+)_attempt_(?P<day>\d{4}-\d\d-\d\d)-(?P<hour>\d\d)-(?P<minute>\d\d)-(?P<second>\d\d)"
    r"(?:_(?P<rest>.+)|\.txt)?"
)


@dataclass(frozen=True)
class Dated:
    """people: what may be the name or id of the sender, the likeliest first; the last is the guess.

    time: as `preflight.moment` reads it; rest: the student's own name of the file, "" where the LMS adds none.
    """

    people: tuple[str, ...]
    time: str
    rest: str


def dated(name: str) -> Dated | None:
    """What a file's or a folder's name says, or None where it is of neither kind."""
    if found := _BRIGHTSPACE.fullmatch(name):
        time = f"{found['day']} {found['hour']}:{found['minute']} {found['half']}"
        return Dated((found["name"],), time, found["rest"] or "")
    if found := _BLACKBOARD.fullmatch(name):
        words = found["head"].split("_")  # "Lab 02_jdoe": the name of the assignment comes first
        time = f"{found['day']} {found['hour']}:{found['minute']}:{found['second']}"
        return Dated(tuple("_".join(words[start:]) for start in range(len(words))), time, found["rest"] or "")
    return None

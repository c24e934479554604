"""Made-up ids in place of students' names: the same in each lab, and no way back without the course's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

SHORTEST = 6  # letters and digits


def made_up_ids(students: Iterable[str], secret: str) -> dict[str, str]:
    """Student -> made-up id such as "anon-k7q2mz", all different.

    Derived from the id and the course's secret alone: whoever joins or leaves the class changes no id but, where two
    would be equal, the number of letters of all. Sort by them, or the order of the names gives them away.
    """
    codes = {student: _code(student, secret) for student in sorted(set(students))}
    length = SHORTEST
    while len({code[:length] for code in codes.values()}) < len(codes):
        length += 1
    return {student: f"anon-{code[:length]}" for student, code in codes.items()}


def _code(student: str, secret: str) -> str:
    digest = hmac.new(secret.encode(), b"anonymous id\0" + student.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()

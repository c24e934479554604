"""What a line `### HIDDEN VALUE:` asks for, and the seed of its inputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class HiddenValue:
    """One value that the student's names are asked for. closed: what `without` closes in this test cell."""

    expression: str
    closed: tuple[str, ...] = ()


def hidden_seed(secret: str, lab: str, cell: str) -> int:
    """The seed of a test cell's hidden inputs: fixed within a class, unknown to it, other in the next."""
    return int.from_bytes(hashlib.sha256("\0".join((secret, lab, cell)).encode()).digest()[:8], "big")

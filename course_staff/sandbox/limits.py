"""What a submission may use."""

from __future__ import annotations

from dataclasses import dataclass

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    cell_seconds: a cell. submission_seconds: a session, all cells together. memory: bytes, of all its processes
    together and of the address space of each. processes: and threads. file_bytes: the largest file. disk_bytes: each of
    its three folders. output_bytes: what is kept of one cell's output. value_bytes: all answers to one call of
    `Session.values`. restarts: new sessions after one has died (`grade` counts them).
    """

    cell_seconds: float = 60.0
    submission_seconds: float = 900.0
    memory: int = 4 * GIB
    processes: int = 64
    file_bytes: int = 64 * MIB
    disk_bytes: int = 128 * MIB
    output_bytes: int = 200_000
    value_bytes: int = 64 * MIB
    restarts: int = 3

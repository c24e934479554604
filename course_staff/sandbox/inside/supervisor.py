"""Inside, the first process of a session: starts the student's process, watches it, and lets nothing outlive it.

In a name space of its own it is process 1: the student cannot signal it, and when it ends the kernel kills all that the
student started, daemons too. It holds one end of the `leash`; when the grader lets go of the other, it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

INTERRUPT, PEAK, QUIT = b"i", b"p", b"q"  # what the grader may say on the leash
WATCH_SECONDS = 0.25
_PAGE = os.sysconf("SC_PAGE_SIZE")


def supervise(
    student: Callable[[], None], leash: socket.socket, memory: int, *, alone: bool, closing: Sequence[int] = ()
) -> None:
    """Fork, run `student` in the child, and watch it to its end; the last line on the leash says how it ended.

    student: runs in the child and never returns. memory: bytes that all processes of the session may use together.
    alone: we are process 1 of a name space in which all others are the student's. closing: descriptors that only the
    student keeps, so that the grader sees when it ends.
    """
    awake, alarm = socket.socketpair()
    awake.setblocking(False)
    alarm.setblocking(False)
    signal.set_wakeup_fd(alarm.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (awake, alarm, leash):
            end.close()
        student()
    for descriptor in closing:
        os.close(descriptor)
    ended: dict[str, int | str] = {}
    peak, next_look = 0, 0.0
    while "status" not in ended:
        ready, _, _ = select.select([leash, awake], [], [], WATCH_SECONDS)
        if awake in ready:
            awake.recv(4096)
        if leash in ready:
            word = _hear(leash)
            if word == PEAK:
                peak = max(peak, _high_water(pid))
                _say(leash, {"peak": peak})
            elif word == INTERRUPT:
                os.kill(pid, signal.SIGINT)
            else:
                ended["reason"] = "asked"
                os.kill(pid, signal.SIGKILL)
        peak = max(peak, _reap(pid, ended))
        if time.monotonic() >= next_look and "status" not in ended:
            start = time.monotonic()
            used = memory_of_all(memory, lambda: bool(select.select([leash], [], [], 0)[0]))
            next_look = time.monotonic() + max(WATCH_SECONDS, 2 * (time.monotonic() - start))
            peak = max(peak, used)
            if used > memory:
                ended["reason"] = "memory"
                os.kill(pid, signal.SIGKILL)
    kill_all(alone)
    _say(leash, {**ended, "peak": peak})


def kill_all(alone: bool) -> None:
    """Kill and await all that this process, or a child of it, has started."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        if alone and os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        for pid in _processes():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
            time.sleep(0.001)
        except ChildProcessError:
            return


def memory_of_all(enough: int, called: Callable[[], bool]) -> int:
    """Bytes used by all processes of the session. Pages that they share are counted once if it matters (> enough).

    called: whether something is more urgent; with many busy processes this takes long, and then what was found counts.
    """
    pids = _processes()
    resident = sum(_resident(pid) for pid in pids)
    if resident <= enough or len(pids) == 1:
        return resident
    used = 0
    for pid in pids:
        if used > enough or called():
            break
        used += _proportional(pid)
    return used


def _reap(student: int, ended: dict[str, int | str]) -> int:
    """Collect the processes that have ended; returns the student's peak memory in bytes where it is among them."""
    peak = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == student:
                ended["status"] = os.waitstatus_to_exitcode(status)
                peak = usage.ru_maxrss * 1024
    return peak


def _processes() -> list[int]:
    """All processes of the session but this one: what is visible of a name space, else the descendants."""
    if os.getpid() == 1:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    found, todo = [], [os.getpid()]
    while todo:
        pid = todo.pop()
        with contextlib.suppress(OSError):
            children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            found += children
            todo += children
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(text.split("\nPss:")[1].split()[0]) * 1024
    except (OSError, IndexError):  # a process may hide its map: then all that is resident counts
        return _resident(pid)


def _high_water(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return 0


def _hear(leash: socket.socket) -> bytes:
    with contextlib.suppress(OSError):
        return leash.recv(1)
    return b""


def _say(leash: socket.socket, words: dict[str, int | str]) -> None:
    with contextlib.suppress(OSError):
        leash.sendall(json.dumps(words).encode() + b"\n")

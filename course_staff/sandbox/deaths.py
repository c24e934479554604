"""Outside: why a session died, in words for the report."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

_CRASHES = {
    signal.SIGSEGV: "it crashed (segmentation fault; perhaps a recursion without end)",
    signal.SIGKILL: "it was killed",
    signal.SIGABRT: "it aborted",
    signal.SIGXCPU: "it used too much processor time",
    signal.SIGBUS: "it crashed (bus error)",
}


def last_words(ended: dict[str, Any], why: str, memory: int) -> str:
    """From what its supervisor saw. ended: the supervisor's last line, empty where none came.

    why: what the grader itself saw. memory: bytes that the session was allowed.
    """
    if ended.get("reason") == "memory":
        return f"the notebook used more than {memory / 2**30:g} GiB of memory and was ended"
    status = ended.get("status")
    if not isinstance(status, int) or ended.get("reason") == "asked":
        return f"the notebook's process was ended: {why}"
    if status >= 0:
        return f"the notebook's process ended itself (exit code {status})"
    with contextlib.suppress(ValueError):
        return f"the notebook's process died: {_CRASHES.get(signal.Signals(-status), signal.Signals(-status).name)}"
    return "the notebook's process died"

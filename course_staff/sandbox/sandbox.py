"""The sandbox in which a student's notebook runs: bubblewrap around a fork server that has the lab's modules loaded.

    with Sandbox(["numpy", "torch"], limits=Limits(cell_seconds=30)) as sandbox:
        with sandbox.session() as session:
            session.run("1 + 1")

A session sees the Python environment, course_lib and the lab's data files, all read-only, an empty folder of its own,
and nothing else: no other file, no network, no other process. Linux only; without bubblewrap there is no sandbox, and
SandboxUnavailable says what to do. Only `unsafe=True` runs without, for code that is trusted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from course_staff.sandbox import bwrap
from course_staff.sandbox.limits import Limits
from course_staff.sandbox.server import SandboxError, SandboxUnavailable, Zygote
from course_staff.sandbox.session import Session

START_ATTEMPTS = 3  # of one session: a fork server that is gone is started again


def problem() -> str | None:
    """Why there can be no sandbox here and what to do about it, in words; None where there can."""
    return bwrap.problem()


class Sandbox:
    """Where submissions run, one session each. A context manager; its sessions end with it.

    modules: imported once, by the fork server. files: plain data files of the lab, copied into each session's folder.
    unsafe: no sandbox at all. warm: fork sessions from one process; else, and where the kernel refuses sessions their
    own name spaces, each is a fresh process with the same results. Raises SandboxUnavailable, a RuntimeError.
    """

    _try_namespaces = True  # tests say False, to be where the kernel refuses them

    def __init__(
        self,
        modules: Sequence[str] = (),
        files: Sequence[Path] = (),
        *,
        limits: Limits | None = None,
        unsafe: bool = False,
        warm: bool = True,
    ):
        self.modules, self.files = tuple(modules), tuple(Path(file) for file in files)
        self.limits, self.unsafe = limits or Limits(), unsafe
        self.warm = warm  # whether sessions are forked; False from the start, or when that proves impossible
        self.why_cold = "" if warm else "asked for"
        self.missing: dict[str, str] = {}  # module that could not be imported -> why
        self._zygote: Zygote | None = None
        self._sessions: list[Session] = []

    def __enter__(self) -> Sandbox:
        if not self.unsafe and (why := problem()):
            raise SandboxUnavailable(why)
        if self.warm:
            self._fork_server()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End all sessions and the fork server."""
        for session in self._sessions:
            session.close()
        self._sessions = []
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None

    def session(self) -> Session:
        """A new session: nothing that another one did can be seen in it. A context manager."""
        self._sessions = [session for session in self._sessions if not session.closed]
        folder = tempfile.mkdtemp(prefix="course-session-") if self.unsafe else "/work"
        with contextlib.ExitStack() as undo:
            if self.unsafe:
                undo.callback(shutil.rmtree, folder, ignore_errors=True)
                for file in self.files:
                    shutil.copyfile(file, Path(folder, file.name))
            pairs = [socket.socketpair() for _ in range(4)]
            for pair in pairs:
                undo.callback(pair[0].close)
            zygote = self._forked([theirs for _, theirs in pairs], folder)
            undo.pop_all()
        after = [zygote.close] if zygote is not self._zygote else []
        if self.unsafe:
            after.append(lambda: shutil.rmtree(folder, ignore_errors=True))
        session = Session([ours for ours, _ in pairs], self.limits, after)
        self._sessions.append(session)
        return session

    def _forked(self, ends: list[socket.socket], folder: str) -> Zygote:
        """A fork server that has forked a session which holds these ends."""
        descriptors = [end.fileno() for end in ends]
        try:
            for attempt in range(START_ATTEMPTS):
                zygote = (self._fork_server() if self.warm else None) or self._start()
                try:
                    zygote.fork(descriptors, folder)
                    return zygote
                except SandboxError:
                    zygote.close()
                    self._zygote = None
                    if attempt == START_ATTEMPTS - 1:
                        raise
        finally:
            for end in ends:
                end.close()
        raise AssertionError("unreachable")

    def _fork_server(self) -> Zygote | None:
        """The one from which sessions are forked; None, and no longer `warm`, where that proves impossible."""
        if self._zygote is not None and self._zygote.alive:
            return self._zygote
        zygote = self._start()
        if zygote.threads != 1:
            self.why_cold = f"importing the modules starts {zygote.threads - 1} threads"
        elif zygote.no_namespaces:
            self.why_cold = f"sessions can have no name spaces of their own here ({zygote.no_namespaces})"
        else:
            self._zygote = zygote
            return zygote
        zygote.close()
        self.warm = False
        return None

    def _start(self) -> Zygote:
        settings = {
            "modules": list(self.modules),
            "limits": dataclasses.asdict(self.limits),
            "unsafe": self.unsafe,
            "namespaces": self._try_namespaces,
            "cold": not self.warm,
        }
        zygote = Zygote(settings, self.files)
        self.missing = zygote.missing or self.missing
        return zygote

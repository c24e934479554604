"""Outside, one fork server: its process, in bubblewrap or not, and the socket over which sessions are asked for."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import course_lib
from course_staff.sandbox import bwrap

PROGRAM = "course_staff.sandbox.inside.zygote"
START_SECONDS = 300  # the modules come from a cold disk, perhaps over the network
FORK_SECONDS = 30
_numbers = itertools.count()


class SandboxError(RuntimeError):
    """The sandbox itself failed; no submission is to blame."""


class SandboxUnavailable(SandboxError):
    """There can be no sandbox on this machine; the message says why and what to do."""


class Zygote:
    """A fork server, ready when made. Raises SandboxError with what it said where it does not start.

    settings: what `zygote.py` reads. files: the lab's data files.
    """

    def __init__(self, settings: dict[str, Any], files: Sequence[Path]):
        self._owner = os.getpid()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = tempfile.TemporaryFile()
        settings = {**settings, "control": theirs.fileno(), "user": 0}
        if not settings["unsafe"] and os.geteuid() == 0:
            settings["user"] = bwrap.user_for(next(_numbers))
        program = ["-m", PROGRAM, json.dumps(settings)]
        if settings["unsafe"]:
            command = [sys.executable, *program]
        else:
            command = [*bwrap.command(files, settings["limits"]["disk_bytes"]), *program]
        with tempfile.TemporaryDirectory(prefix="course-zygote-") as folder:
            # an empty folder to start in: Python looks for modules there first
            environment = _unsafe_environment(folder) if settings["unsafe"] else {}
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            theirs.close()
            try:
                ready = self._answer(START_SECONDS)
            except SandboxError:
                self.close()
                raise
        self.no_namespaces: str = ready["no_namespaces"]
        self.missing: dict[str, str] = ready["missing"]
        self.threads: int = ready["threads"]

    @property
    def alive(self) -> bool:
        """Whether sessions can be asked for."""
        return self._process.poll() is None and self._control.fileno() >= 0

    @property
    def pid(self) -> int:
        """Of the process that we started: bubblewrap, or where there is none the server itself."""
        return self._process.pid

    def fork(self, descriptors: Sequence[int], folder: str) -> None:
        """Fork a session that holds these descriptors (channel, leash, stdout, stderr) and works in `folder`."""
        try:
            socket.send_fds(self._control, [json.dumps({"folder": folder}).encode()], list(descriptors))
        except OSError as error:
            raise SandboxError(f"the fork server has gone ({error})") from None
        answer = self._answer(FORK_SECONDS)
        if "problem" in answer:
            raise SandboxError(f"{answer['problem']}\n{self._said()}".strip())

    def close(self) -> None:
        """End it, and with it all of its sessions in a sandbox."""
        self._control.close()
        if os.getpid() != self._owner:  # a fork of the grader has a copy of this, and no right to end it
            return
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def _answer(self, seconds: float) -> dict[str, Any]:
        self._control.settimeout(seconds)
        try:
            message = self._control.recv(1 << 16)
        except TimeoutError:
            raise SandboxError(f"the fork server did not answer in {seconds} s\n{self._said()}".strip()) from None
        except OSError:
            message = b""
        if not message:
            raise SandboxError(f"the fork server ended\n{self._said()}".strip())
        return json.loads(message)

    def _said(self) -> str:
        if self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]


def _unsafe_environment(folder: str) -> dict[str, str]:
    """As in the sandbox, but with this machine's programs and no folder of this machine written to."""
    own = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(Path(course_lib.__path__[0]).parent), "HOME": folder}
    folders = {name: f"{folder}/{name.lower()}" for name in ("COURSE_DATA", "IPYTHONDIR", "MPLCONFIGDIR")}
    return {**os.environ, **bwrap.ENVIRONMENT, **own, **folders}

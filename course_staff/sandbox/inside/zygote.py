"""Inside, the fork server: imports the lab's modules once and forks a session whenever the grader asks.

    python -m course_staff.sandbox.inside.zygote SETTINGS     (JSON, made by `sandbox.py`)

It runs no student's code and holds nothing but modules. It has one thread, and checks that before each fork. The same
program serves a single session where each shall start cold.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from course_staff.sandbox.inside import isolation, seccomp, supervisor
from course_staff.sandbox.inside import student as _student

SETTLE_SECONDS = 2  # for a timer that has been cancelled (matplotlib starts one)
FILES = Path("/opt/course/files")  # the lab's data files, read-only


def main() -> None:
    """Get ready, say so on the control socket, and serve until the grader hangs up."""
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["control"])
    control.set_inheritable(False)
    if settings["user"]:
        isolation.leave_root(settings["user"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's business
    shell = _student.make_shell()
    missing = {} if settings["cold"] else load(settings["modules"])
    gc.collect()
    gc.freeze()  # a collection would write to every object and so copy every page
    nested = ""
    if not settings["unsafe"]:
        isolation.set_dumpable(False)
        nested = _try_namespaces() if settings["namespaces"] else "not tried"
    control.send(
        json.dumps({"ready": True, "no_namespaces": nested, "missing": missing, "threads": threads()}).encode()
    )
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 4)
        if not message:
            return
        count = threads()
        if count != 1:
            answer = {"problem": f"one of the modules has started {count - 1} threads: a fork would not be safe"}
        else:
            answer = _fork(shell, control, descriptors, {**settings, **json.loads(message)}, not nested)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(json.dumps(answer).encode())


def load(modules: list[str]) -> dict[str, str]:
    """Import what can be imported; returns why the rest cannot."""
    missing = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            missing[name] = f"{type(error).__name__}: {error}"
    if "matplotlib" in sys.modules:  # the first plot would look for fonts in each session, for seconds
        for name in ("matplotlib.font_manager", "matplotlib.backends.backend_agg", "matplotlib_inline.backend_inline"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    return missing


def threads() -> int:
    """How many threads this process has, once those are gone that are about to end."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (count := _threads()) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    return count


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:  # no Linux: only without a sandbox
        return 1


def _fork(
    shell: _student.Shell, control: socket.socket, descriptors: list[int], settings: dict[str, Any], nested: bool
) -> dict[str, Any]:
    """Fork a session; its first process is no child of ours, so that nothing need be awaited."""
    nested = nested and not settings["unsafe"]
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return {} if status == 0 else {"problem": "a session could not be started (see above)"}
    try:
        control.close()
        os.setsid()
        if nested:
            isolation.enter_namespaces()
        if os.fork():
            os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    try:
        _session(shell, descriptors, settings, nested)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _session(shell: _student.Shell, descriptors: list[int], settings: dict[str, Any], nested: bool) -> None:
    channel, leash, out, err = descriptors
    limits = settings["limits"]
    if nested:
        isolation.furnish(limits["disk_bytes"])
        isolation.set_dumpable(False)
    else:
        isolation.adopt_orphans()

    def student() -> None:
        try:
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            end = socket.socket(fileno=channel)
            os.closerange(3, channel)
            os.closerange(channel + 1, 1 << 16)
            _enter(Path(settings["folder"]), settings["unsafe"])
            if not settings["unsafe"]:
                isolation.step_back()
                isolation.give_up_privileges()
            isolation.set_limits(limits, count_processes=not settings["unsafe"])
            if not settings["unsafe"]:
                isolation.set_dumpable(True)
                seccomp.install()
            if settings["cold"]:  # only here, because a module may start threads
                load(settings["modules"])
            _student.serve(end, shell, limits["output_bytes"])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)

    with socket.socket(fileno=leash) as end:
        for descriptor in (channel, out, err):
            os.set_inheritable(descriptor, False)
        supervisor.supervise(student, end, limits["memory"], alone=nested, closing=(channel, out, err))
    os._exit(0)


def _enter(folder: Path, unsafe: bool) -> None:
    """Go to the student's folder, with a copy of the lab's files in it."""
    os.chdir(folder)
    sys.path[0] = str(folder)
    if unsafe:  # this machine's own folders: the grader has put the files there, and no other session may be met
        os.environ.update({"HOME": str(folder), "COURSE_DATA": f"{folder}/course-data", "TMPDIR": str(folder)})
    elif FILES.is_dir():
        for path in FILES.iterdir():
            shutil.copyfile(path, folder / path.name)


def _try_namespaces() -> str:
    """Why a session cannot have name spaces of its own here; "" if it can. A child tries."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            isolation.enter_namespaces()
            first = os.fork()
            if first == 0:
                isolation.furnish(1 << 20)
                os._exit(0)
            _, status = os.waitpid(first, 0)
            if status:
                os.write(writing, b"its folders cannot be mounted")
        except OSError as error:
            os.write(writing, str(error).encode()[:1000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        why = answer.read().decode()
    os.waitpid(child, 0)
    return why


if __name__ == "__main__":
    main()

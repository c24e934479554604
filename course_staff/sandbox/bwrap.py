"""Outside: the command line of bubblewrap, what it shows of this machine, and what to do where it cannot run."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import course_lib

ENVIRONMENT = {
    "COURSE_PROFILE": "ci",
    "COURSE_DATA": "/tmp/course-data",
    "HF_HUB_OFFLINE": "1",
    "HOME": "/work",
    "LANG": "C.UTF-8",
    "LOGNAME": "student",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "IPYTHONDIR": "/tmp/ipython",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",  # a fork is safe only while there is one thread
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INDEX": "1",  # else each `%pip install` of a notebook waits long for a network
    "PIP_RETRIES": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "USER": "student",
    "UV_OFFLINE": "1",
}
COURSE, PYTHON, FILES = "/opt/course/lib", "/opt/course/python", "/opt/course/files"
# Of /etc only what the loader, numpy's alternatives and fonts need: no users, no hosts.
SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/fonts")
HIDDEN = ("/tmp", "/work", "/dev", "/proc")  # a session has its own
_TRIAL = """
import os
from course_staff.sandbox.inside import isolation
if os.geteuid() == 0:
    isolation.leave_root(61_000)
import traitlets, course_lib.project  # as the user that sessions have
"""
FIRST_USER, USERS = 61_000, 4_000  # for root: ids that no person has, one for each fork server


def command(files: Sequence[Path] = (), disk_bytes: int = 1 << 27) -> list[str]:
    """bubblewrap and Python, to be followed by Python's arguments.

    files: shown read-only in FILES. disk_bytes: of each folder that can be written.
    """
    words = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    words += ["--hostname", "lab", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    if threading.current_thread() is threading.main_thread():
        words.append("--die-with-parent")  # of a thread that starts it, the end would count as the parent's
    if os.geteuid() == 0:
        # Real root needs no user name space, so that it can show what only root can read; the program gives these back.
        for name in ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP"):
            words += ["--cap-add", f"CAP_{name}"]
    else:
        words.append("--unshare-user")
    shown = {"/usr": "/usr"}
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            shown[str(path)] = str(path)
    shown.update({name: name for name in SETTINGS if os.path.exists(name)})
    if not _inside(sys.base_prefix, "/usr"):
        shown[sys.base_prefix] = sys.base_prefix
    shown[f"{COURSE}/course_lib"] = course_lib.__path__[0]
    staff = Path(__file__).parents[1]
    for part in ("__init__.py", "sandbox/__init__.py", "sandbox/inside"):  # of the staff's side, no more
        shown[f"{COURSE}/course_staff/{part}"] = str(staff / part)
    python = sys.executable
    if sys.prefix != sys.base_prefix:
        shown[PYTHON] = sys.prefix
        python = f"{PYTHON}/bin/{Path(sys.executable).name}"
    for file in files:
        shown[f"{FILES}/{Path(file).name}"] = str(Path(file).resolve(strict=True))
    words += _read_only(shown)
    words += ["--dev", "/dev", "--proc", "/proc"]
    size = ["--size", str(disk_bytes)] if "--size" in _help() else []  # since 0.7; matters only without name spaces
    for writable in ("/tmp", "/work", "/dev/shm"):
        words += ["--perms", "1777", *size, "--tmpfs", writable]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work"]
    search = f"{Path(python).parent}:{ENVIRONMENT['PATH']}"
    for name, value in {**ENVIRONMENT, "PATH": search, "PYTHONPATH": COURSE}.items():
        words += ["--setenv", name, value]
    return [*words, "--", python]


def user_for(number: int) -> int:
    """An id of its own for a fork server started by root: the kernel counts processes by user."""
    return FIRST_USER + (os.getpid() * 8 + number) % USERS


def _read_only(shown: dict[str, str]) -> list[str]:
    """Bind what is shown, in folders that the unprivileged user may pass: bubblewrap would make them root's alone."""
    words, made = [], {Path("/")}
    for target, source in shown.items():
        for folder in reversed(Path(target).parents):
            if folder not in made:
                words += ["--perms", "0755", "--dir", str(folder)]
                made.add(folder)
        words += ["--ro-bind", source, target]
        made.add(Path(target))
    return words


@functools.cache
def _help() -> str:
    return subprocess.run(["bwrap", "--help"], capture_output=True, text=True).stdout


def _inside(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)


def problem() -> str | None:
    """Why bubblewrap cannot run here and what to do, or None."""
    found = diagnosis()
    return found and ": ".join(found)


@functools.cache
def diagnosis() -> tuple[str, str] | None:
    """Why bubblewrap cannot run here, and what to do; None where it can. Tried once a process, in a second or less."""
    if not sys.platform.startswith("linux"):
        return "the sandbox, bubblewrap, exists for Linux only", "grade on Linux, in a virtual machine or in WSL 2"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed", "sudo apt-get install bubblewrap (Fedora: sudo dnf install bubblewrap)"
    for folder in HIDDEN:
        if _inside(sys.base_prefix, folder):
            return f"Python lies in {sys.base_prefix}, and a session has its own {folder}", "install Python elsewhere"
    arguments = [*command(), "-c", _TRIAL]
    tried = subprocess.run(arguments, capture_output=True, text=True, env={}, stdin=subprocess.DEVNULL)
    return None if tried.returncode == 0 else _explanation(tried.stderr.strip()[-1000:])


def version() -> str:
    """What bubblewrap calls itself: "bubblewrap 0.8.0"."""
    return subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout.strip()


def _explanation(said: str) -> tuple[str, str]:
    if any(words in said for words in ("namespace", "uid map", "Operation not permitted", "RTM_NEWADDR")):
        remedy = (
            "Ubuntu 24.04: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for"
            " /usr/bin/bwrap that allows userns. Older Debian: sudo sysctl -w kernel.unprivileged_userns_clone=1."
            " In a container: allow user name spaces there, or grade on the machine itself"
        )
        return f"this system forbids what bubblewrap needs, user name spaces ({said})", remedy
    remedy = "let other users read this Python and the course (chmod -R go+rX), and install the extra `instructor`"
    return f"bubblewrap runs, but Python does not start in it ({said})", remedy

"""Inside, what Python 3.11 has no name for: name spaces, mounts, capabilities. Linux only; before any thread starts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE = ("/tmp", "/work", "/dev/shm")  # fresh and empty in each session
INODES = 20_000  # of each private folder: files cost memory even when empty
DESCRIPTORS = 256
NICE = 5

_NEW_NAMESPACES = 0x10000000 | 0x20000 | 0x20000000 | 0x08000000 | 0x40000000 | 0x04000000  # user mount pid ipc net uts
_NOSUID, _NODEV, _NOEXEC, _DETACH = 2, 4, 8, 2
_SET_DUMPABLE, _CAPBSET_READ, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _AMBIENT, _SET_CHILD_SUBREAPER = 4, 23, 24, 38, 47, 36
_CAPABILITY_VERSION = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def leave_root(user: int) -> None:
    """From root, with the few capabilities that bubblewrap left, to the unprivileged `user`, for good."""
    # started by root, bubblewrap covers parts of /proc; a session may mount its own only if ours is whole
    _check(_libc.umount2(b"/proc", _DETACH), "umount /proc")
    _mount("proc", "/proc", _NOSUID | _NODEV | _NOEXEC)
    _drop_bounding_set()
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _drop_capabilities()


def enter_namespaces() -> None:
    """Leave for name spaces of our own, as the same user. The next process forked is their first."""
    user, group = os.geteuid(), os.getegid()
    set_dumpable(True)  # else the maps below belong to root
    _check(_libc.unshare(_NEW_NAMESPACES), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def furnish(size: int) -> None:
    """As the first process of the name spaces: empty private folders of `size` bytes each, and a /proc of our own."""
    for folder in PRIVATE:
        _mount("tmpfs", folder, _NOSUID | _NODEV, f"size={size},nr_inodes={INODES},mode=0700")
    _mount("proc", "/proc", _NOSUID | _NODEV | _NOEXEC)
    # no further name spaces, in which a student would hold capabilities again
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    for name in ("shmall", "shmmax", "msgmnb"):  # shared memory of System V counts as nobody's
        with contextlib.suppress(OSError):  # older kernels leave these to real root
            Path(f"/proc/sys/kernel/{name}").write_text("65536")


def give_up_privileges() -> None:
    """No capability, and none to come."""
    _drop_bounding_set()
    _drop_capabilities()


def set_dumpable(dumpable: bool) -> None:
    """Whether processes of the same user may read our memory and our entries in /proc."""
    _check(_libc.prctl(_SET_DUMPABLE, int(dumpable), 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Become the parent of all that our children leave behind; process 1 is that anyway."""
    with contextlib.suppress(AttributeError, OSError):
        _libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_limits(limits: Mapping[str, Any], *, count_processes: bool) -> None:
    """What the kernel shall refuse. limits: the fields of `sandbox.Limits`."""
    cpu_seconds = int(limits["submission_seconds"]) * 2 + 10  # only for what escapes the clock of the grader
    wanted = {
        resource.RLIMIT_AS: limits["memory"],
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: DESCRIPTORS,
        resource.RLIMIT_CORE: 0,
    }
    if count_processes:
        wanted[resource.RLIMIT_NPROC] = limits["processes"]
    for kind, value in wanted.items():
        _, most = resource.getrlimit(kind)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        # at the soft limit of time comes a signal that says so, at the hard one the end
        resource.setrlimit(kind, (value - 5 if kind == resource.RLIMIT_CPU else value, value))


def step_back() -> None:
    """The supervisor goes before; and should the machine run out of memory, this process is killed, not the grader."""
    os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _mount(kind: str, folder: str, flags: int, options: str = "") -> None:
    words = [kind.encode(), folder.encode(), kind.encode()]
    _check(_libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount {kind} on {folder}")


def _drop_bounding_set() -> None:
    capability = 0
    while _libc.prctl(_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
        capability += 1


def _drop_capabilities() -> None:
    _libc.prctl(_AMBIENT, 4, 0, 0, 0)  # clear all
    _check(_libc.capset(struct.pack("II", _CAPABILITY_VERSION, 0), bytes(24)), "capset")
    _check(_libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")

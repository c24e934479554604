"""Inside, a filter of system calls: what no lab needs and what name spaces and limits do not cover.

Memory that belongs to no process (memfd, shared memory and queues of System V) escapes every limit; sockets to the host
of a virtual machine (vsock) and keys belong to no name space; the rest only widens the attack on the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

# name: number on x86_64, on aarch64
REFUSED = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "finit_module": (313, 273),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "init_module": (175, 105),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
SOCKET, CLONE, CLONE3 = (41, 198), (56, 220), (435, 435)
FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink: all of them in name spaces
NEW_NAMESPACES = 0x7E020000  # the flags of clone that make one
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000  # a second set of numbers for the same calls of x86_64

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in what the filter sees
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_SET_SECCOMP, _FILTER = 22, 2


class _Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def install() -> None:
    """Filter the system calls of this process and of all that come from it, for good. Needs no_new_privs."""
    machine = platform.machine()
    if machine not in _MACHINES:  # name spaces, capabilities and limits still hold
        return
    code = program(*_MACHINES[machine])
    libc = ctypes.CDLL(None, use_errno=True)
    filter_ = _Program(len(code) // 8, code)
    if libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(filter_), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def program(column: int, architecture: int) -> bytes:
    """The filter as the kernel reads it. column: of the table above."""
    lines = [_line(_LOAD, _ARCHITECTURE)]
    lines += [_line(_EQUAL, architecture, 1, 0), _refuse(errno.EPERM), _line(_LOAD, _NUMBER)]
    if column == 0:
        lines += [_line(_AT_LEAST, _X32, 0, 1), _refuse(errno.EPERM)]
    for numbers in REFUSED.values():
        lines += [_line(_EQUAL, numbers[column], 0, 1), _refuse(errno.EPERM)]
    lines += [
        _line(_EQUAL, CLONE3[column], 0, 1),
        _refuse(errno.ENOSYS),
    ]  # libc then takes clone
    lines += [_line(_EQUAL, CLONE[column], 0, 4), _line(_LOAD, _FIRST_ARGUMENT)]
    lines += [_line(_ANY_BIT, NEW_NAMESPACES, 0, 1), _refuse(errno.EPERM), _line(_RETURN, _ALLOW)]
    lines += [_line(_EQUAL, SOCKET[column], 0, len(FAMILIES) + 2), _line(_LOAD, _FIRST_ARGUMENT)]
    for index, family in enumerate(FAMILIES):
        lines.append(_line(_EQUAL, family, len(FAMILIES) - index, 0))
    lines += [_refuse(errno.EAFNOSUPPORT), _line(_RETURN, _ALLOW)]
    return b"".join(lines)


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(error: int) -> bytes:
    return _line(_RETURN, _ERRNO | error)

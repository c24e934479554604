"""How much to do on this machine (profiles), and seeds that leave the global random state alone."""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from course_lib import apple_gpu

PROFILES = ("ci", "cpu", "gpu")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Profile:
    """`ci` (seconds: proves that it runs), `cpu` (minutes on 2 cores) or `gpu` (the real thing).

    Attributes:
        name: "ci", "cpu" or "gpu".
        device: "cpu" or "cuda".

    Lab: 00.
    """

    name: str
    device: str

    def pick(self, *, ci: Value, cpu: Value, gpu: Value) -> Value:
        """The value that belongs to this profile: `epochs = profile.pick(ci=1, cpu=5, gpu=20)`."""
        return {"ci": ci, "cpu": cpu, "gpu": gpu}[self.name]


def profile() -> Profile:
    """The profile of this machine: `gpu` where CUDA is available, else `cpu`; the variable COURSE_PROFILE overrides.

    `ci` and `cpu` work on the CPU even where there is a GPU.

    Returns:
        The profile.

    Raises:
        ValueError: an unknown name.
        RuntimeError: `gpu` is asked for and there is none.

    Lab: 00.
    """
    name = os.environ.get("COURSE_PROFILE", "").strip().lower()
    name = name or ("gpu" if torch.cuda.is_available() else "cpu")
    if name not in PROFILES:
        raise ValueError(f"COURSE_PROFILE: expected one of {', '.join(PROFILES)}, got {name!r}")
    if name == "gpu":
        check_device("cuda")
    return Profile(name, "cuda" if name == "gpu" else "cpu")


def check_device(device: str | None) -> str:
    """The kind of device to work on.

    Args:
        device: "cpu", "cuda" or "mps"; None means that of `profile()`, or an Apple GPU that passed its self-test.

    Returns:
        "cpu", "cuda" or "mps".

    Raises:
        ValueError: another name.
        RuntimeError: this machine has no such device.
    """
    if device is None:
        return network_device()
    if device not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device: expected 'cpu', 'cuda', 'mps' or None, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(
            "a GPU was asked for, but PyTorch finds none. On Colab choose Runtime > Change runtime type >"
            " GPU; elsewhere set COURSE_PROFILE=cpu (or device='cpu') to work on the CPU"
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise RuntimeError("device 'mps' was asked for, but this machine has no Apple GPU: use device='cpu'")
    return device


def seeded(seed: int, *parts: int | str) -> int:
    """Mix a seed with what tells two uses of it apart.

    `seeded(0, "train", epoch, i)` and `seeded(0, "validation", i)` seed unrelated streams, as `0 + epoch + i` would
    not.

    Args:
        seed: the seed of all uses.
        parts: integers or text that tell this use apart.

    Returns:
        A number in [0, 2⁶³), the same on every machine.

    Raises:
        TypeError: parts that are neither integers nor text.

    Lab: 03 and later.
    """
    mixed = [part if isinstance(part, str) else int(operator.index(part)) for part in (seed, *parts)]
    digest = hashlib.blake2b(repr(mixed).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def network_device() -> str:
    """Where networks train and run when nobody names a device: on that of `profile()`, or on an Apple GPU.

    An Apple GPU is taken where a tiny network learns the same there as on the CPU (`apple_gpu`), and where
    COURSE_PROFILE names no profile. What a lab computes itself stays on the CPU, the device of `profile()`: an Apple
    GPU has no double precision.

    Returns:
        "cpu", "cuda" or "mps".
    """
    chosen = profile()
    if chosen.device == "cpu" and not os.environ.get("COURSE_PROFILE", "").strip() and apple_gpu.usable():
        return "mps"
    return chosen.device


@contextmanager
def fixed_seed(seed: int, *parts: int | str) -> Iterator[None]:
    """Inside, PyTorch's global generators (CPU, CUDA) follow from the seed; after, they are as before.

    For what takes no generator: the first weights of a model (`with fixed_seed(0): model = ConvDAE()`), dropout.

    Args:
        seed, parts: as for `seeded`.

    Returns:
        A context manager.

    Lab: 02 and later.
    """
    # a GPU that nobody has used yet stays unused: seeding it here would decide its first numbers
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    value = seeded(seed, *parts)
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(value)
        if devices:
            torch.cuda.manual_seed_all(value)
        yield

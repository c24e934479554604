"""Inside: settings of Python, numpy and torch. What a notebook has left behind must cost nothing while a test runs.

A cell that asks for float64 everywhere, turns gradients off or makes warnings errors is no wrong answer. So tests run,
and values are computed, under the settings with which the session began; afterwards the notebook has its own again.
"""

from __future__ import annotations

import contextlib
import locale
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

SEED = 20_000  # of `random`, numpy and torch, alike in each session: a submission gets the same mark each time
THREADS = 4  # of torch: a session may have few, and libgomp ends the process that is refused one

# how to ask for a setting, and how to set it
Setting = tuple[Callable[[], Any], Callable[[Any], object]]
_PYTHON: tuple[Setting, ...] = (
    (os.getcwd, os.chdir),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (random.getstate, random.setstate),
    (np.random.get_state, np.random.set_state),
    (np.geterr, lambda found: np.seterr(**found)),
    (np.geterrcall, np.seterrcall),
)


class Settings:
    """The settings of this process at one moment, to be restored later."""

    def __init__(self) -> None:
        self._found: list[tuple[Setting, Any]] = []
        for setting in (*_PYTHON, *_of_torch()):
            with contextlib.suppress(Exception):
                self._found.append((setting, setting[0]()))

    def restore(self) -> None:
        """Set what differs (some of it takes torch seconds); what cannot be set is left as it is."""
        for (ask, put), value in self._found:
            with contextlib.suppress(Exception):
                if not _same(ask(), value):
                    put(value)


def _same(one: Any, other: Any) -> bool:
    """Equal, for certain? Arrays in the state of a generator have no truth: it is set in any case."""
    try:
        return type(one) is type(other) and bool(one == other)
    except (ValueError, RuntimeError):
        return False


@contextmanager
def under(usual: Settings) -> Iterator[None]:
    """Run a block under `usual` settings, without warnings, with the random generators seeded anew."""
    own = Settings()
    torch = sys.modules.get("torch")
    no_inference = torch.inference_mode(False) if torch is not None else contextlib.nullcontext()
    try:
        usual.restore()
        seed(SEED)
        with no_inference, np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        own.restore()


def seed(number: int) -> None:
    """Seed the global generators of Python, numpy and torch."""
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002 (an answer may use it, and must give the same value each time)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(number % 2**63)


def keep_threads_few() -> None:
    """`torch.set_num_threads(os.cpu_count())` is sensible at home, and deadly where a process may have few threads."""
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads = _at_most(torch.set_num_threads)
        torch.set_num_interop_threads = _at_most(torch.set_num_interop_threads)


def _at_most(put: Callable[[int], None]) -> Callable[[int], None]:
    def set_few(number: int) -> None:
        put(min(number, THREADS) if type(number) is int else number)

    return set_few


def _of_torch() -> tuple[Setting, ...]:
    torch = sys.modules.get("torch")
    if torch is None:
        return ()
    return (
        (torch.get_default_dtype, torch.set_default_dtype),
        (torch.get_default_device, lambda device: torch.set_default_device(None if device.type == "cpu" else device)),
        (torch.is_grad_enabled, torch.set_grad_enabled),
        (torch.get_num_threads, torch.set_num_threads),
        (torch.get_rng_state, torch.set_rng_state),
        (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        (_determinism, lambda found: torch.use_deterministic_algorithms(found[0], warn_only=found[1])),
    )


def _determinism() -> tuple[bool, bool]:
    torch = sys.modules["torch"]
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()

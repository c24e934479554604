"""A command whose reader has gone, as in `course grade status lab02 | head -1`, ends quietly."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

READER_GONE = 141  # as the shell says of a program that ends so


def ends_quietly(run: Callable[[], int]) -> int:
    """Call `run` and return its exit code; 141 where it ended because nobody reads its output. Other errors pass."""
    ended: SystemExit | None = None
    code = READER_GONE
    try:
        try:
            code = run()
        except SystemExit as error:  # of --help
            ended = error
        sys.stdout.flush()
    except BrokenPipeError:
        if not reader_is_gone():
            raise
        # else Python would try once more at its very end, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if ended is not None:
        raise ended
    return code


def reader_is_gone() -> bool:
    """Whether a BrokenPipeError may be about standard output, and not about some other pipe or connection."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):  # not a file, as in a test
        return False
    if not hasattr(select, "poll"):  # on Windows
        return True
    watch = select.poll()
    watch.register(number, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in watch.poll(0))

"""A file is there whole, or not at all: after a crash or a power cut a reader meets the old one or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def whole_file(path: Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file beside `path` for writing, and move it there when the block ends without an error.

    Args:
        path: where the file will stand; its folder is made. An older file there stays until the new one is whole.
        mode: "wb" or "w"; options go to `open`, as `encoding`.

    Yields:
        The open file. After an error in the block nothing of it is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{secrets.token_hex(8)}.part")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        with os.fdopen(handle, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _keep_name(path.parent)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write bytes, or a text in UTF-8, as a file that no reader ever sees a half of.

    Args:
        path: the file; its folder is made.
        content: bytes as they are; a text with its line ends as they are. Half a surrogate pair becomes an escape.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with whole_file(path) as file:
        file.write(data)


def _keep_name(folder: Path) -> None:
    """A new name in a folder outlasts a power cut only when the folder itself is on the disk."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no such handle, and needs none
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

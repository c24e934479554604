"""What lies in a folder or a zip, as items to look at: nothing is unpacked, no link is followed, every read is capped.

A zip inside the folder or the zip (a student who sent one) is opened too, one level deep. Whatever is no plain file,
or does not fit in, is an item with a reason in words, never an exception: one bad file does not stop a class.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

MOST_FILES = 20_000  # in one folder or zip
MOST_RATIO = 200  # of a packed file above a megabyte; notebooks pack 3 to 50 times
NESTED_BYTES = 100 << 20  # of a zip inside
NESTED_UNPACKED = 1 << 30  # what it says it unpacks to; no more than that is ever read of it
LONGEST_PATH = 4096
_IGNORED = re.compile(
    r"(^|/)(__MACOSX|\.collect-[^/]*|\.ipynb_checkpoints|\.git|__pycache__)(/|$)|(^|/)(\.DS_Store|Thumbs\.db|\._[^/]*)$"
)

_LEADS_OUT = "its path in the zip leads out of the folder"
_TOO_LONG = f"its path in the zip is longer than {LONGEST_PATH} letters"


class Refused(ValueError):
    """A file is not taken in; the message says why, in words for the instructor."""


@dataclass(frozen=True)
class Item:
    """One file of a source. parts: its path inside (a zip inside counts as a folder); shown: that path for a person.

    modified: the file's own time, aware where known, naive where a zip does not name the zone; None: unknown.
    refused: why it is not taken in, or None; then `read()` gives its bytes, or raises Refused.
    """

    parts: tuple[str, ...]
    shown: str
    modified: datetime | None = None
    refused: str | None = None
    read: Callable[[], bytes] = field(default=lambda: b"", repr=False, compare=False)


@contextlib.contextmanager
def opened(source: Path, *, max_bytes: int) -> Iterator[Iterator[Item]]:
    """The items of a folder, a zip or a single file; valid inside the `with`. max_bytes: of one file.

    Raises ValueError where the source itself is missing, or is neither.
    """
    source = Path(source)
    if not source.exists():
        raise ValueError(f"expected a folder or a zip, got {source}, which does not exist")
    with contextlib.ExitStack() as stack:
        reader = _Reader(stack, max_bytes)
        if source.is_dir():
            yield reader.folder(source)
        elif zipfile.is_zipfile(source):
            yield reader.zip(stack.enter_context(open(source, "rb")), (), depth=1)
        elif source.suffix.lower() == ".zip":
            raise ValueError(f"{source}: this is no zip, or only a part of one: download it again")
        else:
            yield iter([reader.file(source, (source.name,))])


def read_plain(path: Path, max_bytes: int) -> bytes:
    """The bytes of a plain file. Raises Refused for links (also hard ones), devices, pipes, and what is too large."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise Refused(f"it is a link, to {_target(path)}: only plain files are taken in") from None
        raise Refused(f"it cannot be read: {error.strerror}") from None
    status = os.fstat(handle)  # what is checked is what was opened
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise Refused("it is no plain file, but a folder, device or pipe")
    with os.fdopen(handle, "rb") as stream:
        if status.st_nlink > 1:
            raise Refused("it is a hard link: another name on this disk shares its content; copy the folder first")
        return _capped(stream, max_bytes)


class _Reader:
    """Reads one source; what it opens stays open as long as its items are looked at."""

    def __init__(self, stack: contextlib.ExitStack, max_bytes: int) -> None:
        self.stack, self.max_bytes = stack, max_bytes
        self.files_seen = 0

    def folder(self, root: Path) -> Iterator[Item]:
        closed: list[OSError] = []
        for where, folders, files in os.walk(root, followlinks=False, onerror=closed.append):
            relative = Path(where).relative_to(root).parts
            folders[:] = sorted(name for name in folders if not _ignored((*relative, name)))
            for name in list(folders):
                if Path(where, name).is_symlink():
                    folders.remove(name)
                    files.append(name)
            if relative and not files and not folders:
                yield Item(_clean((*relative, "nothing")), _shown(relative), refused="the folder is empty")
            for name in sorted(files):
                path, parts = Path(where, name), (*relative, name)
                if _ignored(parts):
                    continue
                self.files_seen += 1
                if self.files_seen > MOST_FILES:
                    raise ValueError(
                        f"{root} has more than {MOST_FILES} files: name the folder of one lab's submissions"
                    )
                if path.suffix.lower() == ".zip" and _is_zip(path):
                    yield from self.zip(self.stack.enter_context(open(path, "rb")), _clean(parts), depth=1)
                else:
                    yield self.file(path, parts)

        for error in closed:
            parts = Path(error.filename).relative_to(root).parts
            yield Item(_clean((*parts, "")), _shown(parts), refused=f"it cannot be read: {error.strerror}")

    def file(self, path: Path, parts: tuple[str, ...]) -> Item:
        status, modified, reason = path.lstat(), None, None
        with contextlib.suppress(ValueError, OverflowError, OSError):
            modified = datetime.fromtimestamp(status.st_mtime, UTC)
        if stat.S_ISLNK(status.st_mode):
            reason = f"it is a link, to {_target(path)}: only plain files are taken in"
        elif not stat.S_ISREG(status.st_mode):
            reason = "it is no plain file, but a device or pipe"
        return Item(_clean(parts), _shown(parts), modified, reason, lambda: read_plain(path, self.max_bytes))

    def zip(self, stream: io.BufferedIOBase, above: tuple[str, ...], *, depth: int) -> Iterator[Item]:
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError) as error:
            yield Item(above, _shown(above), refused=f"it is a broken zip: {error}")
            return
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        unpacked = sum(entry.file_size for entry in entries) if depth > 1 else 0
        if len(entries) > MOST_FILES or unpacked > NESTED_UNPACKED:
            reason = f"it unpacks to more than {MOST_FILES} files or {NESTED_UNPACKED >> 30} GB: a zip bomb?"
            yield Item(above, _shown(above), refused=reason)
            return
        for entry in entries:
            name = _entry_name(entry)
            parts = tuple(part for part in name.split("/") if part not in ("", "."))
            if not parts or _ignored(parts):
                continue
            path = above + _clean(parts)
            shown = _shown(above + parts)
            refused = _refusal(entry, name)
            if refused in (_LEADS_OUT, _TOO_LONG):
                path = above  # its path says nothing about whose it is
            if refused is None and parts[-1].lower().endswith(".zip"):
                yield from self._nested(archive, entry, path, depth)
            else:
                yield Item(path, shown, _moment(entry), refused, partial(self._entry, archive, entry, self.max_bytes))

    def _nested(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: tuple[str, ...], depth: int
    ) -> Iterator[Item]:
        if depth > 1:
            yield Item(path, _shown(path), refused="a zip inside a zip inside a zip is not opened")
            return
        try:
            data = self._entry(archive, entry, max(NESTED_BYTES, self.max_bytes))
            if data.count(b"PK\x01\x02") > MOST_FILES:  # before the table of contents fills the memory
                raise Refused(f"it holds more than {MOST_FILES} files: a zip bomb?")
        except Refused as error:
            yield Item(path, _shown(path), refused=str(error))
            return
        copy = self.stack.enter_context(tempfile.TemporaryFile())
        copy.write(data)
        del data
        yield from self.zip(copy, path, depth=depth + 1)

    def _entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
        try:
            with archive.open(entry) as stream:
                data = _capped(stream, most)
        except (
            zipfile.BadZipFile,
            OSError,
            EOFError,
            ValueError,
            RuntimeError,
            NotImplementedError,
            zlib.error,
        ) as error:
            if isinstance(error, Refused):
                raise
            raise Refused(f"its place in the zip is broken: {error}") from None
        return data


def _capped(stream: IO[bytes], most: int) -> bytes:
    data = stream.read(most + 1)
    if len(data) > most:
        raise Refused(f"it has more than {most / 1e6:.3g} MB (`--max-mb` allows more)")
    return data


def _refusal(entry: zipfile.ZipInfo, name: str) -> str | None:
    """Why an entry of a zip is not even looked at."""
    mode = entry.external_attr >> 16
    if len(name) > LONGEST_PATH:
        return _TOO_LONG
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return _LEADS_OUT
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "it is a link or a device in the zip: only plain files are taken in"
    if entry.flag_bits & 1:
        return "it is locked with a password"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed in an unusual way: pack it again with an ordinary zip program"
    if entry.file_size > 1 << 20 and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
        return f"it unpacks to {entry.file_size / max(entry.compress_size, 1):.0f} times its size: a zip bomb?"
    return None


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """The path of an entry, however it is written: UTF-8 with or without the flag, Unicode field, code page."""
    name = entry.orig_filename.split("\0")[0]
    if not entry.flag_bits & 0x800:
        raw = name.encode("cp437", "replace")
        with contextlib.suppress(UnicodeDecodeError):
            name = raw.decode("utf-8")  # macOS and Info-ZIP write UTF-8 without saying so
        name = _unicode_field(entry.extra, raw) or name
    if "/" not in name:
        name = name.replace("\\", "/")  # of Windows programs
    return name


def _unicode_field(extra: bytes, raw: bytes) -> str | None:
    """Info-ZIP's Unicode path, where the zip has one and it is about this very name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x7075 and len(body) > 5 and struct.unpack_from("<I", body, 1)[0] == zlib.crc32(raw):
            with contextlib.suppress(UnicodeDecodeError):
                return body[5:].decode("utf-8")
    return None


def _moment(entry: zipfile.ZipInfo) -> datetime | None:
    """The time of an entry: UTC where the zip has it, else naive; None for a zip's "no time", the start of 1980."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x5455 and len(body) >= 5 and body[0] & 1:
            return datetime.fromtimestamp(struct.unpack_from("<I", body, 1)[0], UTC)
    with contextlib.suppress(ValueError):
        return datetime(*entry.date_time) if entry.date_time > (1980, 1, 1, 0, 0, 0) else None
    return None


def _clean(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Parts of a path in composed Unicode (macOS decomposes), printable."""
    return tuple(printable(unicodedata.normalize("NFC", part)) for part in parts)


def printable(text: str, most: int = 300) -> str:
    """Text for a table: no control characters, no lone surrogates, not endless."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= most else f"{text[: most - 20]}…{text[-19:]}"


def _shown(parts: tuple[str, ...]) -> str:
    return printable("/".join(_clean(parts)))


def _is_zip(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode) and zipfile.is_zipfile(path)


def _ignored(parts: tuple[str, ...]) -> bool:
    return bool(_IGNORED.search("/".join(parts)))


def _target(path: Path) -> str:
    return printable(os.readlink(path), 100)

"""Unpack a tar while it arrives, so that its first files cost no more than themselves.

The files of the tar become files in a folder, and everything else (headers, padding, end) is kept in one small file,
the skeleton. Together they are the tar: they say where an interrupted download stopped, in a later process too, and
give the hash of the whole without keeping 4.5 GB twice.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from course_lib.data import download
from course_lib.data.download import DiskFailed, DownloadFailed, explain

BLOCK = tarfile.BLOCKSIZE  # 512 bytes: headers, and the multiple that files are padded to
SHORT = "the connection ended early"


class Damaged(Exception):
    """A file arrived, but its own checksum says that it is not what was sent."""


class TarFolder:
    """The files of one tar, collected in a folder one after the other.

    Args:
        folder: where the files go, by their names without folders.
        skeleton: the file for all other bytes.
        open_at: `open_at(offset)` gives a readable stream of the tar from that byte on; called when bytes are missing.
    """

    def __init__(self, folder: Path, skeleton: Path, open_at: Callable[[int], Any] | None = None) -> None:
        self.folder, self.skeleton, self.open_at = folder, skeleton, open_at
        self.offset = self.furthest = self._position = 0
        self._stream: Any = None

    def files(self) -> Generator[Path]:
        """Each file in the order of the tar: those that are here at once, the others as they become whole.

        Stop iterating when there is enough: the stream is closed, and nothing more is asked for. Without `open_at`
        it ends where something is missing.

        Yields:
            The paths of the files.

        Raises:
            Damaged: a file's own checksum says that it is not what was sent.
            DownloadFailed: no tar, or another one; DiskFailed for the disk. What reading the stream raises comes
                through.
        """
        self.offset = 0
        if self.open_at is None and not self.skeleton.is_file():
            return
        try:
            with open(self.skeleton, "rb" if self.open_at is None else "a+b", buffering=0) as kept:
                kept.seek(0)
                while (member := _parse(self._take(kept, BLOCK, check=_parse))) is not None:
                    if member.isreg():
                        path = self.folder / _plain_name(member)
                        self._collect(path, member.size)
                        # taken with the file: what `files` yields is then never met half padded
                        self._take(kept, -member.size % BLOCK)
                        yield path
                    else:  # a folder, a link, or more about the next file: belongs to the skeleton
                        self._take(kept, member.size + -member.size % BLOCK)
                while self._take(kept, BLOCK, end_is_fine=True):
                    pass
        except _Missing:
            return
        finally:
            self._close()

    def digest(self, algorithm: str) -> str:
        """The hash that the tar has, from the files and the skeleton; call it after `files` came to its end.

        Args:
            algorithm: its name, as hashlib has it.

        Returns:
            The hash.
        """
        whole = hashlib.new(algorithm)
        with open(self.skeleton, "rb") as kept:
            while header := kept.read(BLOCK):
                whole.update(header)
                member = _parse(header)
                if member is None:
                    whole.update(kept.read())
                    continue
                padded = member.size + -member.size % BLOCK
                if member.isreg():
                    with open(self.folder / _plain_name(member), "rb") as file:
                        while chunk := file.read(1 << 20):
                            whole.update(chunk)
                    padded -= member.size
                whole.update(kept.read(padded))
        return whole.hexdigest()

    def _take(
        self, kept: Any, count: int, *, check: Callable[[bytes], Any] | None = None, end_is_fine: bool = False
    ) -> bytes:
        """The next bytes of the tar that belong to the skeleton: from it, or from the stream and then added to it."""
        data = kept.read(count)
        self._advance(len(data))
        old = len(data)
        while len(data) < count:
            chunk = self._read(count - len(data), end_is_fine=end_is_fine)
            if not chunk:
                break
            data += chunk
        if check is not None:
            check(data)  # what is no tar must not stay in the skeleton
        _append(kept, data[old:])
        return data

    def _collect(self, path: Path, size: int) -> None:
        """Make `path` whole: `size` bytes, of which some may be in its .part; a gzip file is proved by its checksum."""
        if path.is_file() and path.stat().st_size == size:
            self._advance(size)
            return
        if self.open_at is None:
            raise _Missing
        part = path.with_name(path.name + ".part")
        have = part.stat().st_size if part.is_file() else 0
        if have > size:
            part.unlink()
            have = 0
        free = shutil.disk_usage(self.folder).free
        if size - have > free:
            raise DiskFailed(f"the disk is too full: {size - have:,} bytes to come, {free:,} free in {self.folder}")
        self._advance(have)
        with open(part, "ab", buffering=0) as file:
            while have < size:
                chunk = self._read(min(download.CHUNK, size - have))
                _append(file, chunk)
                have += len(chunk)
        if path.suffix == ".gz" and not _is_whole_gzip(part):
            part.unlink()
            raise Damaged(f"{path.name} arrived damaged")
        os.replace(part, path)

    def _read(self, count: int, *, end_is_fine: bool = False) -> bytes:
        """At most `count` bytes of the stream at the place where we are."""
        if self.open_at is None:
            raise _Missing
        if self._stream is None or self._position != self.offset:
            self._close()
            self._stream, self._position = self.open_at(self.offset), self.offset
        data = self._stream.read(count)
        if not data and not end_is_fine:
            raise ConnectionError(f"{SHORT}, after {self.offset:,} bytes")
        self._position += len(data)
        self._advance(len(data))
        return data

    def _advance(self, count: int) -> None:
        self.offset += count
        self.furthest = max(self.furthest, self.offset)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def first_files(tar: TarFolder, enough: Callable[[Path], bool], tell: Callable[[str], Any]) -> bool:
    """Collect files until there are enough, trying again after a broken connection.

    Args:
        tar: where they are collected.
        enough: `enough(path)` is asked after each file.
        tell: gets a line about every new attempt.

    Returns:
        True where the tar came to its end.

    Raises:
        DownloadFailed: with the reason.
    """
    import requests
    import urllib3

    passing = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ConnectionError, Damaged)
    failures, furthest = 0, 0
    while True:
        try:
            with closing(tar.files()) as files:
                return not any(enough(path) for path in files)
        except passing as error:
            if tar.furthest >= furthest + download.PROGRESS:
                failures, furthest = 0, tar.furthest
            failures += 1
            reason = str(error) if isinstance(error, Damaged) or SHORT in str(error) else explain(error)
            offline = reason == download.NO_NETWORK and not tar.furthest
            if failures > len(download.WAITS) or offline or download._is_final(error):
                raise DownloadFailed(reason) from error
            tell(f"{reason}; trying again in {download.WAITS[failures - 1]:g} s")
            time.sleep(download.WAITS[failures - 1])


def open_url(url: str, offset: int) -> Any:
    """A stream of a file (HTTP Range; without it, what comes before is read over).

    Args:
        url: the file's address.
        offset: the byte from which on it is read.

    Returns:
        The stream.
    """
    import requests

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    answer = requests.get(url, headers=headers, stream=True, timeout=download.TIMEOUT)
    start, total = download._content_range(answer.headers.get("Content-Range", ""))
    if answer.status_code == 416 and total == offset:
        answer.close()
        return io.BytesIO()
    if answer.status_code >= 400 or (answer.status_code == 206 and start != offset):
        answer.close()
        answer.raise_for_status()
        raise DownloadFailed(f"the server was asked for bytes from {offset:,} on and sent others, from {start}")
    if answer.status_code == 200:
        while offset:
            offset -= len(answer.raw.read(min(download.CHUNK, offset))) or offset
    return answer.raw


def open_file(path: Path, offset: int) -> Any:
    """The same for a file on this machine.

    Args:
        path: of the file.
        offset: the byte from which on it is read.

    Returns:
        The stream.
    """
    stream = open(path, "rb")
    stream.seek(offset)
    return stream


class _Missing(Exception):
    """Bytes are missing, and there is no stream to get them from."""


def _parse(header: bytes) -> tarfile.TarInfo | None:
    """The header of a member; None for the block of zeros that ends a tar."""
    try:
        return tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed leaves it out
        return None
    except tarfile.HeaderError as error:
        raise DownloadFailed(
            f"what came is not the tar that was expected ({error}). Either the server has another file now, or"
            " something on the way (a login page, a proxy) sent its own"
        ) from error


def _plain_name(member: tarfile.TarInfo) -> str:
    """The file's name without folders: a tar must not choose where on this machine it writes."""
    name = member.name.replace("\\", "/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise DownloadFailed(f"the tar holds a file with the name {member.name!r}")
    return name


def _append(file: Any, data: bytes) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[download._write(file, rest) :]
    except OSError as error:
        raise DiskFailed(f"{explain(error)}; what was received is kept: the next try goes on from there") from error


def _is_whole_gzip(path: Path) -> bool:
    try:
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return True

"""A downloader for pooch that goes on where an interrupted download stopped, also in a later process.

What has arrived is kept in a file `NAME.part`. The next attempt asks the server for the rest only (HTTP
Range, RFC 9110 section 14); a server that does not know Range sends everything, and the file starts over.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

from course_lib._progress import progress_bar

CHUNK = 1 << 18  # bytes per read
TIMEOUT = (10, 30)  # seconds: to connect, between two chunks
WAITS = (1.0, 2.0, 4.0)  # seconds before the second, third and fourth attempt
NO_NETWORK = "no network, or the server's name is unknown"
PROGRESS = 1 << 20  # an attempt that brings this many bytes more than ever before is no failure


class DownloadFailed(Exception):
    """The server or the network failed; the message is the reason in words."""


class DiskFailed(DownloadFailed):
    """This machine failed to keep the file: another server would not help."""


class ResumingDownloader:
    """Downloads one file; called by pooch as `downloader(url, output_file, pooch)`.

    `resumed` is True once bytes of an earlier attempt were built upon.

    Args:
        part: where the bytes are kept until the file is whole.
        size: bytes, where known.
        progress: show a bar.

    Raises:
        DownloadFailed: with the reason.
    """

    def __init__(self, part: Path, *, size: int | None = None, progress: bool = True) -> None:
        self.part, self.size, self.progress, self.resumed = part, size, progress, False

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        import requests
        import urllib3

        name = self.part.name.removesuffix(".part")
        failures, before = 0, self._received()
        furthest = before
        with progress_bar(desc=name, unit="B", unit_scale=True, unit_divisor=1024, disable=not self.progress) as bar:
            while True:
                try:
                    self._attempt(url, bar)
                    break
                except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
                    if self._received() >= furthest + PROGRESS:
                        failures = 0
                    furthest = max(furthest, self._received())
                    failures += 1
                    # without a network, waiting helps only where it was there a moment ago
                    offline = explain(error) == NO_NETWORK and furthest == before
                    if failures > len(WAITS) or offline or _is_final(error):
                        raise DownloadFailed(explain(error)) from error
                    wait = WAITS[failures - 1]
                    if self.progress:
                        bar.write(f"{name}: {explain(error)}; trying again in {wait:g} s", file=sys.stderr)
                    time.sleep(wait)
        os.replace(self.part, output_file)

    def _received(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _attempt(self, url: str, bar: Any) -> None:
        """Ask for what is missing and append it; returns once the file is whole."""
        import requests

        offset = self._received()
        # identity: a packed transfer would make the offsets those of other bytes
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            start, total = _content_range(answer.headers.get("Content-Range", ""))
            if offset and answer.status_code == 416 and total == offset:
                self.resumed = True  # whole already: the process was stopped before it could say so
                return
            if offset and (answer.status_code == 416 or (answer.status_code == 206 and start != offset)):
                self.part.unlink()  # what is there is no beginning of what the server has
                return self._attempt(url, bar)
            answer.raise_for_status()
            if answer.status_code == 206:
                self.resumed = True
            else:
                offset, total = 0, int(answer.headers.get("Content-Length", 0)) or self.size
            self._check_room(total, offset)
            bar.total, bar.n = total, offset
            bar.refresh()
            # unbuffered: what is on the disk is what has arrived, also when the disk is full
            with open(self.part, "ab" if offset else "wb", buffering=0) as file:
                for chunk in answer.raw.stream(CHUNK, decode_content=False):
                    self._keep(file, chunk)
                    bar.update(len(chunk))
        if total is not None and self._received() < total:
            raise requests.exceptions.ConnectionError(f"the connection ended after {self._received()} of {total} bytes")

    def _keep(self, file: Any, chunk: bytes) -> None:
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[_write(file, rest) :]
        except OSError as error:
            raise DiskFailed(
                f"{explain(error)}; the {self._received():,} bytes received are kept in {self.part}: "
                "the next try goes on from there (delete that file to get its room back)"
            ) from error

    def _check_room(self, total: int | None, offset: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - offset > free:
            raise DiskFailed(
                f"the disk is too full: {total - offset:,} bytes are still to come, "
                f"{free:,} are free in {self.part.parent}"
            )


def _write(file: Any, data: memoryview) -> int:
    return file.write(data)


def _content_range(header: str) -> tuple[int | None, int | None]:
    """First byte and total of `bytes 5-9/10` or `bytes */10`; None where not given."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", header.strip())
    start, total = found.groups() if found else (None, None)
    return int(start) if start else None, int(total) if total and total != "*" else None


def _is_final(error: Exception) -> bool:
    """Would the same question get the same answer? True of 404 and the like, and of a malformed address."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    return isinstance(error, ValueError)


def explain(error: BaseException) -> str:
    """Why a download failed, in words for a person.

    Args:
        error: the exception; those that led to it are read, too.

    Returns:
        The reason.
    """
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    codes = {cause.errno for cause in chain if isinstance(cause, OSError)}
    if codes & {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return "the disk is full"
    unresolved = any(isinstance(cause, socket.gaierror) for cause in chain)
    if unresolved or codes & {errno.ENETUNREACH, errno.EHOSTUNREACH}:
        return NO_NETWORK
    if errno.ECONNREFUSED in codes:
        return "the server is down (connection refused)"
    if any("Timeout" in type(cause).__name__ or isinstance(cause, TimeoutError) for cause in chain):
        return "the server did not answer in time"
    if any(type(cause).__name__ == "ProtocolError" for cause in chain):
        return "the connection broke"
    return f"{type(error).__name__}: {error}"

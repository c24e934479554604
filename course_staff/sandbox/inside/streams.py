"""Inside: the channel on which a student's process speaks, and `sys.stdout` and `sys.stderr` that write to it."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import threading
import time
from typing import Any

from course_staff.sandbox.inside import frames

_PIECE = 8192  # characters of text in one message
_DELAY = 0.05  # seconds that printed text may wait for more


class Channel:
    """The way to the grader. `left`: bytes that the cell may still show; the rest is dropped, and that is said once."""

    def __init__(self, end: socket.socket):
        self.end, self.process = end, os.getpid()
        self.request: str | None = None
        self.left = 0
        self.lock = threading.RLock()
        self._reader = frames.Reader(header_limit=2**30, blob_limit=2**30)
        self._text, self._stream, self._sent = "", "", 0.0

    def receive(self) -> dict[str, Any] | None:
        """The next request; None when the grader has gone."""
        while (message := self._reader.next()) is None:
            piece = self.end.recv(1 << 16)
            if not piece:
                return None
            self._reader.feed(piece)
        return message[0]

    def begin(self, request: str, output_bytes: int) -> None:
        """From here on all that is sent belongs to this request."""
        with self.lock:
            self.request, self.left = request, output_bytes

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Answer the request that is being worked on."""
        with self.lock:
            self._flush()
            self.end.sendall(frames.encode({"id": self.request, **header}, blob))

    def finish(self, header: dict[str, Any]) -> None:
        """The last answer: what threads print afterwards belongs to no cell."""
        with self.lock:
            self.send({"done": True, **header})
            self.request = None

    def show(self, output: dict[str, Any], size: int) -> None:
        """Send one output of the cell, unless the cell has shown enough."""
        with self.lock:
            if self._may_show(size):
                self.send({"output": output})

    def print(self, stream: str, text: str) -> None:
        """Text of a stream, gathered for a moment: a message for each word would take the grader's time."""
        with self.lock:
            for start in range(0, len(text), _PIECE):
                piece = text[start : start + _PIECE]
                if not self._may_show(len(piece.encode("utf-8", "replace"))):
                    return
                if stream != self._stream:
                    self._flush()
                self._stream, self._text = stream, self._text + piece
                if len(self._text) >= _PIECE or time.monotonic() - self._sent > _DELAY:
                    self._flush()

    def _may_show(self, size: int) -> bool:
        if self.request is None or self.left < 0 or os.getpid() != self.process:
            return False
        self.left -= size
        if self.left < 0:
            self.send({"dropped": True})
        return self.left >= 0

    def _flush(self) -> None:
        text, self._text = self._text, ""
        if text:
            self._sent = time.monotonic()
            output = {"output_type": "stream", "name": self._stream, "text": text}
            self.end.sendall(frames.encode({"id": self.request, "output": output}))


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr`. descriptor: where a forked child writes, which must not speak on our channel."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, descriptor: int, channel: Channel):
        self.name, self._descriptor, self._channel = name, descriptor, channel

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if os.getpid() != self._channel.process:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, text.encode("utf-8", "replace"))
        else:
            self._channel.print(self.name, text)
        return len(text)

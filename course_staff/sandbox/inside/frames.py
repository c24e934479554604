"""Messages between the grader and a student's process: a header (JSON) and bytes, both with their length before them.

What comes from a student's process was written by a stranger: `Reader` takes it in pieces, believes no length beyond
its limits, and makes nothing of it but plain data.
"""

from __future__ import annotations

import json
import struct
from typing import Any

_LENGTHS = struct.Struct(">II")  # of the header, of the bytes after it
HEADER_LIMIT = 4 * 2**20  # bytes of one header that a student's process may send


class FrameError(ValueError):
    """What came is no message."""


def encode(header: dict[str, Any], blob: bytes = b"") -> bytes:
    """One message as bytes. header: plain data for JSON."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


class Reader:
    """Puts messages together from pieces. header_limit, blob_limit: in bytes, of one message."""

    def __init__(self, *, header_limit: int = HEADER_LIMIT, blob_limit: int = 0):
        self.header_limit, self.blob_limit = header_limit, blob_limit
        self._pieces = bytearray()

    def feed(self, piece: bytes) -> None:
        """Take what came."""
        self._pieces += piece

    def next(self) -> tuple[dict[str, Any], bytes] | None:
        """The next whole message, or None until more comes. Raises FrameError for what can be none."""
        if len(self._pieces) < _LENGTHS.size:
            return None
        header_bytes, blob_bytes = _LENGTHS.unpack_from(self._pieces)
        if header_bytes > self.header_limit or blob_bytes > self.blob_limit:
            raise FrameError(f"a message of {header_bytes} + {blob_bytes} bytes is too long")
        middle = _LENGTHS.size + header_bytes
        end = middle + blob_bytes
        if len(self._pieces) < end:
            return None
        try:
            header = json.loads(self._pieces[_LENGTHS.size : middle].decode())
        except (ValueError, RecursionError) as error:  # a bad text, a number of a million digits, 100,000 brackets
            raise FrameError(f"no JSON: {type(error).__name__}") from None
        if not isinstance(header, dict):
            raise FrameError(f"a message begins with an object, got {type(header).__name__}")
        blob = bytes(self._pieces[middle:end])
        del self._pieces[:end]
        return header, blob

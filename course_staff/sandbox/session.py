"""Outside, one student's session: runs cells in it and asks it for values, believing nothing that it says about itself.

Each request has a number that nobody can guess, so that nothing that was sent before can pass for its answer. Whatever
breaks the rules of the channel ends the session: "died".
"""

from __future__ import annotations

import contextlib
import json
import secrets
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from course_staff.sandbox.deaths import last_words
from course_staff.sandbox.inside import frames, supervisor
from course_staff.sandbox.inside.plain import decode
from course_staff.sandbox.outputs import Outputs, clean

if TYPE_CHECKING:
    from course_staff.sandbox.inside.plain import Value
    from course_staff.sandbox.limits import Limits

GRACE = 2.0  # seconds between the interrupt and the end
END_SECONDS = 5.0
GONE_SECONDS = 0.2
RECEIVED_LIMIT = 16 * 2**20  # bytes of messages that one request may bring, beside values
_PIECE = 1 << 16
_HUNG_UP = "it broke off the connection with the grader"


@dataclass(frozen=True)
class CellRun:
    """What a cell did. status: "ok", "error", "timeout" (the session may live on: see `Session.alive`) or "died".

    ename, evalue: of the error, or why it timed out or died, in words. outputs: as in a notebook, plain dicts.
    """

    status: str
    ename: str = ""
    evalue: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    execution_count: int = 0


class _Broken(Exception):
    """The session can go on no more; says why."""


class Session:
    """Made by `Sandbox.session`. A context manager: at its end everything that the student started is dead."""

    def __init__(self, ends: Sequence[socket.socket], limits: Limits, after: Sequence[Callable[[], None]] = ()):
        self._channel, self._leash, self._out, self._err = ends
        self._limits, self._after = limits, after
        for end in ends:
            end.setblocking(False)
        self._count = 0
        self._used = 0.0
        self._peak = 0
        self._said, self._heard = b"", 0
        self._ended: dict[str, Any] = {}
        self.alive = True
        self.closed = False

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def peak_memory(self) -> int:
        """Bytes of memory that the session has used at most, so far; pages shared with the fork server included."""
        if self.alive and not self._ended:
            heard = self._heard
            self._tell(supervisor.PEAK)
            self._hear(0.5, lambda: self._heard > heard)
        return self._peak

    def run(
        self, source: str, *, seconds: float | None = None, closed: Sequence[str] = (), usual: bool = False
    ) -> CellRun:
        """Run one cell, like a notebook does. seconds: instead of `limits.cell_seconds`.

        closed: what the cell may not call, as for `without`. usual: whether it runs under the settings with which the
        session began, whatever the cells before it have set.
        """
        self._count += 1
        outputs = Outputs(self._limits.output_bytes)
        status, ename, evalue, spent, _ = self._request(
            {"do": "run", "source": source, "closed": list(closed), "usual": usual}, seconds, outputs
        )
        kept = outputs.finished(self._count, status, ename, evalue)
        return CellRun(status, ename, evalue, kept, spent, self._count)

    def values(
        self,
        expressions: Sequence[str],
        *,
        seed: int,
        closed: Sequence[str] = (),
        setup: str = "",
        seconds: float | None = None,
        usual: bool = False,
    ) -> list[Value | str]:
        """The values of Python expressions in the student's names, decoded here; in place of one, a text says why not.

        seed, closed, setup: as for `values.compute`, which runs inside. usual: as for `run`.
        """
        options = {"seed": seed, "closed": list(closed), "setup": setup, "usual": usual}
        request = {"do": "values", "expressions": list(expressions), **options}
        status, ename, evalue, _, sent = self._request(request, seconds, Outputs(0))
        why = f"{ename}: {evalue}" if status == "error" else evalue
        nothing = why or "the session sent no value"
        return [decode(sent[index]) if index in sent else nothing for index in range(len(expressions))]

    def close(self) -> None:
        """End it; all that the student started is dead afterwards."""
        if self.closed:
            return
        self._end()
        for end in (self._channel, self._leash, self._out, self._err):
            end.close()
        self.alive, self.closed = False, True
        for action in self._after:
            action()

    def _request(
        self, request: dict[str, Any], seconds: float | None, outputs: Outputs
    ) -> tuple[str, str, str, float, dict[int, bytes]]:
        """Ask; returns status, ename, evalue, seconds and the values that came."""
        values: dict[int, bytes] = {}
        if not self.alive:
            return "died", "DeadSession", "the session had ended before", 0.0, values
        allowed = self._limits.cell_seconds if seconds is None else seconds
        left = self._limits.submission_seconds - self._used
        start = time.monotonic()
        try:
            done, interrupted = self._exchange(request, start + min(allowed, left), outputs, values)
            status, ename, evalue = done.get("status"), done.get("ename", ""), done.get("evalue", "")
            if status not in ("ok", "error") or not isinstance(ename, str) or not isinstance(evalue, str):
                raise _Broken("it sent an answer that is none")
            ename, evalue = clean(ename, 200), clean(evalue, 10_000)
            if status == "error":
                outputs.traceback = done.get("traceback")
            if interrupted:
                status, ename = "timeout", "CellTimeout"
        except TimeoutError:
            self._end()
            status, ename, evalue = "timeout", "CellTimeout", ""
        except (_Broken, frames.FrameError) as error:
            self._end(gone=str(error) == _HUNG_UP)
            status, ename, evalue = "died", "DeadSession", last_words(self._ended, str(error), self._limits.memory)
        spent = time.monotonic() - start
        self._used += spent
        if status == "timeout" and allowed <= left:
            evalue = f"the cell took more than {allowed:g} s"
        elif status == "timeout":
            evalue = f"all cells together took more than {self._limits.submission_seconds:g} s"
        return status, ename, evalue, spent, values

    def _exchange(
        self, request: dict[str, Any], deadline: float, outputs: Outputs, values: dict[int, bytes]
    ) -> tuple[dict[str, Any], bool]:
        """Send a request and take what comes until it is done. Raises TimeoutError when an interrupt does not help."""
        number = secrets.token_hex(16)
        unsent = memoryview(frames.encode({"id": number, **request}))
        reader = frames.Reader(blob_limit=self._limits.value_bytes)
        interrupted, received, value_bytes = False, 0, 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ | selectors.EVENT_WRITE)
            for end in (self._leash, self._out, self._err):
                with contextlib.suppress(ValueError):
                    selector.register(end, selectors.EVENT_READ)
            while True:
                wait = deadline - time.monotonic()
                if wait <= 0:
                    if interrupted:
                        raise TimeoutError
                    self._tell(supervisor.INTERRUPT)
                    interrupted, deadline = True, time.monotonic() + GRACE
                    continue
                for key, events in selector.select(wait):
                    if key.fileobj is not self._channel:
                        assert isinstance(key.fileobj, socket.socket)
                        if not self._drain(key.fileobj, outputs):
                            selector.unregister(key.fileobj)
                        continue
                    if events & selectors.EVENT_WRITE and unsent:
                        with contextlib.suppress(BlockingIOError):
                            unsent = unsent[self._attempt(self._channel.send, unsent) :]
                        if not unsent:
                            selector.modify(self._channel, selectors.EVENT_READ)
                    if not events & selectors.EVENT_READ:
                        continue
                    piece = self._attempt(self._channel.recv, _PIECE)
                    if not piece:
                        raise _Broken(_HUNG_UP)
                    received += len(piece)
                    reader.feed(piece)
                    while (message := reader.next()) is not None:
                        header, blob = message
                        if header.get("id") != number:
                            raise _Broken("it sent an answer to no question")
                        if header.get("done") is True:
                            self._drain(self._out, outputs)
                            self._drain(self._err, outputs)
                            return header, interrupted
                        value_bytes += len(blob)
                        if "value" in header:
                            self._take_value(header, blob, values)
                        else:
                            outputs.take(header)
                    if received - value_bytes > RECEIVED_LIMIT + self._limits.value_bytes or (
                        value_bytes > self._limits.value_bytes
                    ):
                        raise _Broken("it sent too much")

    @staticmethod
    def _take_value(header: dict[str, Any], blob: bytes, values: dict[int, bytes]) -> None:
        index = header["value"]
        if type(index) is not int or index in values:
            raise _Broken("it sent a value that nobody asked for")
        values[index] = blob

    def _drain(self, end: socket.socket, outputs: Outputs) -> bool:
        """Take what lies in one of the other sockets; False when nothing more can come."""
        if end is self._leash:
            return self._listen()
        name = "stdout" if end is self._out else "stderr"
        for _ in range(64):  # then others have their turn
            try:
                piece = end.recv(_PIECE)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not piece:
                return False
            outputs.text(name, piece.decode("utf-8", "replace"))
        return True

    def _attempt(self, action: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return action(argument)
        except BlockingIOError:
            raise
        except OSError:
            raise _Broken(_HUNG_UP) from None

    def _tell(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._leash.send(word)

    def _listen(self) -> bool:
        """Take what the supervisor says: figures only, and only while they make sense."""
        try:
            piece = self._leash.recv(_PIECE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._said += piece
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            self._heard += 1
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                words = json.loads(line)
                self._peak = max(self._peak, int(words.get("peak", 0)))
                if "status" in words:
                    self._ended = words
        return bool(piece)

    def _hear(self, seconds: float, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._leash, selectors.EVENT_READ)
            while not enough() and (wait := deadline - time.monotonic()) > 0:
                if selector.select(wait) and not self._listen():
                    return

    def _end(self, *, gone: bool = False) -> None:
        """Let the supervisor kill all, and wait until it has. gone: the process has hung up."""
        if not self.alive:
            return
        self.alive = False
        if gone:  # its supervisor will know why
            self._hear(GONE_SECONDS, lambda: bool(self._ended))
        if not self._ended:
            self._tell(supervisor.QUIT)
            self._hear(END_SECONDS, lambda: bool(self._ended))
        with contextlib.suppress(OSError):
            self._leash.shutdown(socket.SHUT_RDWR)

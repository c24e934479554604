"""Outside: the outputs of one cell, made anew from what a student's process sent, within a limit in bytes."""

from __future__ import annotations

import re
from typing import Any

_TRACEBACK_LINES = 200


# Colours, and characters that databases, XML or terminals do not bear. A carriage return (a progress bar) ends a line.
_UNBEARABLE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def clean(text: str, most: int) -> str:
    """Text that can be written anywhere, cut to `most` characters."""
    text = text[:most].replace("\r\n", "\n").replace("\r", "\n")
    return _UNBEARABLE.sub("", text).encode("utf-8", "replace").decode()


class Outputs:
    """Collects the outputs of one cell. limit: bytes; what is more is dropped, and that is said once."""

    def __init__(self, limit: int):
        self.limit = self._left = limit
        self.traceback: Any = None
        self._kept: list[dict[str, Any]] = []
        self._dropped = False

    def take(self, message: dict[str, Any]) -> None:
        """An output as the process sent it: checked, and written anew."""
        output = message.get("output")
        if not isinstance(output, dict):
            self._dropped = self._dropped or message.get("dropped") is True
            return
        kind = output.get("output_type")
        if kind == "stream" and isinstance(output.get("text"), str):
            self.text("stderr" if output.get("name") == "stderr" else "stdout", output["text"])
        elif kind in ("display_data", "execute_result") and isinstance(output.get("data"), dict):
            data = {}
            for name, text in output["data"].items():
                if not isinstance(text, str):
                    continue
                if self._spend(len(text.encode("utf-8", "replace"))):
                    data[clean(name, 100)] = clean(text, len(text))
            if data:
                self._kept.append({"output_type": kind, "data": data, "metadata": {}})

    def text(self, name: str, text: str) -> None:
        """Text on a stream; joined to the text before it."""
        size = len(text.encode("utf-8", "replace"))
        if size > self._left:
            text = text.encode("utf-8", "replace")[: self._left].decode("utf-8", "ignore")
            self._dropped = True
        self._left -= min(size, self._left)
        if not text:
            return
        last = self._kept[-1] if self._kept else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["text"] += clean(text, len(text))
        else:
            self._kept.append({"output_type": "stream", "name": name, "text": clean(text, len(text))})

    def finished(self, count: int, status: str, ename: str, evalue: str) -> list[dict[str, Any]]:
        """All outputs, as in a notebook of format 4.5; an error is the last."""
        for output in self._kept:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        if self._dropped:
            note = f"[more than {self.limit:,} bytes of output: the rest was dropped]\n"
            self._kept.append({"output_type": "stream", "name": "stderr", "text": note})
        if status != "ok":
            lines = self.traceback if isinstance(self.traceback, list) else []
            lines = [clean(line, 10_000) for line in lines[:_TRACEBACK_LINES] if isinstance(line, str)]
            lines = lines if sum(map(len, lines)) <= 100_000 else lines[-1:]
            self._kept.append(
                {
                    "output_type": "error",
                    "ename": ename,
                    "evalue": evalue,
                    "traceback": lines or [f"{ename}: {evalue}"],
                }
            )
        return self._kept

    def _spend(self, size: int) -> bool:
        if size > self._left:
            self._dropped = True
            return False
        self._left -= size
        return True

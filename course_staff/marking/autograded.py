"""The autograded notebook: what was graded, with what each cell showed, as nbgrader's formgrader and feedback read it.

The formgrader shows it on the instructor's own server, and cleans nothing. So nothing in it is more than text and
pictures: no HTML or scripts in outputs, none in what a student wrote.
"""

from __future__ import annotations

import json
import re
from typing import Any

from course_staff.marking.lab import Lab
from course_staff.marking.notebook import clean, is_base64
from course_staff.marking.restore import Restored

MAX_BYTES = 2_000_000
_ATTACHED = re.compile(r"(attachment)(\\*:)([^)\s\"'<>\\]*)")
_PICTURES = ("image/png", "image/jpeg", "image/gif")
_APART = "\u200b"  # a space of no width: text looks as it did, but is no tag, entity or address any more
_ACTIVE = re.compile(
    r"(<)(?=[A-Za-z/!?])"  # tags
    r"|(&)(?=#?\w+;)"  # entities, by which addresses can be hidden
    # addresses that run; Markdown drops a backslash before the colon
    r"|((?:j\s*a\s*v\s*a|v\s*b)\s*s\s*c\s*r\s*i\s*p\s*t|d\s*a\s*t\s*a|b\s*l\s*o\s*b|f\s*i\s*l\s*e)(?=[\s\\]*:)"
    r"|(\\)(?=(?:href|url|csname|require|style|class|cssId|data|html\w*|unicode)\b)",  # the same in formulas
    re.IGNORECASE,
)


def autograded_notebook(
    restored: Restored, lab: Lab, outputs: dict[str, list[dict[str, Any]]], messages: dict[str, str]
) -> str:
    """The text of the notebook, of at most about 2 MB: the largest outputs go first. The hidden tests are not in it.

    outputs: of each cell. messages: graded cell -> what the student is told; a test that failed only in its hidden
    part, or whose check was switched off, shows it as its error.
    """
    released = {cell["id"]: cell["source"] for cell in lab.cells}
    cells, count = [], 0
    for given in restored.cells:
        cell = dict(given)
        if cell["cell_type"] == "code":
            count += cell["id"] in restored.runs
            cell["execution_count"] = count if cell["id"] in restored.runs else None
            shown = [_harmless(output, count) for output in _clean(outputs.get(cell["id"], []))]
            name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            if name in messages and not any(output["output_type"] == "error" for output in shown):
                text = messages[name]
                shown.append({"output_type": "error", "ename": "Test", "evalue": text, "traceback": [text]})
            cell["outputs"] = shown
        elif cell["source"] != released.get(cell["id"]):
            cell["source"] = harmless_text(cell["source"])
        cells.append(cell)
    _fit(cells)
    for cell in cells:
        if cell["cell_type"] != "code":
            cell["source"] = _without_lost_pictures(cell["source"], cell.get("attachments", {}))
    notebook = {"cells": cells, "metadata": lab.metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def harmless_text(markdown: str) -> str:
    """Markdown in which nothing is HTML, an address that runs, or a formula that links: it reads as before."""
    return _ACTIVE.sub(lambda found: found[0] + _APART, markdown)


def _without_lost_pictures(markdown: str, attachments: dict[str, Any]) -> str:
    """Break references to pictures that the cell does not hold: for one of them nbconvert would show no page at all."""

    def kept(found: re.Match) -> str:
        ends = found.string[found.end() :][:1]
        whole = found[2] == ":" and found[3] in attachments and (not ends or ends in ")\"'>" or ends.isspace())
        return found[0] if whole else f"{found[1]}{_APART}{found[2]}{found[3]}"

    return _ATTACHED.sub(kept, markdown)


def _harmless(output: dict[str, Any], count: int) -> dict[str, Any]:
    """An output of plain text and pictures only."""
    kind = output["output_type"]
    if kind not in ("display_data", "execute_result"):
        return output
    data = {name: output["data"][name] for name in _PICTURES if is_base64(output["data"].get(name, "<"))}
    left_out = sorted(output["data"].keys() - data.keys() - {"text/plain"})
    data["text/plain"] = output["data"].get("text/plain") or f"[left out: {', '.join(left_out)[:200]}]"
    return {"output_type": kind, "data": data, "metadata": {}} | (
        {"execution_count": count} if kind == "execute_result" else {}
    )


def _clean(value: Any) -> Any:
    """A copy whose texts can be stored anywhere."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _fit(cells: list[dict[str, Any]]) -> None:
    """Take out the largest outputs, then pictures in texts, then cut the longest sources, until all fits."""
    left = sum(map(_size, cells)) - MAX_BYTES
    for part, cut in (("outputs", _outputs_cut), ("attachments", lambda _: {}), ("source", lambda text: text[:2000])):
        for cell in sorted(cells, key=lambda cell: -_size(cell.get(part, ""))):
            if left <= 0:
                return
            if cell.get(part):
                before, cell[part] = _size(cell[part]), cut(cell[part])
                left -= before - _size(cell[part])


def _outputs_cut(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    note = {"output_type": "stream", "name": "stderr", "text": "[the output was too large, and is left out]\n"}
    return [note, *(output for output in outputs if output["output_type"] == "error" and _size(output) < 5000)]


def _size(value: Any) -> int:
    return len(json.dumps(value))

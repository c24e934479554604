"""Read whatever calls itself a notebook: nbformat 3 or 4, any encoding, forged or broken metadata.

Nothing is validated; what is not understood is left out, and outputs are never looked at.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

MAX_PICTURES = 500_000  # characters of base64 in one cell: a photograph of a formula, not a film
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_PICTURES = {"image/png", "image/jpeg", "image/gif"}


class Rejected(ValueError):
    """The submission is no notebook of this lab; the message says why, in words for the report."""


@dataclass
class Cell:
    """One cell as handed in. ids: what it says it is, the most reliable first; attachments: pictures in a text."""

    kind: str
    source: str
    ids: list[str] = field(default_factory=list)
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)


def read_cells(submission: bytes) -> list[Cell]:
    """The cells of a notebook's bytes. Raises Rejected, and nothing else."""
    if not submission.strip():
        raise Rejected("the file is empty")
    try:
        text = submission.decode(json.detect_encoding(submission), "replace")
        content = json.loads(text, parse_int=_number)
    except (ValueError, RecursionError):
        raise Rejected("the file is no notebook: it cannot be read as JSON") from None
    if not isinstance(content, dict):
        raise Rejected("the file is JSON, but no notebook")
    if isinstance(content.get("cells"), list):
        found = content["cells"]
    elif isinstance(content.get("worksheets"), list):  # nbformat 3
        sheets = [sheet.get("cells") for sheet in content["worksheets"] if isinstance(sheet, dict)]
        found = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
    else:
        raise Rejected("the file is JSON, but no notebook: it has no cells")
    cells = [_cell(item) for item in found if isinstance(item, dict)]
    if not cells:
        raise Rejected("the notebook has no cells")
    return cells


def clean(text: str) -> str:
    """Text that can be stored anywhere: Unix line ends, no lone surrogates, no NUL."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    return text.encode("utf-8", "replace").decode("utf-8")


def is_base64(data: str) -> bool:
    """Only the letters of base64? Pages put the text between quotes as it is."""
    return bool(_BASE64.fullmatch(data))


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)  # Python refuses to read thousands of digits


def _cell(item: dict[str, Any]) -> Cell:
    kind = item.get("cell_type")
    code = kind == "code"
    text = item.get("source", item.get("input", ""))  # "input": code in nbformat 3
    if isinstance(text, list):
        text = "".join(part for part in text if isinstance(part, str))
    metadata = item.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    nbgrader = metadata.get("nbgrader")
    named = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    ids = [name for name in (named, item.get("id"), metadata.get("id")) if isinstance(name, str)]
    cell = Cell(
        "code" if code else "raw" if kind == "raw" else "markdown", clean(text if isinstance(text, str) else "")
    )
    cell.ids = list(dict.fromkeys(ids))
    if not code:
        cell.attachments = _pictures(item.get("attachments"))
    return cell


def _pictures(attachments: Any) -> dict[str, dict[str, str]]:
    """The pictures that a text shows, with names that are no paths, as far as they are of a sensible size."""
    found: dict[str, dict[str, str]] = {}
    size = 0
    for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
        for kind, data in kinds.items() if isinstance(kinds, dict) else ():
            data = "".join(map(str, data)) if isinstance(data, list) else data
            if kind not in _PICTURES or not isinstance(data, str) or not is_base64(data):
                continue
            size += len(data)
            if size <= MAX_PICTURES and name == clean(name) and not set(name) & set('/\\<>"') and len(name) < 200:
                found[name] = {kind: data}
    return found


def answers_of(notebook: str) -> dict[str, str]:
    """Exercise -> source of its answer cell in an autograded notebook; empty for text that is none."""
    return {meta["grade_id"]: source for meta, source, _ in cells_of(notebook) if meta.get("solution")}


def cells_of(notebook: str) -> list[tuple[dict, str, dict]]:
    """nbgrader's metadata, source and the whole, of each cell of a notebook that the grader wrote."""
    try:
        cells = json.loads(notebook)["cells"]
        return [(cell["metadata"].get("nbgrader") or {}, _text(cell["source"]), cell) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError):  # none: the submission was rejected
        return []


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)

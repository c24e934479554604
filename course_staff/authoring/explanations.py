"""What an author explains to students after the deadline: blocks in the text cells of exercises."""

from __future__ import annotations

from pathlib import Path

from course_staff.authoring.author_blocks import EXPLANATION, split_block
from course_staff.authoring.source import SourceError, _read_percent


def read_explanations(path: Path) -> dict[str, str]:
    """Exercise -> explanation, as Markdown, of a lab's source.

    A block belongs to the answer whose cell it stands in, or else to the next one below it. Raises SourceError for a
    block below the last answer, or two of one exercise.
    """
    found: dict[str, str] = {}
    waiting = ""
    for cell in _read_percent(path).cells:
        text = split_block(cell.source, EXPLANATION)[0] if cell.cell_type == "markdown" else ""
        meta = cell.metadata.get("nbgrader", {})
        if text and waiting:
            raise SourceError(f"{path.name}: two explanations of one exercise; the second begins {text[:40]!r}")
        waiting = waiting or text
        if meta.get("solution") and waiting:
            found[meta["grade_id"]], waiting = waiting, ""
    if waiting:
        raise SourceError(f"{path.name}: an explanation belongs above its answer; no answer is below {waiting[:40]!r}")
    return found

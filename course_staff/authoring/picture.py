"""Which figure stands for a lab on the website: a tag on the cell that draws it, `picture`, or `picture 1 4`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode

_TAG = re.compile(r"picture(?: .*)?")
_WHOLE = re.compile(r"picture((?: [1-9]\d*)*)")


@dataclass(frozen=True)
class Tagged:
    """The number of the cell in its notebook, from 0; and which panels of its figure a card shows, from 1.

    Without panels the card shows the whole figure.
    """

    cell: int
    panels: tuple[int, ...]


def is_picture(tag: str) -> bool:
    """Whether a tag is this one, rightly written or not."""
    return _TAG.fullmatch(tag) is not None


def tagged(notebook: NotebookNode) -> Tagged | None:
    """The cell whose figure stands for the lab; None where no cell has the tag.

    Raises ValueError for a tag that is not as it must be, on a cell that is no experiment, or on a second cell.
    """
    found = []
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        for tag in filter(is_picture, tags):
            form = _WHOLE.fullmatch(tag)
            if form is None:
                raise ValueError(f"picture: expected the tag 'picture', or 'picture 1 4' with panels, got {tag!r}")
            if cell.cell_type != "code" or "experiment" not in tags:
                raise ValueError("picture: the tag stands on a code cell with the tag 'experiment', nowhere else")
            found.append(Tagged(number, tuple(int(panel) for panel in form[1].split())))
    if len(found) > 1:
        raise ValueError(f"picture: one cell of a lab has this tag; here {len(found)} have it")
    return found[0] if found else None

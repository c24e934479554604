"""Things to play with that need no kernel: frames computed beforehand, moved by a slider."""

from __future__ import annotations

from pathlib import Path


def write(repository: Path, source: Path) -> None:
    """Write the page and its frames into `source`, the folder that Sphinx reads."""

"""The start page: cards of the labs, the map of what needs what, the gallery."""

from __future__ import annotations

from pathlib import Path


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""

"""One page a lab: its student version, with exercises folded."""

from __future__ import annotations

from pathlib import Path


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""

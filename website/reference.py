"""The reference of the library: a page a package, an entry a public name."""

from __future__ import annotations

from pathlib import Path


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""

"""Pages that exist as Markdown: glossary, handbooks, benchmarks, systems, licences."""

from __future__ import annotations

from pathlib import Path


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""

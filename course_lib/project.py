"""Where this course stands on disk, and the address that it is published under (`[tool.course]`)."""

from __future__ import annotations

import tomllib
from pathlib import Path

PLACEHOLDER = "OWNER/NAME"


def project_root(start: Path | None = None) -> Path | None:
    """The folder of the course: the nearest one upwards whose pyproject.toml has `[tool.course]`.

    Args:
        start: a folder to start from; default the current one, then the one this library was imported from (an
            editable install, or a clone on the path).

    Returns:
        The folder; None where there is no course around, as after `pip install`.
    """
    starts = [start] if start else [Path.cwd(), Path(__file__).parent]
    for first in starts:
        first = first.resolve()
        for folder in (first, *first.parents):
            if "course" in _read(folder / "pyproject.toml").get("tool", {}):
                return folder
    return None


def course_address(root: Path) -> tuple[str, str]:
    """Where the course is published, as pyproject.toml names it.

    Args:
        root: the folder of the course.

    Returns:
        The repository ("OWNER/NAME", or a URL or path of git) and the branch.
    """
    settings = _read(root / "pyproject.toml")["tool"]["course"]
    return settings["repository"], settings["branch"]


def _read(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return {}

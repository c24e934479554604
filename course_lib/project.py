"""Where this course stands on disk, and the address that it is published under (`[tool.course]`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
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


def labs_called(beginning: str, names: Iterable[str]) -> list[str]:
    """The labs that a person means by the beginning of a name.

    Args:
        beginning: such as "lab00", which is lab00_orientation and not lab00b_first_network, or "lab0", which is ten.
        names: of all labs.

    Returns:
        Those whose name up to an underscore it is; where there is none, those that begin with it. Sorted.
    """
    known = sorted(names)
    whole = [name for name in known if name == beginning or name.startswith(f"{beginning}_")]
    return whole or [name for name in known if name.startswith(beginning)]


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

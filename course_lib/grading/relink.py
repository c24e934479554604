"""Say where the course lives: one line of pyproject.toml, from which cells, badges and tables are derived."""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(r'(^\[tool\.course\]$(?:\n(?!\[).*)*?\nrepository = )"[^"\n]*"', re.MULTILINE)


def relink(root: Path, repository: str) -> int:
    """Write `repository` into `root`'s pyproject.toml, then derive all again; returns `build`'s exit code.

    repository: "OWNER/NAME" on GitHub, or an address or absolute path that git can clone.
    Raises ValueError when it is neither, or when pyproject.toml has no such line (nothing is written then).
    """
    from course_lib.grading.build import build

    if not re.fullmatch(r"[\w.-]+/[\w.-]+|[a-z][a-z+.-]*://[^\s\"\\]+|/[^\s\"\\]+", repository):
        raise ValueError(
            "expected OWNER/NAME, such as ada/denoising-course, or an address that git can clone, such as "
            f"https://host/ada/course.git, got {repository!r}"
        )
    path = root / "pyproject.toml"
    text, count = _LINE.subn(lambda match: f'{match[1]}"{repository}"', path.read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(f'expected one line repository = "…" under [tool.course] in {path}, found {count}')
    path.write_text(text, encoding="utf-8")
    return build(root)

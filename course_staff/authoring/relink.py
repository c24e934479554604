"""Say where the course lives: one line of pyproject.toml, from which cells, badges and tables are derived."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_PIN = re.compile(r'(^\[tool\.course\]$(?:\n(?!\[).*)*?)\npin = "[^"\n]*"', re.MULTILINE)
_LINE = re.compile(r'(^\[tool\.course\]$(?:\n(?!\[).*)*?\nrepository = )"[^"\n]*"', re.MULTILINE)


def relink(root: Path, repository: str, pin: str | None = None) -> int:
    """Write `repository` and `pin` into `root`'s pyproject.toml, then derive all again; returns `build`'s exit code.

    repository: "OWNER/NAME" on GitHub, or an address or absolute path that git can clone.
    pin: the tag or commit from which the first cells install the library, so that a notebook that was handed out never
        meets a library that has moved on; "" for the branch. None: the tag that git has here, else the commit.
    Raises ValueError when it is neither, or when pyproject.toml has no such line (nothing is written then).
    """
    from course_staff.authoring.build import build

    if not re.fullmatch(r"[\w.-]+/[\w.-]+|[a-z][a-z+.-]*://[^\s\"\\]+|/[^\s\"\\]+", repository):
        raise ValueError(
            "expected OWNER/NAME, such as ada/denoising-course, or an address that git can clone, such as "
            f"https://host/ada/course.git, got {repository!r}"
        )
    pin = _version_of(root) if pin is None else pin
    if not re.fullmatch(r"(?!-)[\w./+-]*", pin):
        raise ValueError(f"expected a tag or a commit of git, such as v1.2, got {pin!r}")
    path = root / "pyproject.toml"
    text, count = _LINE.subn(lambda match: f'{match[1]}"{repository}"', path.read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(f'expected one line repository = "…" under [tool.course] in {path}, found {count}')
    text = _PIN.sub(lambda match: match[1], text)
    if pin:
        text = _LINE.sub(lambda match: f'{match[0]}\npin = "{pin}"', text)
    path.write_text(text, encoding="utf-8")
    return build(root)


def _version_of(root: Path) -> str:
    """The tag at which `root` stands, else its commit; nothing where there is no git."""
    for command in (["describe", "--tags", "--exact-match"], ["rev-parse", "HEAD"]):
        try:
            found = subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True)
        except FileNotFoundError:
            return ""
        if found.returncode == 0:
            return found.stdout.strip()
    return ""

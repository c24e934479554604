"""What the students' copy holds, file by file."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from course_staff.authoring.build import derive
from course_staff.authoring.source import Address
from course_staff.publishing import project

#: Taken as they are. What is not named here, or made anew below, stays with the staff.
COPIED = ("course_lib", "jupyter", "LICENSE", "LICENSE-texts", "CITATION.cff", "scripts/install", "scripts/stage")
NOTEBOOKS = (".ipynb", ".py")
EXECUTABLE = ("binder/postBuild", "scripts/stage")
LINKS = {"binder/environment.yml": "../environment.yml"}  # as in the course itself: Binder and conda read one file
_STUDENT = Path(__file__).parent / "student"


def contents(root: Path, address: Address) -> dict[str, bytes]:
    """Path inside the copy -> what stands there; links are left out. address: where students will find the copy."""
    with tempfile.TemporaryDirectory(prefix="course-publish-") as folder:
        derived = {path.as_posix(): text for path, text in derive(root, Path(folder), address=address).items()}
    readme = derived.pop("README.md")
    files = {path: text.encode() for path, text in derived.items() if path.startswith(("labs/", "lectures/"))}
    # beside the labs a person's own notes may lie: of these only what git knows, and nothing derived, or its source
    known = _files_of(root, ["labs", "lectures"], "--cached")
    beside = [path for path in known if path not in files and not path.endswith(NOTEBOOKS)]
    for path in _files_of(root, COPIED, "--cached", "--others", "--exclude-standard") + beside:
        files[path] = (root / path).read_bytes()
    texts = {
        "README.md": project.readme(readme, badges=bool(address.badges(""))),
        "pyproject.toml": project.pyproject((root / "pyproject.toml").read_text(encoding="utf-8"), address),
        "environment.yml": project.environment(
            (root / "environment.yml").read_text(encoding="utf-8"), (root / "pyproject.toml").read_text("utf-8")
        ),
        "constraints.txt": project.constraints((root / "constraints.txt").read_text(encoding="utf-8")),
        "Makefile": (_STUDENT / "Makefile").read_text(encoding="utf-8"),
        "binder/postBuild": (_STUDENT / "postBuild").read_text(encoding="utf-8"),
        ".gitignore": (_STUDENT / "gitignore").read_text(encoding="utf-8"),
    }
    return files | {path: text.encode() for path, text in texts.items()}


def _files_of(root: Path, names: Iterable[str], *which: str) -> list[str]:
    """The files at or below `names`, such as git's options `which` say; all but caches where there is no git."""
    command = ["git", "-C", str(root), "ls-files", "-z", *which, "--", *names]
    listed = subprocess.run(command, capture_output=True)
    if listed.returncode == 0:
        found = listed.stdout.decode().split("\0")
    else:
        paths = [path for name in names for path in (root / name, *(root / name).rglob("*"))]
        found = [path.relative_to(root).as_posix() for path in paths if "__pycache__" not in path.parts]
    return sorted({path for path in found if path and (root / path).is_file()})

"""The first cell of every lab: finds course_lib, or installs it, and hands over to `course_lib.start`."""

from __future__ import annotations

from course_lib.project import PLACEHOLDER

# Only the standard library until course_lib is found; short enough for a beginner to read.
_CELL = """\
# Run this cell first: it finds the course's library, or installs it (never torch, torchvision or numpy).
import importlib.util
import pathlib
import subprocess
import sys

if importlib.util.find_spec("course_lib") is None:  # not installed: is a copy of the course here?
    folders = [pathlib.Path.cwd(), *pathlib.Path.cwd().parents]
    copies = [str(folder) for folder in folders if (folder / "course_lib" / "__init__.py").is_file()]
    if copies:
        sys.path.insert(0, copies[0])
    else:
@INSTALL@
from course_lib.start import start_lab

profile = start_lab(@LAB@)"""

_INSTALL = """\
        address = @ADDRESS@
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", address]
        result = subprocess.run(install, capture_output=True, text=True)
        importlib.invalidate_caches()
        if result.returncode != 0:
            raise RuntimeError(
                f"The course library could not be installed from {address}. What to do: "
                "1. see that you are online; 2. run this cell again; 3. on your own computer, follow "
                "'Student' in the course's README; 4. if it still fails, send your instructor these lines:\\n"
                + result.stderr[-1500:]
            )
"""

_NO_ADDRESS = """\
        raise RuntimeError(
            "The course library is not here, and this notebook does not know where to get it from. "
            "What to do: open it inside a copy of the course (README, 'Student'), or ask your instructor to "
            "run `course relink OWNER/NAME` with the course's address and to hand the labs out again."
        )
"""


def setup_cell(repository: str, branch: str, lab: str) -> str:
    """The source of a lab's first cell.

    repository: "OWNER/NAME" on GitHub, or any address or path that git can clone ("https://…", "file:///…",
    "/path"). While it is the placeholder, the cell never installs: it says that `course relink` must be run.
    branch: the branch to install from. lab: the notebook's name, such as "lab01_dense_autoencoder".
    """
    install = _NO_ADDRESS if repository == PLACEHOLDER else _INSTALL
    cell = _CELL.replace("@INSTALL@\n", install + "\n").replace("@LAB@", _quote(lab))
    return cell.replace("@ADDRESS@", _quote(pip_address(repository, branch)))


def pip_address(repository: str, branch: str) -> str:
    """What `pip install` is given for a repository: "git+URL@branch"."""
    if "://" in repository:
        url = repository
    elif repository.startswith("/"):
        url = f"file://{repository}"
    else:
        url = f"https://github.com/{repository}"
    return f"{url if url.startswith('git+') else 'git+' + url}@{branch}"


def _quote(text: str) -> str:
    """A Python string literal in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

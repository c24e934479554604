"""The new version of the course by git, beside notebooks that the student has changed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


def git(root: Path, *arguments: str, check: bool = True) -> str:
    """What a git command prints. Raises ValueError with git's words where it fails, or where there is no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8")
    except OSError:
        raise ValueError("there is no git here: download the new version as a zip, then `course update FILE`") from None
    if check and done.returncode:
        raise ValueError(f"git {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def newest(root: Path) -> str:
    """Fetch; returns the commit that the student's branch follows."""
    if not (root / ".git").exists():
        raise ValueError("this copy was not made by git: download the new version as a zip, then `course update FILE`")
    git(root, "fetch", "--quiet")
    follows = git(root, "rev-parse", "--verify", "--quiet", "@{upstream}", check=False)
    return follows or git(root, "rev-parse", "--verify", "FETCH_HEAD")


def labs_of(root: Path, commit: str, folder: Path) -> Path:
    """A zip of the labs as they are in a commit."""
    path = folder / "labs.zip"
    git(root, "archive", "--format=zip", "-o", str(path), commit, "labs")
    return path


def move_to(root: Path, commit: str, notebooks: Sequence[Path]) -> list[str]:
    """Bring all else of the copy to a commit, the library too; returns what a person has to know.

    Git refuses that while notebooks differ from what was committed. So they are put aside meanwhile, and come back in
    any case. Where git refuses all the same, as it does after own commits, nothing but the notebooks is updated.
    """
    if git(root, "rev-parse", "HEAD") == commit:
        return []
    mine = {path: path.read_bytes() for path in notebooks}
    tracked = [str(path) for path in mine if git(root, "ls-files", "--", str(path))]
    try:
        if tracked:
            git(root, "checkout", "--quiet", "HEAD", "--", *tracked)
        git(root, "merge", "--quiet", "--ff-only", commit)
    except ValueError as error:
        why = " ".join(str(error).split())
        return [f"Only the labs are updated; the library stays as it is, since {why}"]
    finally:
        for path, content in mine.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return ["The library is the new version, too: restart the kernels of open notebooks."]

"""Write the students' copy into a folder with a git history of its own, and push it where students find it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from course_lib.project import PLACEHOLDER, course_address
from course_staff.authoring.source import Address
from course_staff.publishing.contents import EXECUTABLE, LINKS, contents
from course_staff.publishing.leaks import leaks, secret_lines

# Stands for the tag while files are derived, so that what has changed beside the tag can be told.
_TAG = "tag-of-this-version"
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


def publish(root: Path, folder: Path, push: str | None = None, tag: str | None = None) -> str:
    """Write the students' copy of the course at `root` into `folder`, commit and tag it; returns what was done.

    folder: new or empty, or a copy that was published before, which then gets one commit more. push: an address that
        git can push to; the branch main and the tag go there, and a new folder begins with what is there already.
    tag: of this version, to which badges and first cells are pinned; default: the next of v1, v2, …
    Raises ValueError, before anything is written, where the folder is another's, has changes, nobody knows
    where students will find it, or something secret would be in it or is in its history.
    """
    folder = folder.resolve()
    if root.resolve() in (folder, *folder.parents):
        raise ValueError(f"choose a folder outside this course, got {folder}")
    new = not folder.is_dir() or not any(folder.iterdir())
    try:
        _begin(folder, push) if new else _see_that_it_is_ours(folder)
        return _publish(root, folder, push, tag)
    except ValueError:
        if new:
            shutil.rmtree(folder)
        raise


def _publish(root: Path, folder: Path, push: str | None, tag: str | None) -> str:
    address = Address(_repository(root, folder, push), _TAG)
    files = contents(root, address)
    secret = secret_lines(root, [data for path, data in files.items() if not path.startswith("labs/")])
    _refuse("the copy would hold", leaks(files.items(), secret))
    # lines that are secret now may have been shown in an earlier version: that cannot be undone, and stops nothing
    _refuse("the history of this copy holds", leaks(_history(folder), frozenset()))
    tags = _git(folder, "tag", "--sort=creatordate").split()
    last = _git(folder, "tag", "--points-at", "HEAD").split()[-1:] if tags else []
    if last and tag in (None, *last) and _tree(folder) == _as(files, last[0]):
        told = f"{folder}: {last[0]} is as the course says, nothing new to publish"
        tag = last[0]
    else:
        tag = tag or f"v{1 + max((int(name[1:]) for name in tags if re.fullmatch('v[0-9]+', name)), default=0)}"
        if not re.fullmatch(r"(?!-)[\w.+-]+", tag) or tag in tags:
            raise ValueError(f"--tag: expected a new name such as v2, got {tag!r}; there are: {', '.join(tags)}")
        _write(folder, _as(files, tag))
        _git(folder, "add", "--all", "--force", ".")
        _git(folder, *_author(folder), "commit", "--quiet", "--allow-empty", "-m", f"The course, {tag}")
        _git(folder, "tag", tag)
        told = f"{folder}: {len(files)} files, tagged {tag}, for {address.repository}"
    if push:
        _git(folder, "push", "--quiet", "--atomic", push, "HEAD:refs/heads/main", f"refs/tags/{tag}")
        return f"{told}\npushed to {_without_password(push)}"
    return f"{told}\nnot pushed: in that folder, git push URL main {tag}"


def _begin(folder: Path, push: str | None) -> None:
    """Begin a history, or take up the one that has been pushed."""
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    if push and "refs/heads/main" in _git(folder, "ls-remote", "--heads", push):
        _git(folder, "fetch", "--quiet", "--tags", push, "main")
        _git(folder, "reset", "--quiet", "--hard", "FETCH_HEAD")
        if not _is_copy(folder):
            raise ValueError(f"{_without_password(push)} holds something else than a students' copy of this course")


def _see_that_it_is_ours(folder: Path) -> None:
    if not (folder / ".git").exists() or not _is_copy(folder):
        raise ValueError(f"{folder} is not empty and no copy that `course publish` wrote: choose another folder")
    if _git(folder, "status", "--porcelain"):
        raise ValueError(f"{folder} has changes that are not committed: commit or undo them first")


def _is_copy(folder: Path) -> bool:
    try:
        settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return False
    command = settings.get("project", {}).get("scripts", {}).get("course")
    return "course" in settings.get("tool", {}) and command == "course_lib.cli:main"


def _repository(root: Path, folder: Path, push: str | None) -> str:
    """Where students find the copy: where it is pushed, else where it was, else where this course says it lives."""
    if push:
        return public_address(push)
    found = course_address(folder)[0] if (folder / "pyproject.toml").exists() else course_address(root)[0]
    if found == PLACEHOLDER:
        raise ValueError("say where students will find the copy: --push URL, or `course relink OWNER/NAME` first")
    return found


def public_address(url: str) -> str:
    """What students use for an address that one pushes to: OWNER/NAME on GitHub, https for ssh, no password."""
    url = _without_password(url)
    if found := re.fullmatch(r"(?:ssh://)?git@([^:/]+)[:/](.+)", url):
        url = f"https://{found[1]}/{found[2]}"
    if found := re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", url):
        return found[1]
    if not re.fullmatch(r"[a-z][a-z+.-]*://[^\s\"\\]+|/[^\s\"\\]+", url):
        raise ValueError(f"--push: expected an address such as https://github.com/ada/course.git, got {url!r}")
    return url


def _without_password(url: str) -> str:
    return re.sub(r"^(https?://)[^/@]*@", r"\1", url)


def _as(files: dict[str, bytes], tag: str) -> dict[str, bytes]:
    return {path: data.replace(_TAG.encode(), tag.encode()) for path, data in files.items()}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Make `folder` hold these files and its git, nothing else that git knew."""
    if _history_begun(folder):
        _git(folder, "rm", "-r", "--quiet", "--ignore-unmatch", ".")
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o755 if path in EXECUTABLE else 0o644)
    for path, points_to in LINKS.items():
        (folder / path).symlink_to(points_to)


def _tree(folder: Path) -> dict[str, bytes]:
    """The files of the folder that git knows, links left out."""
    names = _git(folder, "ls-files", "-z").split("\0")
    return {name: (folder / name).read_bytes() for name in names if name and not (folder / name).is_symlink()}


def _history(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All that the folder's git holds: every file of every version with its path, and what was said of each."""
    if not _history_begun(folder):
        return
    yield "what commits say", _git(folder, "log", "--all", "--format=%B").encode()
    listed = [line.partition(" ") for line in _git(folder, "rev-list", "--objects", "--all").splitlines()]
    asked = "".join(f"{name}\n" for name, _, _ in listed).encode()
    answer, start = _git_bytes(folder, "cat-file", "--batch", given=asked), 0
    for _, _, path in listed:  # of each a line "NAME TYPE SIZE", then its content and a line break
        content = answer.index(b"\n", start) + 1
        _, kind, size = answer[start:content].split()
        start = content + int(size) + 1
        if kind == b"blob":
            yield path, answer[content : start - 1]


def _history_begun(folder: Path) -> bool:
    return bool(_git(folder, "rev-list", "--all", "--max-count=1"))


def _refuse(what: str, found: list[str]) -> None:
    if found:
        shown = "\n".join(f"  {line}" for line in found[:10])
        raise ValueError(f"nothing was published: {what} what students must not see ({len(found)} places):\n{shown}")


def _author(folder: Path) -> list[str]:
    """Options that name an author where git knows none."""
    asked = subprocess.run(["git", "-C", str(folder), "config", "user.email"], capture_output=True)
    known = asked.returncode == 0 or "GIT_AUTHOR_EMAIL" in os.environ
    return [] if known else ["-c", "user.name=The course", "-c", "user.email=course@localhost"]


def _git(folder: Path, *command: str) -> str:
    return _git_bytes(folder, *command).decode()


def _git_bytes(folder: Path, *command: str, given: bytes | None = None) -> bytes:
    """What git says. Raises ValueError with its own words where it fails."""
    # inside a hook of git these lead to another repository
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(["git", "-C", str(folder), *command], input=given, capture_output=True, env=kept)
    except FileNotFoundError:
        raise ValueError("git is not installed: `course publish` needs it") from None
    if done.returncode != 0:
        words = re.sub(r"(https?://)[^/@\s]*@", r"\1", done.stderr.decode(errors="replace").strip())
        raise ValueError(f"git {command[0]} failed in {folder}: {words}")
    return done.stdout

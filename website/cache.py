"""What the site's makers share: the profile, the folder of what was computed before, and when that is stale.

`website.build` puts its options into the environment, so that each page's maker keeps the same signature.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from course_lib.files import write_whole

FOLDER, WORKERS = "COURSE_SITE_CACHE", "COURSE_SITE_WORKERS"
DAYS = 30  # that something is kept without being used
LIBRARIES = "torch", "torchvision", "numpy", "scipy", "scikit-image", "matplotlib", "nilearn"


def profile() -> str:
    """In which profile notebooks are executed: "cpu", unless the environment says otherwise."""
    return os.environ.get("COURSE_PROFILE", "").strip().lower() or "cpu"


def folder(repository: Path) -> Path:
    """Where computed things are kept from one build to the next."""
    return Path(os.environ.get(FOLDER) or repository / "build" / "website" / "cache")


def workers() -> int:
    """How many things may be computed at a time."""
    return int(os.environ.get(WORKERS) or 1)


def key(repository: Path, *parts: str | bytes) -> str:
    """A name that changes with the parts, the profile, any file of `course_lib`, and the libraries' versions."""
    digest = hashlib.sha256()
    for part in (*parts, profile(), library(repository), *(f"{name} {version(name)}" for name in LIBRARIES)):
        _add(digest, part if isinstance(part, bytes) else part.encode())
    return digest.hexdigest()[:24]


def kept(repository: Path, kind: str, name: str, key: str, make: Callable[[], str]) -> str:
    """A text that was made before; made anew, in place of what is stale, where there is none with this key."""
    place = folder(repository) / kind
    path = place / f"{name}-{profile()}-{key}"
    if not path.is_file():
        text = make()
        for old in place.glob(f"{name}-{profile()}-*"):  # nobody asks for it again
            old.unlink()
        write_whole(path, text)
    return path.read_text(encoding="utf-8")


def used(path: Path) -> bool:
    """Whether a kept file is there; it counts as used from now on."""
    if not path.is_file():
        return False
    path.touch()
    return True


def tidy(kept: Path) -> None:
    """Delete what nobody has used for long, so that the folder does not grow for ever."""
    for path in kept.glob("*"):
        if path.is_file() and time.time() - path.stat().st_mtime > DAYS * 24 * 3600:
            path.unlink()


@functools.cache
def library(repository: Path) -> str:
    """A hash of all files of `course_lib`, code and data."""
    digest = hashlib.sha256()
    for path in _files(repository / "course_lib"):
        _add(digest, str(path.relative_to(repository)).encode())
        _add(digest, path.read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _add(digest: hashlib._Hash, part: bytes) -> None:
    """With its length before it, so that parts cannot flow into each other."""
    digest.update(f"{len(part)}:".encode())
    digest.update(part)

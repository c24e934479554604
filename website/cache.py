"""What the site's makers share: the profile, the folder of what was computed before, and when that is stale.

`website.build` puts its options into the environment, so that each page's maker keeps the same signature.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

FOLDER, WORKERS = "COURSE_SITE_CACHE", "COURSE_SITE_WORKERS"
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

"""All frames and numbers of the page, computed with the course's library, and kept until that changes."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path

from website.play import noise, sampling, strength
from website.play.head import middle_slice
from website.play.widget import Widget

MAKERS = {"noise": noise.widget, "sampling": sampling.widget, "strength": strength.widget}
PACKAGES = ("numpy", "scipy", "scikit-image", "torch", "pillow", "matplotlib")


def file_name(widget: str, slot: str, choice: str) -> str:
    """What the file of a strip is called."""
    return f"{widget}-{slot}-{choice}.webp".replace("_", "-")


def key(repository: Path) -> str:
    """A hash of all that the frames follow from: library, test head, this package, versions."""
    found = hashlib.sha256()
    samples = repository / "course_lib" / "data" / "samples"
    files = [
        *sorted((repository / "course_lib").rglob("*.py")),
        *sorted(samples.glob("colin27*")),
        *sorted(Path(__file__).parent.glob("*.py")),
    ]
    for file in files:
        found.update(hashlib.sha256(file.read_bytes()).digest())
    for package in PACKAGES:
        found.update(f"{package} {version(package)}".encode())
    return found.hexdigest()[:16]


def compute(folder: Path) -> None:
    """Write the strips and `play.json` (frames, states, numbers) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    head = middle_slice()
    told = {name: _keep(make(head), name, folder) for name, make in MAKERS.items()}
    (folder / "play.json").write_text(json.dumps(told, ensure_ascii=False, allow_nan=False))


def _keep(widget: Widget, name: str, folder: Path) -> dict[str, object]:
    files: dict[str, dict[str, str]] = {}
    for slot, strips in widget.strips.items():
        files[slot] = {}
        for choice, strip in strips.items():
            files[slot][choice] = file_name(name, slot, choice)
            (folder / files[slot][choice]).write_bytes(strip)
    return {
        "size": widget.size,
        "start": widget.start,
        "strips": files,
        "states": widget.states,
        "numbers": widget.numbers,
    }


def frames(repository: Path, cache: Path) -> Path:
    """The folder with all frames, computed (about ten seconds) unless it lies in the cache already."""
    folder = cache / key(repository)
    if not (folder / "play.json").exists():
        if cache.exists():
            shutil.rmtree(cache)  # frames of an older library
        working = cache / "working"
        compute(working)
        working.rename(folder)
    return folder

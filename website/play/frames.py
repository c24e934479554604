"""All frames and numbers of the page, computed with the course's library, and kept until that changes."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

from website import cache
from website.play import noise, sampling, strength
from website.play.head import middle_slice
from website.play.widget import Widget

# what frames, numbers and their words follow from; the page's own text may change without them
MODULES = ("charts", "frames", "head", "noise", "sampling", "sprites", "strength", "widget")
MAKERS = {"noise": noise.widget, "sampling": sampling.widget, "strength": strength.widget}


def file_name(widget: str, slot: str, choice: str) -> str:
    """What the file of a strip is called."""
    return f"{widget}-{slot}-{choice}.webp".replace("_", "-")


def computed(repository: Path) -> Path:
    """The folder with the strips and `play.json`; computed, in a few seconds, unless it lies in the site's cache."""
    own = [(Path(__file__).parent / f"{name}.py").read_bytes() for name in MODULES]
    folder = cache.folder(repository) / "play" / cache.key(repository, version("pillow"), *own)
    if not (folder / "play.json").exists():
        shutil.rmtree(folder.parent, ignore_errors=True)  # the frames of an older library
        working = folder.with_name("working")
        compute(working)
        working.rename(folder)
    return folder


def compute(folder: Path) -> None:
    """Write the strips and `play.json` (files, states and numbers of each widget) into a new folder."""
    folder.mkdir(parents=True)
    head = middle_slice()
    told = {name: _kept(make(head), name, folder) for name, make in MAKERS.items()}
    (folder / "play.json").write_text(json.dumps(told, ensure_ascii=False, allow_nan=False))


def _kept(widget: Widget, name: str, folder: Path) -> dict[str, object]:
    """The widget as JSON says it, once its strips are files."""
    files: dict[str, dict[str, str]] = {slot: {} for slot in widget.strips}
    for slot, strips in widget.strips.items():
        for choice, strip in strips.items():
            files[slot][choice] = file_name(name, slot, choice)
            (folder / files[slot][choice]).write_bytes(strip)
    told: dict[str, object] = widget._asdict()
    return told | {"strips": files}

"""Things to play with that need no kernel: frames computed beforehand, moved by a slider."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from website.play import frames, page


def write(repository: Path, source: Path) -> None:
    """Write the page and its frames into `source`, the folder that Sphinx reads."""
    computed = frames.computed(repository)
    static = source / "_static" / "play"
    for folder in (Path(__file__).parent / "static", computed):
        shutil.copytree(folder, static, dirs_exist_ok=True)
    told = json.loads((computed / "play.json").read_text())
    (static / "play.json").write_text(json.dumps({name: widget["numbers"] for name, widget in told.items()}))
    (source / "play").mkdir(exist_ok=True)
    (source / "play" / "index.md").write_text(page.text(repository, told))

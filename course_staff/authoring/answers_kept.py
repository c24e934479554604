"""Deriving `labs/` never writes over an answer, whether git knows of it or not."""

from __future__ import annotations

import json
from pathlib import Path

from course_lib.student import notebook as notebooks

UNREADABLE = "what cannot be read"  # such as what git leaves where two versions could not be merged


def work_in(path: Path, derived: str) -> list[str]:
    """What a notebook in `labs/` holds that a person wrote, in words; empty: nothing, or there is no such file.

    derived: the student version that would take its place, whose stubs count where the file holds none.
    """
    if not path.exists():
        return []
    try:
        notebook = notebooks.read(path)
    except ValueError:
        return [UNREADABLE]
    return notebooks.work(notebook, notebooks.stub_texts(json.loads(derived)))


def make_way(root: Path, derived: dict[Path, str], differing: list[Path], *, force: bool) -> list[Path]:
    """Those of the files that differ which must stay as they are, and says so.

    force: none must, and a copy of each is kept.
    """
    staying = []
    for path in differing:
        found = work_in(root / path, derived[path]) if path.parts[0] == "labs" and path.suffix == ".ipynb" else []
        if found == [UNREADABLE] or (found and force):
            print(f"{path} held {', '.join(found)}: kept in {notebooks.backup(root / path).relative_to(root)}")
        elif found:
            print(f"left as it is: {path} holds {', '.join(found)}")
            staying.append(path)
    return staying

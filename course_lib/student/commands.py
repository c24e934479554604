"""The commands `course my` and `course update`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from course_lib.project import labs_called, project_root


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add both to the parser. add: see `course_lib.cli`."""
    my = add("my", _my, "say how far you are with a lab: each exercise, its points so far, what its test says")
    my.add_argument("lab", metavar="LAB", help="such as lab00, or the path of a notebook; as it is saved")
    my.add_argument("--reset", metavar="EXERCISE", help="put its stub back; your answer is kept in a backup")
    my.add_argument("--seconds", type=float, default=300, metavar="S", help="for all cells together (default 300)")
    update = add(
        "update", _update, "get a new version of the labs; your answers are carried over, the old file is kept"
    )
    update.add_argument("source", nargs="?", type=Path, metavar="FOLDER|ZIP", help="of the new labs; default: by git")
    update.add_argument(
        "--labs", type=Path, metavar="FOLDER", help="with your notebooks (default: labs/ of the course)"
    )


def _my(given: argparse.Namespace) -> int:
    path = _notebook(given.lab)
    if given.reset:
        from course_lib.student.reset import reset

        print(reset(path, given.reset))
        return 0
    from course_lib.student.rerun import report

    if given.seconds <= 0:
        raise ValueError(f"--seconds: expected more than 0, got {given.seconds:g}")
    print(report(path, seconds=given.seconds))
    return 0


def _update(given: argparse.Namespace) -> int:
    from course_lib.student.update import update

    root = project_root()
    if given.source is not None and not given.source.exists():
        raise ValueError(f"there is no {given.source}")
    print(update(given.labs or _labs(root), given.source, root=root))
    return 0


def _labs(root: Path | None) -> Path:
    if root is None:
        raise ValueError("run this inside the course's folder, or name the folder of your notebooks: --labs FOLDER")
    return root / "labs"


def _notebook(lab: str) -> Path:
    if lab.endswith(".ipynb"):
        if not Path(lab).is_file():
            raise ValueError(f"there is no notebook {lab}")
        return Path(lab)
    there = {path.stem: path for path in _labs(project_root()).glob("*/*.ipynb") if path.stem == path.parent.name}
    found = labs_called(lab, there)
    if len(found) != 1:
        raise ValueError(f"expected one lab whose name begins with {lab!r}, found {', '.join(found) or 'none'}")
    return there[found[0]]

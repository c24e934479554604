"""`course update`: a new version of the labs, from git, a folder or a zip, with all answers carried over."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.student import fetch
from course_lib.student import notebook as notebooks
from course_lib.student.carry import Carried, carry
from course_lib.student.notebook import Notebook
from course_lib.student.reset import REOPEN

_LAB = re.compile(r"lab\d\d[a-z]?_\w+")
_NOT_LABS = {"solutions", "backups", ".ipynb_checkpoints", "submitted", "autograded"}


@dataclass(frozen=True)
class Step:
    """One lab: where the student has it, its new version, and what was carried over; None for a new lab."""

    path: Path
    new: Notebook
    carried: Carried | None


def update(labs: Path, source: Path | None = None, *, root: Path | None = None) -> str:
    """Bring the notebooks below `labs` to the new version; returns what was done, in sentences.

    source: a folder, a zip or one notebook; None: what git fetches for the copy at `root`. A notebook that was there
    is copied to `backups` beside it before anything is written.
    """
    if not labs.is_dir():
        raise ValueError(f"{labs} is no folder: name the one with your notebooks, --labs FOLDER")
    with tempfile.TemporaryDirectory(prefix="course-update-") as folder:
        if source is None:
            if root is None:
                raise ValueError("name a folder or a zip with the new labs: there is no copy of the course here")
            commit = fetch.newest(root)
            steps = _steps(labs, _unpacked(fetch.labs_of(root, commit, Path(folder)), Path(folder)))
            kept = _keep(steps)
            said = fetch.move_to(root, commit, [step.path for step in steps if step.carried is not None])
        else:
            steps = _steps(labs, _unpacked(source, Path(folder)))
            kept, said = _keep(steps), []
        _write(steps)
    return "\n".join([*said, *_told(steps, kept, labs)])


def _unpacked(source: Path, folder: Path) -> Path:
    if source.suffix == ".ipynb":
        return source
    if source.is_dir():
        return _labs_in(source)
    if not zipfile.is_zipfile(source):
        raise ValueError(f"expected a folder, a zip or a notebook with the new labs, got {source}")
    with zipfile.ZipFile(source) as archive:
        archive.extractall(folder / "unpacked")
    return _labs_in(folder / "unpacked")


def _labs_in(folder: Path) -> Path:
    """The folder `labs` of a course, which may lie one folder down, as in a zip of GitHub."""
    inner = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return next((path / "labs" for path in inner if (path / "labs").is_dir()), folder)


def _steps(labs: Path, source: Path) -> list[Step]:
    """What is to be done. Reads all, writes nothing."""
    new = {_lab(path, notebook): notebook for path, notebook in _notebooks(source)}
    new.pop("", None)
    if not new:
        raise ValueError(f"there are no labs in {source}: expected notebooks such as labs/lab01_x/lab01_x.ipynb")
    steps, have = [], set()
    for path, notebook in _notebooks(labs):
        lab = _lab(path, notebook)
        have.add(lab)
        if lab in new:
            steps.append(Step(path, new[lab], carry(notebook, new[lab])))
    missing = {lab: labs / lab / f"{lab}.ipynb" for lab in sorted(new) if lab not in have}
    return steps + [Step(path, new[lab], None) for lab, path in missing.items() if not path.exists()]


def _notebooks(folder: Path) -> list[tuple[Path, Notebook]]:
    if folder.is_file():
        return [(folder, notebooks.read(folder))]
    found = []
    for path in sorted(folder.rglob("*.ipynb")):
        inside = path.relative_to(folder).parts
        if _NOT_LABS & set(inside) or any(part.startswith(".") for part in inside):
            continue
        try:
            found.append((path, notebooks.read(path)))
        except ValueError as error:
            if _LAB.search(path.stem):
                raise ValueError(f"{error}: move it out of the way, then update again") from None
    return found


def _lab(path: Path, notebook: Notebook) -> str:
    """The lab's name: as the notebook says, else as the file is called ("Copy of lab01_x.ipynb")."""
    match = _LAB.search(path.stem)
    return notebooks.lab_of(notebook) or (match[0] if match else "")


def _keep(steps: Sequence[Step]) -> dict[Path, Path]:
    return {step.path: notebooks.backup(step.path) for step in steps if step.carried and not step.carried.same}


def _write(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.carried is None:
            notebooks.write(step.path, step.new)
        elif not step.carried.same:
            notebooks.write(step.path, step.carried.notebook)


def _told(steps: Sequence[Step], kept: dict[Path, Path], labs: Path) -> list[str]:
    lines = []
    for step in steps:
        if step.carried is None:
            lines.append(f"{step.path.stem} is new.")
        elif step.path in kept:
            lines.append(
                f"{step.path.name} is the new version: run it from the top. {' '.join(step.carried.told)}".rstrip()
            )
            lines.append(f"  What you had is kept in {kept[step.path]}.")
    same = sum(step.carried is not None and step.carried.same for step in steps)
    if same:
        lines.append(
            f"{same} notebook{'s are' if same > 1 else ' is'} as before: the new version has nothing new there."
        )
    return [*lines, REOPEN] if kept else lines

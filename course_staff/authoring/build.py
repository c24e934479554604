"""Derive from the text sources all that is derived: notebooks, START page, the README's table, the list of exercises.

`course build` writes what differs; `course build --check` writes nothing and fails on any difference, shown as a diff.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import logging
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course_staff.authoring import source
from course_staff.authoring.answers_kept import make_way
from course_staff.authoring.card import Card
from course_staff.authoring.placeholders import exercise_table
from course_staff.authoring.programs import programs_on_path
from course_staff.authoring.source import Address, SourceError
from course_staff.authoring.start_page import START, start_page
from course_staff.database import sqlite_url

GRADEBOOK = "gradebook.db"
TABLE_BEGIN, TABLE_END = "<!-- labs:begin -->", "<!-- labs:end -->"


def build(
    root: Path, labs: list[str] | None = None, *, check: bool = False, force: bool = False, keep: bool = False
) -> int:
    """Derive all, or the named labs only; returns the exit code: 0, or 1 if something differs or a source is wrong.

    root: the repository. labs: names such as "lab01"; the tables are derived only when all labs are. A notebook in
    labs/ that holds answers is never written over, and the exit code is 1. force: it is, and a copy is kept in
    labs/LAB/backups. keep: leaving it is fine, as it is for a student (`make lab`).
    """
    if not source.lab_sources(root):
        print("course build: there is no source of a lab here (solutions/lab*.py), so nothing is derived or changed.")
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="course-build-") as folder:
            derived = derive(root, Path(folder), labs)
    except SourceError as error:
        print(f"course build: {error}")
        return 1
    differing = [path for path, text in derived.items() if _read(root / path) != text]
    if check:
        # solution notebooks are not committed, so a clean clone has none
        differing = [path for path in differing if path.parts[0] != "solutions" or (root / path).exists()]
    stray = [] if labs else _stray(root, derived)
    staying = [] if check else make_way(root, derived, differing, force=force)
    for path in [path for path in differing + stray if path not in staying]:
        if check:
            print(_difference(path, _read(root / path), derived.get(path)))
        elif path in stray:
            print(f"no source for {path}: delete it, or add the source")
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(derived[path])
            print(f"wrote {path}")
    if check and (differing or stray):
        print("\nDerived files differ from their sources. Run `course build` and commit what it writes.")
        return 1
    print(f"course build: {len(derived) - len(staying)} derived files are as their sources say")
    if staying and not keep:
        print("`course build --force` derives those with answers too, and keeps a copy of each in labs/LAB/backups.")
    return 1 if stray or (staying and not keep) else 0


def derive(root: Path, folder: Path, labs: list[str] | None = None, address: Address | None = None) -> dict[Path, str]:
    """Derive into `folder`, a scratch course for nbgrader; returns path inside the repository -> text.

    address: where the derived course will live; default: where pyproject.toml says that this one does.
    """
    address = address or Address.of(root)
    derived: dict[Path, str] = {}
    notebooks = {path.stem: source.read_lab(path, address) for path in source.lab_sources(root, labs)}
    for name, notebook in notebooks.items():
        derived[Path("solutions", name, f"{name}.ipynb")] = _text(notebook)
    release(root, folder, {name: derived[Path("solutions", name, f"{name}.ipynb")] for name in notebooks})
    for name in notebooks:
        released = nbformat.read(folder / "labs" / name / f"{name}.ipynb", as_version=4)
        derived[Path("labs", name, f"{name}.ipynb")] = _text(released)
    if labs:
        return derived
    lectures = {path.stem: source.read_lecture(path, address) for path in sorted((root / "lectures").glob("*.py"))}
    for name, notebook in lectures.items():
        derived[Path("lectures", f"{name}.ipynb")] = _text(notebook)
    found = {path.stem: source.card_of(path) for path in source.lab_sources(root)}
    cards = {name: card for name, card in found.items() if card is not None}
    derived[START] = start_page(notebooks, lectures, cards)
    derived[Path("labs", "EXERCISES.md")] = _exercise_list(root, notebooks, cards)
    derived[Path("README.md")] = _readme(root, notebooks, address)
    return derived


def release(root: Path, folder: Path, solutions: dict[str, str]) -> NbGraderAPI:
    """Make `folder` a course with its own gradebook and let nbgrader derive the student versions of `solutions`.

    solutions: lab name -> text of its solution notebook. Returns nbgrader's API on that course, for autograding.
    """
    for name, text in solutions.items():
        target = folder / "solutions" / name / f"{name}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(text)
    programs_on_path()
    config = _nbgrader_config(root, folder)
    (folder / GRADEBOOK).write_bytes(_empty_gradebook(config.CourseDirectory.course_id))
    api = NbGraderAPI(config=config)
    api.log.setLevel(logging.ERROR)
    for name in solutions:
        result = api.generate_assignment(name)
        if not result["success"]:
            raise SourceError(f"{name}: nbgrader could not derive the student version:\n{result['log']}")
    return api


@functools.cache
def _empty_gradebook(course: str) -> bytes:
    """A gradebook without entries, made once a process: for that nbgrader starts a program which takes seconds."""
    with tempfile.TemporaryDirectory(prefix="course-gradebook-") as folder:
        path = Path(folder, GRADEBOOK)
        Gradebook(sqlite_url(path), course).close()
        return path.read_bytes()


def _nbgrader_config(root: Path, folder: Path) -> Config:
    """The course's own nbgrader configuration, moved to a scratch folder."""
    config = PyFileConfigLoader(str(root / "nbgrader_config.py")).load_config()
    config.CourseDirectory.root = str(folder)
    config.Execute.shutdown_kernel = "immediate"  # no reason to wait for its good-bye
    if sys.platform == "linux":
        config.KernelManager.transport, config.KernelManager.ip = "ipc", str(folder / "k")
    config.CourseDirectory.db_url = sqlite_url(folder / GRADEBOOK)
    return config


def _text(notebook: nbformat.NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n"


def _exercise_list(root: Path, notebooks: dict[str, nbformat.NotebookNode], cards: dict[str, Card]) -> str:
    parts = ["# Exercises and points", "Derived by `course build` from the lab sources; do not edit."]
    for name, notebook in notebooks.items():
        found = source.exercises(notebook, root / "solutions" / f"{name}.py")
        parts += [f"## {source.title(notebook)}", exercise_table(found, cards.get(name))]
    return "\n\n".join(parts) + "\n"


def _readme(root: Path, notebooks: dict[str, nbformat.NotebookNode], address: Address) -> str:
    linked = bool(address.badges(""))
    rows = ["| lab | points | open |", "|---|---|---|"] if linked else ["| lab | points |", "|---|---|"]
    for name, notebook in notebooks.items():
        path = f"labs/{name}/{name}.ipynb"
        points = sum(exercise.points for exercise in source.exercises(notebook, root / "solutions" / name))
        badges = f" {address.badges(path)} |" if linked else ""
        rows.append(f"| [{source.title(notebook)}]({path}) | {points:g} |{badges}")
    text = (root / "README.md").read_text()
    if TABLE_BEGIN not in text or TABLE_END not in text:
        raise SourceError(f"README.md: the table of labs needs the two lines {TABLE_BEGIN} and {TABLE_END}")
    table = "\n".join([TABLE_BEGIN, *rows, TABLE_END])
    return re.sub(f"{TABLE_BEGIN}.*?{TABLE_END}", lambda _: table, text, flags=re.DOTALL)


def _stray(root: Path, derived: dict[Path, str]) -> list[Path]:
    """Notebooks in the folders of derived files that no source stands for."""
    found = [path.relative_to(root) for path in (root / "labs").glob("lab*/*.ipynb")]
    found += [path.relative_to(root) for path in (root / "lectures").glob("*.ipynb")]
    return sorted(path for path in found if path not in derived)


def _read(path: Path) -> str | None:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    return None


def _difference(path: Path, committed: str | None, derived: str | None) -> str:
    if derived is None:
        return f"{path}: no source derives it"
    if committed is None:
        return f"{path}: missing"
    old, new = _lines(path, committed), _lines(path, derived)
    lines = difflib.unified_diff(old, new, f"{path} (committed)", f"{path} (derived)", lineterm="", n=2)
    return "\n".join(lines) or f"{path}: differs in white space or metadata layout only"


def _lines(path: Path, text: str) -> list[str]:
    """A notebook as its cells' text with a header line each, so that the difference reads like the notebook."""
    if path.suffix != ".ipynb":
        return text.splitlines()
    try:
        notebook = nbformat.reads(text, as_version=4)
    except Exception:
        return text.splitlines()
    lines = []
    for cell in notebook.cells:
        lines.append(f"--- {cell.cell_type} {cell.get('id', '')} {dict(cell.metadata) or ''}")
        lines += cell.source.splitlines()
        if cell.get("outputs"):
            lines.append(f"[{len(cell.outputs)} outputs: a committed notebook has none]")
    return lines

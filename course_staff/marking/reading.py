"""Where a `Lab` comes from: the text source and nbgrader's release of it. Read by the grader, never by its workers.

Workers get the `Lab` as JSON: importing nbgrader and jupytext would cost each of them seconds.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_staff.authoring import source
from course_staff.authoring.build import release
from course_staff.authoring.hidden_lines import hidden_seed
from course_staff.authoring.source import SourceError
from course_staff.marking.lab import GradedCell, Lab, is_experiment


def read_lab_to_grade(root: Path, name: str, *, secret: str) -> Lab:
    """Read a lab of the course at `root`. secret: of the class; the hidden inputs are derived from it.

    Raises SourceError where the source is not as CONTRIBUTING.md says. `with_expected` must complete what comes back.
    """
    path = root / "solutions" / f"{name}.py"
    if not path.is_file():
        raise SourceError(f"there is no lab {name!r}: expected {path.relative_to(root)}")
    solution = source.read_lab(path, source.Address.of(root))
    with tempfile.TemporaryDirectory(prefix="course-lab-") as folder:
        release(root, Path(folder), {name: nbformat.writes(solution, version=nbformat.NO_CONVERT)})
        released = nbformat.read(Path(folder, "labs", name, f"{name}.ipynb"), as_version=4)
    return make_lab(name, solution, released, source.exercises(solution, path), secret=secret)


def make_lab(
    name: str, solution: NotebookNode, released: NotebookNode, exercises: list[source.Exercise], *, secret: str
) -> Lab:
    """A Lab from the solution notebook and what nbgrader released of it."""
    full, given = _sources(solution), _sources(released)
    graded = []
    for exercise in exercises:
        cell = exercise.graded_cell
        fields: dict[str, Any] = {} if exercise.by_hand else {"full_source": _full_source(full[cell])}
        values = () if exercise.by_hand else source.hidden_values(full[cell])
        graded.append(
            GradedCell(
                name=cell,
                exercise=exercise.name,
                points=exercise.points,
                by_hand=exercise.by_hand,
                source=given[cell],
                values=values,
                seed=hidden_seed(secret, name, cell),
                stub=given[exercise.name],
                solution=full[exercise.name],
                **({"full_source": given[cell]} | fields),
            )
        )
    cells = tuple(_plain(cell) for cell in released.cells)
    run = [cell["source"] for cell in cells if cell["cell_type"] == "code" and not is_experiment(cell)]
    modules = _modules([*run, *(cell.full_source for cell in graded if not cell.by_hand)])
    closed = [value.rpartition(".")[0] for cell in graded for item in cell.values for value in item.closed]
    return Lab(name, cells, tuple(graded), tuple(dict.fromkeys([*modules, *closed])), _plain(released)["metadata"])


def _sources(notebook: NotebookNode) -> dict[str, str]:
    """nbgrader's id of a cell -> its source."""
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in notebook.cells if "nbgrader" in cell.metadata}


def _plain(cell: NotebookNode) -> dict[str, Any]:
    kept = {key: item for key, item in cell.items() if key in ("cell_type", "id", "metadata", "source")}
    return json.loads(json.dumps(kept))


def _full_source(test: str) -> str:
    """A test cell with its hidden tests, without nbgrader's marks and without the lines of hidden values."""
    marks = (source.BEGIN_HIDDEN, source.END_HIDDEN, "### HIDDEN VALUE:")
    return "\n".join(line for line in test.split("\n") if not line.strip().startswith(marks))


def _modules(sources: Iterable[str]) -> list[str]:
    """The modules that cells import, and those that they name to `without`: looked for, but not imported."""
    found: dict[str, None] = {}
    for text in sources:
        try:
            tree = ast.parse(text)
        except SyntaxError:  # a line magic
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "without":
                names = [str(part.value).rpartition(".")[0] for part in node.args if isinstance(part, ast.Constant)]
            else:
                continue
            found |= dict.fromkeys(name for name in names if _is_module(name))
    return list(found)


def _is_module(name: str) -> bool:
    places = None
    for part in name.split("."):
        try:
            spec = PathFinder.find_spec(part, places)
        except (ImportError, ValueError):
            return False
        if spec is None:
            return False
        places = spec.submodule_search_locations or []
    return True

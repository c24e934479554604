"""One page a lab: its student version, with exercises folded."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.student.notebook import MY
from course_staff.authoring.build import derive
from course_staff.authoring.start_page import START
from course_staff.publishing.leaks import MARKS
from website import links, notebooks
from website.address import SiteAddress


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""
    # anew from the sources: what lies in labs/ may hold somebody's answers
    with tempfile.TemporaryDirectory(prefix="course-site-") as folder:
        derived = derive(repository, Path(folder))
    address = SiteAddress.of(repository)
    (source / "labs").mkdir(parents=True, exist_ok=True)
    names = []
    for path, text in derived.items():
        if path.parts[0] == "labs" and path.suffix == ".ipynb":
            names.append(path.stem)
            notebooks.place(text, source, f"labs/{path.stem}")
            (source / "labs" / path.name).write_text(page(text, path.stem, address), encoding="utf-8")
    index = overview(links.rewritten(derived[START], "labs", address), names)
    (source / "labs" / "index.md").write_text(index, encoding="utf-8")


def page(text: str, name: str, address: SiteAddress) -> str:
    """The page of a lab as a notebook. text: of the student's notebook; name: such as "lab01_dense_autoencoder".

    Raises ValueError where an author's mark has come through.
    """
    if found := MARKS.search(text):
        raise ValueError(f"{name}: the student version holds {found[0]!r}: nothing of it is published")
    notebook = nbformat.reads(text, as_version=4)
    notebooks.show(notebook, f"labs/{name}", name, address)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _fold(cell)
        cell.metadata.pop("nbgrader", None)
    notebook.metadata.pop("course", None)
    return nbformat.writes(notebook)


def _fold(cell: NotebookNode) -> None:
    cell.outputs, cell.execution_count = [], None
    graded = cell.metadata.get("nbgrader", {})
    name = graded.get("grade_id", "")
    if "setup" in cell.metadata.get("tags", []):
        notebooks.fold(cell, "Show the first cell, which finds the course’s library")
    elif graded.get("solution"):
        notebooks.fold(cell, f"Show where {name} goes")
    elif graded.get("grade"):
        notebooks.fold(cell, f"Show the test of {name.removesuffix('_test')}")
    elif MY in cell.metadata.get("tags", []):
        notebooks.fold(cell, "Show the last cell, which lists your points")


def overview(start: str, names: list[str]) -> str:
    """The page of all labs. start: the START page of JupyterLab, whose lectures have a page of their own here."""
    text = re.sub(r"^# .+$", "# Labs", start, count=1, flags=re.MULTILINE)
    text = text.replace(links.section(text, "## Lectures"), "").replace("## Lectures", "").rstrip()
    toctree = "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
    return f"{text}\n\n{toctree}\n"

"""Run a lecture from top to bottom, or take what a run before gave."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from traitlets.config import Config

from website import cache

PATIENCE = 1800  # seconds for a cell


class LectureError(RuntimeError):
    """A cell of a lecture failed; the message names the lecture and the cell."""


def executed(notebook: NotebookNode, name: str, repository: Path, threads: int | None = None) -> NotebookNode:
    """The notebook with its outputs, from the cache where nothing has changed. threads: of a process, to share cores.

    Raises LectureError where a cell fails.
    """
    key = cache.key(repository, name, *(f"{cell.cell_type}\n{cell.source}" for cell in notebook.cells))
    text = cache.kept(
        repository, "lectures", name, key, lambda: nbformat.writes(run(notebook, name, repository, threads))
    )
    return nbformat.reads(text, as_version=4)


def run(notebook: NotebookNode, name: str, repository: Path, threads: int | None = None) -> NotebookNode:
    """Execute a copy of the notebook in an empty folder, with the library of this repository."""
    result = nbformat.from_dict(notebook)
    paths = os.pathsep.join(filter(None, [str(repository), os.environ.get("PYTHONPATH")]))
    surroundings = {**os.environ, "COURSE_PROFILE": cache.profile(), "PYTHONPATH": paths}
    if threads:
        surroundings |= {"OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory(prefix="course-lecture-") as folder:
        config = Config()
        if sys.platform == "linux":  # a socket in a folder of ours, not a port that others can reach
            config.KernelManager.transport, config.KernelManager.ip = "ipc", str(Path(folder, "k"))
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(result, timeout=PATIENCE, kernel_name="python3", resources=resources, config=config)
        try:
            client.execute(env=surroundings)
        except CellExecutionError as error:
            raise LectureError(f"{name}: a cell failed.\n{_shortened(result, error)}") from None
    return result


def _shortened(notebook: NotebookNode, error: CellExecutionError) -> str:
    """The head of the cell that failed, and what it said."""
    for cell in notebook.cells:
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            head = "\n".join(f"    {line}" for line in cell.source.split("\n")[:8])
            return f"{head}\n{error.ename}: {error.evalue}"
    return f"{error.ename}: {error.evalue}"

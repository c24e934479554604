"""Every student notebook and lecture opens, holds no output and no answer, and its first cell runs."""

import re
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
LABS = sorted(ROOT.glob("labs/lab*/*.ipynb"))
NOTEBOOKS = LABS + sorted(ROOT.glob("lectures/*.ipynb"))


def test_there_are_notebooks():
    assert len(LABS) >= 3 and len(NOTEBOOKS) > len(LABS)


@pytest.fixture(scope="module")
def client():
    """Of one kernel for all, emptied by each: what the first cell imports is loaded once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COURSE_PROFILE", "ci")
        manager = AsyncKernelManager(kernel_name="python3")
        run_sync(manager.start_kernel)()
    yield NotebookClient(nbformat.v4.new_notebook(), km=manager, timeout=120)
    run_sync(manager.shutdown_kernel)(now=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_opens_and_the_first_cell_runs(path, client):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert "setup" in code[0].metadata.tags, "the first code cell is the set-up cell"
    enter = nbformat.v4.new_code_cell(f"%reset -f\n__import__('os').chdir({str(path.parent)!r})")
    notebook.cells = [enter, code[0]]
    client.nb = notebook
    client.execute()
    printed = "".join(output.get("text", "") for output in code[0].outputs)
    for words in (f"{path.stem} is ready", "profile   ci", "torch", "course_lib"):
        assert words in printed, f"{words!r} is missing in:\n{printed}"


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_student_version_has_stubs_and_says_what_it_needs(path):
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "BEGIN SOLUTION" not in text and "BEGIN HIDDEN" not in text and "{{" not in text.replace("{{\\", "")
    graded = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    answers = [meta.grade_id for meta in graded if meta.solution and not meta.grade]
    assert 3 <= len(answers) <= 6, "a lab has three to six graded exercises"
    assert any(meta.solution and meta.grade for meta in graded), "a lab has a written question"
    assert text.count("raise NotImplementedError") >= len(answers)
    for words in (
        "The question of this lab",
        "What to remember",
        "**Goal.**",
        "**Hint.**",
    ):
        assert words in text
    assert re.search(r"\*\*Time\.\*\* About|You need about", text), "a lab says how long it takes"
    assert re.search(r"viz\.(\w+_slider|blind_test)\(", text), "a lab has one thing to play with"

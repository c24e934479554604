"""A student's day from morning to evening, on a tiny lab as `course build` hands it out."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")

from nbclient import NotebookClient
from nbgrader.utils import determine_grade

from course_lib import cli
from course_lib.student import notebook as notebooks
from course_staff.authoring import build as building
from course_staff.authoring.handed_out import GOES_ON
from course_staff.authoring.source import Address, SourceError, read_lab
from course_staff.proof import check as checking

ROOT = Path(__file__).resolve().parents[3]
NAME = "lab90_tiny"
LAB = """\
# %% [markdown]
# # Lab 90: Tiny
#
# {{exercises}}

# %% tags=["setup"]
# written by course build

# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "double_test", "points": 2.5}
from course_lib.exercise import without

with without("course_lib.images.rescale"):
    assert double(2) == 4, "two times two is four"
print("double: right")

# %% tags=["experiment"]
print("an experiment with an answer:", double(3))

# %% nbgrader={"grade_id": "half", "solution": true}
def half(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION


# %% nbgrader={"grade_id": "half_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.images.rescale"):
    assert half(3) == 1.5, "half of three is one and a half"
print("half: right")

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "points": 1}
# Because.
"""


def build_course(folder: Path, text: str = LAB) -> Path:
    """A built course of one lab; returns the notebook that students get."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[tool.course]\nrepository = "someone/somewhere"\nbranch = "main"\n')
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    (folder / "README.md").write_text("# Course\n<!-- labs:begin -->\n<!-- labs:end -->\n")
    for name in ("solutions", "labs", "lectures"):
        (folder / name).mkdir()
    (folder / "solutions" / f"{NAME}.py").write_text(text)
    assert building.build(folder) == 0
    return folder / "labs" / NAME / f"{NAME}.ipynb"


def answer(path: Path, exercise: str, text: str) -> None:
    notebook = notebooks.read(path)
    for cell in notebook["cells"]:
        if notebooks.name(cell) == exercise:
            notebooks.put(cell, text)
    notebooks.write(path, notebook)


def run_all(path: Path, **surroundings: str) -> nbformat.NotebookNode:
    """As JupyterLab's Run All: it stops at an error, unless the cell's tags say otherwise."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    client.execute(env={**os.environ, "COURSE_PROFILE": "ci", "OMP_NUM_THREADS": "1", **surroundings})
    return notebook


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)


def test_a_students_day(tmp_path, monkeypatch, capsys):
    built = build_course(tmp_path / "teacher")
    path = tmp_path / "mine" / "labs" / NAME / f"{NAME}.ipynb"  # no course_staff, no solutions
    path.parent.mkdir(parents=True)
    shutil.copy(built, path)
    shutil.copy(tmp_path / "teacher" / "pyproject.toml", tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    capsys.readouterr()

    def course(*arguments: str) -> str:
        assert cli.main(list(arguments)) == 0
        return capsys.readouterr().out

    # Run All, with stubs, in what looks like JupyterLab: it comes to the end, and the end says how far one is
    done = run_all(path, JPY_SESSION_NAME="lab.ipynb")
    told = "".join(output.get("text", "") for output in done.cells[-1].outputs)
    assert "0 of 3.5 points" in told and told.count("no answer yet") == 2 and "your teacher reads it" in told
    folded, error = None, None
    for output in cell_of(done, "double_test").outputs:
        assert output.get("name") != "stderr"
        error = output if output.output_type == "error" else error
        folded = output.data if output.output_type == "display_data" else folded
    assert error.ename == "NotImplementedError" and len(error.traceback) == 1
    assert error.traceback[0].startswith("no answer yet")
    assert "<details><summary>where it happened" in folded["text/html"] and "double" in folded["text/plain"]
    assert determine_grade(cell_of(done, "double_test"))[0] == 0, "an error stays an error to nbgrader"

    # the same where nobody looks on: Python's own traceback
    answer(path, "double", "def double(x):\n    return x")
    plain = cell_of(run_all(path), "double_test").outputs
    assert [output.output_type for output in plain] == ["error"] and "AssertionError" in "".join(plain[0].traceback)

    # from the command line, before and after a right answer
    told = course("my", "lab90")
    assert "0 of 3.5 points" in told and "two times two is four" in told and "no answer yet" in told
    answer(path, "double", "def double(x):\n    return 2 * x")
    answer(path, "half", "def half(x)\n    return 2")
    answer(path, "why", "Since it is so.")
    told = course("my", str(path))
    assert "2.5 of 3.5 points" in told and "2.5 of 2.5  right" in told and "your teacher reads it" in told
    assert "its answer cell stops: SyntaxError" in told and "line 1" in told

    # the stub back, and once more
    told = course("my", "lab90", "--reset", "half")
    assert "as it was handed out again" in told
    (kept,) = (path.parent / "backups").iterdir()
    assert notebooks.stub_texts(notebooks.read(kept))["half"] == "def half(x)\n    return 2"
    assert "nothing to do" in course("my", "lab90", "--reset", "half")
    assert cli.main(["my", "lab90", "--reset", "nothing"]) == 1 and "there are: double" in capsys.readouterr().err

    # a new version in the evening
    newer = LAB.replace("two times two is four", "2 * 2 = 4").replace('"points": 2.5', '"points": 3')
    new = build_course(tmp_path / "newer", newer)
    capsys.readouterr()
    told = course("update", str(tmp_path / "newer"))
    assert "carried over: double, why" in told and "run their tests again: double" in told
    assert "3 of 4 points" in course("my", "lab90")
    answer(path, "double", notebooks.stub_texts(notebooks.read(new))["double"])
    answer(path, "why", notebooks.stub_texts(notebooks.read(new))["why"])
    assert notebooks.read(path) == notebooks.read(new)


@pytest.mark.slow
def test_an_endless_cell_ends_with_its_time_and_what_came_before_counts(tmp_path):
    path = build_course(tmp_path / "teacher")
    answer(path, "double", "def double(x):\n    return 2 * x")
    answer(path, "half", "while True:\n    pass")
    command = [sys.executable, "-m", "course_lib.cli", "my", str(path), "--seconds", "30"]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "2.5 of 2.5  right" in done.stdout and "was not reached in 30 seconds" in done.stdout
    assert time.monotonic() - began < 90


def test_no_grader_listens_to_the_tag_and_solutions_never_have_it(tmp_path):
    build_course(tmp_path / "teacher")
    source = tmp_path / "teacher" / "solutions" / f"{NAME}.py"
    solution = read_lab(source, Address.of(tmp_path / "teacher"))
    assert not [cell for cell in solution.cells if GOES_ON in cell.metadata.get("tags", [])], "nbval would go on"
    scores, stub = checking._grade_with_nbgrader(tmp_path / "teacher", tmp_path / "scratch", NAME, solution)
    assert {"double_test", "half_test", "double"} <= {
        cell.metadata.nbgrader.grade_id
        for cell in stub.cells
        if GOES_ON in cell.metadata.get("tags", []) and "nbgrader" in cell.metadata
    }
    setup = next(cell for cell in stub.cells if "setup" in cell.metadata.get("tags", []))
    assert GOES_ON not in setup.metadata.tags, "without the library there is nothing to go on with"
    assert scores["solution"] == {"double_test": 2.5, "half_test": 1.0}
    assert scores["stub"] == {"double_test": 0.0, "half_test": 0.0}


def test_a_test_that_the_last_cell_could_not_tell_is_refused(tmp_path):
    path = tmp_path / f"{NAME}.py"
    path.write_text(LAB.replace('print("half: right")', 'print("well done")'))
    with pytest.raises(SourceError, match="half_test: its last line"):
        read_lab(path, Address("a/b", "main"))


@pytest.mark.parametrize("committed", [False, True])
def test_build_never_writes_over_an_answer(tmp_path, committed, capsys):
    path = build_course(tmp_path / "teacher")
    root = tmp_path / "teacher"
    answer(path, "double", "def double(x):\n    return 2 * x")
    if committed:
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "mine"]):
            subprocess.run(["git", *who, *command], cwd=root, check=True)
    source = root / "solutions" / f"{NAME}.py"
    source.write_text(source.read_text().replace("two times two", "2 times 2"))
    before = path.read_bytes()
    capsys.readouterr()
    assert building.build(root) == 1
    told = capsys.readouterr().out
    assert path.read_bytes() == before and "holds double" in told and "--force" in told
    assert building.build(root, keep=True) == 0 and path.read_bytes() == before, "what make lab does"
    assert building.build(root, force=True) == 0
    assert b"2 times 2" in path.read_bytes() and b"return 2 * x" not in path.read_bytes()
    assert [kept.read_bytes() for kept in (path.parent / "backups").iterdir()] == [before]
    assert building.build(root, check=True) == 0, "a backup is no stray notebook"


@pytest.mark.parametrize("work", ["own cell", "changed cell", "written answer", "nothing to read"])
def test_build_keeps_all_that_a_person_wrote(tmp_path, work, capsys):
    path = build_course(tmp_path / "teacher")
    notebook = notebooks.read(path)
    if work == "own cell":
        notebook["cells"].append({"cell_type": "markdown", "id": "mine", "metadata": {}, "source": "mine"})
    elif work == "changed cell":
        next(cell for cell in notebook["cells"] if "experiment" in notebooks.tags(cell))["source"] = "double(9)"
    notebooks.write(path, notebook)
    if work == "written answer":
        answer(path, "why", "Since it is so.")
    if work == "nothing to read":
        path.write_text("<<<<<<< mine")
    before = path.read_bytes()
    assert building.build(tmp_path / "teacher", ["lab90"]) == (0 if work == "nothing to read" else 1)
    kept = path if work != "nothing to read" else next((path.parent / "backups").iterdir())
    assert kept.read_bytes() == before


def test_build_writes_over_what_nobody_wrote(tmp_path):
    path = build_course(tmp_path / "teacher")
    notebook = notebooks.read(path)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "ran"}]
    del notebook["metadata"]["course"]  # as older releases were
    notebooks.write(path, notebook)
    assert building.build(tmp_path / "teacher", ["lab90"]) == 0
    assert b'"ran"' not in path.read_bytes() and not (path.parent / "backups").exists()


@pytest.mark.parametrize("solutions", [True, False])
def test_make_lab_keeps_answers_and_derives_nothing_in_a_students_copy(tmp_path, solutions):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "stage", tmp_path / "scripts")
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "nbgrader_config.py"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    if solutions:
        (tmp_path / "solutions").mkdir()
        (tmp_path / "solutions" / f"{NAME}.py").write_text(LAB)
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "course").write_text('#!/bin/sh\necho "asked to" "$@"\n')
    (programs / "course").chmod(0o755)
    for stamp in (".stamp-venv", ".stamp-installed"):  # newer than what they depend on
        (tmp_path / "venv" / stamp).write_text("")
        os.utime(tmp_path / "venv" / stamp, (time.time() + 60,) * 2)
    done = subprocess.run(
        ["make", "VENV=venv", "venv/.stamp-built"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert ("asked to build --keep" in done.stdout) is solutions and (tmp_path / "venv" / ".stamp-built").exists()

"""`course update`: from a folder, a zip and git, with the old notebook kept."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from small_notebooks import first, second, sources, written

from course_lib import cli, project
from course_lib.student import notebook as notebooks
from course_lib.student.update import update

LAB = "lab90_tiny"
ANSWER = "def double(x): return 2 * x"


def put(folder: Path, notebook, name=LAB) -> Path:
    path = folder / "labs" / name / f"{name}.ipynb"
    notebooks.write(path, notebook)
    return path


def backups(path: Path) -> list:
    return [notebooks.read(kept) for kept in sorted((path.parent / "backups").glob("*.ipynb"))]


@pytest.fixture
def mine(tmp_path):
    """A student's copy without git, with one answer."""
    return put(tmp_path / "mine", written(first(), double=ANSWER))


def test_from_a_folder(mine, tmp_path, capsys, monkeypatch):
    put(tmp_path / "new", second())
    put(tmp_path / "new", second() | {"metadata": {"course": {"lab": "lab91_more"}}}, "lab91_more")
    before = notebooks.read(mine)
    (tmp_path / "mine" / "pyproject.toml").write_text('[tool.course]\nrepository = "a/b"\nbranch = "main"\n')
    monkeypatch.chdir(tmp_path / "mine")
    assert cli.main(["update", str(tmp_path / "new")]) == 0
    told = capsys.readouterr().out
    assert notebooks.read(mine) == written(second(), double=ANSWER) and backups(mine) == [before]
    assert (tmp_path / "mine" / "labs" / "lab91_more" / "lab91_more.ipynb").exists() and "lab91_more is new." in told
    assert "Your answers are carried over: double." in told and "kept in" in told and "Reload Notebook" in told
    assert cli.main(["update", str(tmp_path / "new")]) == 0
    assert "nothing new" in capsys.readouterr().out and backups(mine) == [before], "a second update changes nothing"


@pytest.mark.parametrize("inside", ["", "course-main/"])
def test_from_a_zip(mine, tmp_path, inside):
    path = tmp_path / "new.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{inside}labs/{LAB}/{LAB}.ipynb", json.dumps(second()))
        archive.writestr(f"{inside}solutions/{LAB}/{LAB}.ipynb", json.dumps(first()))
        archive.writestr(f"{inside}lectures/01.ipynb", json.dumps(first() | {"metadata": {}}))
    update(mine.parents[1], path)
    assert notebooks.read(mine) == written(second(), double=ANSWER)


def test_a_copy_in_a_drive_is_found_by_its_name_or_by_what_it_says(tmp_path):
    drive = tmp_path / "Colab Notebooks"
    named, renamed = drive / f"Copy of {LAB}.ipynb", drive / "homework.ipynb"
    notebooks.write(named, written(first(), double=ANSWER) | {"metadata": {}})
    notebooks.write(renamed, written(first(), why="Because."))
    (drive / "broken.ipynb").write_text("{")
    new = put(tmp_path / "new", second())
    update(drive, new)
    assert ANSWER in sources(notebooks.read(named)) and "Because." in sources(notebooks.read(renamed))
    assert sources(notebooks.read(named))[0] == "# start anew" and len(backups(named)) == 2
    assert not (drive / LAB).exists()


def test_what_cannot_be_read_stops_it_before_anything_is_written(mine, tmp_path):
    put(tmp_path / "new", second())
    broken = mine.parent / f"{LAB}_copy.ipynb"
    broken.write_text('{"cells": [')
    before = mine.read_bytes()
    with pytest.raises(ValueError, match="cannot be read as a notebook"):
        update(mine.parents[1], tmp_path / "new")
    assert mine.read_bytes() == before and broken.read_text() == '{"cells": [' and not backups(mine)


@pytest.mark.parametrize("source", ["nothing.zip", "empty", "nowhere"])
def test_a_source_without_labs_says_so(mine, tmp_path, source, monkeypatch, capsys):
    (tmp_path / "nothing.zip").write_text("no zip")
    (tmp_path / "empty").mkdir()
    before = mine.read_bytes()
    assert cli.main(["update", str(tmp_path / source), "--labs", str(mine.parents[1])]) == 1
    assert capsys.readouterr().err.startswith("course update: ") and mine.read_bytes() == before


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def clone(tmp_path):
    """A published course, and a student's clone of its first version; the second is published by now."""
    teacher = tmp_path / "teacher"
    put(teacher, first())
    (teacher / "library.py").write_text("version = 1\n")
    (teacher / ".gitignore").write_text("backups/\n")
    git(tmp_path, "init", "--quiet", str(teacher))
    git(teacher, "add", "."), git(teacher, "commit", "--quiet", "-m", "first")
    git(tmp_path, "clone", "--quiet", str(teacher), "student")
    put(teacher, second())
    (teacher / "library.py").write_text("version = 2\n")
    git(teacher, "add", "."), git(teacher, "commit", "--quiet", "-m", "second")
    return tmp_path / "student"


def test_by_git_the_library_comes_along_and_only_answers_differ(clone):
    path = put(clone, written(first(), double=ANSWER))
    told = update(clone / "labs", root=clone)
    assert notebooks.read(path) == written(second(), double=ANSWER)
    assert backups(path) == [written(first(), double=ANSWER)]
    assert (clone / "library.py").read_text() == "version = 2\n" and "library is the new version" in told
    assert git(clone, "status", "--porcelain").split() == ["M", f"labs/{LAB}/{LAB}.ipynb"]
    assert "nothing new" in update(clone / "labs", root=clone)


def test_by_git_an_untouched_lab_is_the_new_one_to_the_byte(clone):
    update(clone / "labs", root=clone)
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.parametrize("obstacle", ["own commit", "changed library"])
def test_where_git_refuses_the_labs_are_updated_all_the_same(clone, obstacle):
    path = put(clone, written(first(), double=ANSWER))
    if obstacle == "own commit":
        git(clone, "commit", "--quiet", "-am", "mine")
    else:
        (clone / "library.py").write_text("mine = 1\n")
    told = update(clone / "labs", root=clone)
    assert "Only the labs are updated" in told and "version = 2" not in (clone / "library.py").read_text()
    assert notebooks.read(path) == written(second(), double=ANSWER)


def test_off_line_it_says_so_and_changes_nothing(clone, capsys, monkeypatch):
    path = put(clone, written(first(), double=ANSWER))
    shutil.rmtree(clone.parent / "teacher")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="git fetch"):
        update(clone / "labs", root=clone)
    shutil.rmtree(clone / ".git")
    with pytest.raises(ValueError, match="as a zip"):
        update(clone / "labs", root=clone)
    assert path.read_bytes() == before


def test_outside_a_course_it_asks_for_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project, "__file__", str(tmp_path / "site-packages" / "course_lib" / "project.py"))
    assert cli.main(["update", str(tmp_path)]) == 1 and "--labs FOLDER" in capsys.readouterr().err
    assert cli.main(["my", "lab90"]) == 1 and "--labs" in capsys.readouterr().err

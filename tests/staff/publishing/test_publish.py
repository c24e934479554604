"""The git side of `course publish`: what is committed, tagged and pushed, and what is refused with nothing written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from course_staff import cli
from course_staff.publishing import publish as publishing
from course_staff.publishing.contents import _files_of
from course_staff.publishing.leaks import leaks, secret_lines
from course_staff.publishing.publish import public_address, publish

LAB = """\
# %% nbgrader={"grade_id": "double", "solution": true}
### BEGIN SOLUTION
answer = twice_the_number(21) + 0
### END SOLUTION

# %% nbgrader={"grade_id": "double_test", "points": 3}
assert answer == 42, "this line may be seen"
### BEGIN HIDDEN TESTS
assert isinstance(answer, int), "a secret"
### END HIDDEN TESTS
### HIDDEN VALUE: answer * rng.integers(9)
"""
SECRET = [
    "answer = twice_the_number(21) + 0",
    'assert isinstance(answer, int), "a secret"',
    "### HIDDEN VALUE: answer * rng.integers(9)",
    "answer = half_the_number(84)",
    "Believes that halves are doubles.",
]


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A course whose copy is two files; `monkeypatch` keeps git from a person's own settings."""
    root = tmp_path / "course"
    (root / "solutions").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.course]\nrepository = "OWNER/NAME"\nbranch = "main"\n')
    (root / "solutions" / "lab90_tiny.py").write_text(LAB)
    wrong = "# %% [double] halves\n# Believes that halves are doubles.\nanswer = half_the_number(84)\n"
    (root / "solutions" / "lab90_tiny.wrong.py").write_text(wrong)
    (root / "labs.txt").write_text("first text")

    def contents(root, address):
        lines = ['[project.scripts]\ncourse = "course_lib.cli:main"\n[tool.course]']
        lines += [f'repository = "{address.repository}"', 'branch = "main"', f'pin = "{address.branch}"']
        files = {"pyproject.toml": "\n".join(lines), "binder/postBuild": "true", "scripts/stage": "true"}
        files["labs/lab.txt"] = (root / "labs.txt").read_text()
        return {path: text.encode() for path, text in files.items()}

    monkeypatch.setattr(publishing, "contents", contents)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    return root


@pytest.fixture
def remote(tmp_path) -> Path:
    path = tmp_path / "remote"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    return path


def git(folder: Path, *command: str) -> str:
    name = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", "-C", folder, *name, *command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_new_folder_is_one_commit_with_a_tag_and_a_new_version_one_more(course, remote, tmp_path):
    copy = tmp_path / "copy"
    assert "tagged v1" in publish(course, copy, str(remote))
    assert git(copy, "log", "--format=%s") == "The course, v1"
    assert f'repository = "{remote}"' in (copy / "pyproject.toml").read_text()
    assert 'pin = "v1"' in git(copy, "show", "v1:pyproject.toml")
    assert (copy / "binder" / "postBuild").stat().st_mode & 0o111
    assert (copy / "binder" / "environment.yml").is_symlink()
    assert "nothing new" in publish(course, copy, str(remote))
    (course / "labs.txt").write_text("second text")
    assert "tagged v2" in publish(course, copy)
    assert git(copy, "tag") == "v1\nv2" and git(copy, "rev-list", "--count", "HEAD") == "2"
    assert "first" in git(copy, "show", "v1:labs/lab.txt") and "second" in (copy / "labs" / "lab.txt").read_text()
    assert git(copy, "status", "--porcelain") == ""
    # what was not pushed then is pushed by the next run, though nothing is new
    assert git(remote, "tag") == "v1"
    publish(course, copy, str(remote))
    assert git(remote, "tag") == "v1\nv2" and git(remote, "rev-parse", "main") == git(copy, "rev-parse", "HEAD")


def test_a_lost_folder_goes_on_from_what_was_pushed(course, remote, tmp_path):
    publish(course, tmp_path / "first", str(remote))
    (course / "labs.txt").write_text("second text")
    assert cli_publish(course, tmp_path / "second", "--push", str(remote), "--tag", "autumn") == 0
    assert git(remote, "tag") == "autumn\nv1" and git(remote, "rev-list", "--count", "main") == "2"
    with pytest.raises(ValueError, match="expected a new name such as v2, got 'v1'"):
        publish(course, tmp_path / "second", tag="v1")


def cli_publish(course: Path, *arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(course)
        return cli.main(["publish", *map(str, arguments)])


@pytest.mark.parametrize("line", [*SECRET, "### BEGIN SOLUTION", "see lab90_tiny.wrong.py"])
def test_a_secret_in_the_copy_stops_everything(course, remote, tmp_path, capsys, line):
    (course / "labs.txt").write_text(f"a first line\n    {line}\n")
    assert cli_publish(course, tmp_path / "copy", "--push", remote) == 1
    told = capsys.readouterr().err
    assert "nothing was published" in told and "labs/lab.txt" in told
    assert not (tmp_path / "copy").exists() and git(remote, "branch") == ""


def test_a_secret_in_the_history_stops_everything(course, remote, tmp_path):
    copy = tmp_path / "copy"
    publish(course, copy, str(remote))
    (copy / "solutions").mkdir()
    (copy / "solutions" / "lab.py").write_text("anything")
    git(copy, "add", ".")
    git(copy, "commit", "-m", "by mistake")
    git(copy, "rm", "-r", "solutions")
    git(copy, "commit", "-m", "undone")
    with pytest.raises(ValueError, match=r"history .*\n  solutions/lab.py: a file of the staff"):
        publish(course, copy)


def test_folders_of_others_and_changes_are_left_alone(course, tmp_path):
    with pytest.raises(ValueError, match="outside this course"):
        publish(course, course / "copy", "/somewhere")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="choose another folder"):
        publish(course, other, "/somewhere")
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    with pytest.raises(ValueError, match="say where students will find the copy"):
        publish(course, tmp_path / "copy")
    with pytest.raises(ValueError, match="git ls-remote failed"):
        publish(course, tmp_path / "copy", str(tmp_path / "nowhere"))
    assert not (tmp_path / "copy").exists()
    (course / "pyproject.toml").write_text('[tool.course]\nrepository = "ada/course"\nbranch = "main"\n')
    publish(course, tmp_path / "copy")
    assert 'repository = "ada/course"' in (tmp_path / "copy" / "pyproject.toml").read_text()
    (tmp_path / "copy" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not committed"):
        publish(course, tmp_path / "copy")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/ada/course.git", "ada/course"),
        ("https://ada:token@github.com/ada/course", "ada/course"),
        ("git@github.com:ada/course.git", "ada/course"),
        ("ssh://git@gitlab.com/ada/course.git", "https://gitlab.com/ada/course.git"),
        ("https://token@gitlab.com/ada/course.git", "https://gitlab.com/ada/course.git"),
        ("/folder/course", "/folder/course"),
    ],
)
def test_students_get_an_address_without_the_password_that_pushes(url, address):
    assert public_address(url) == address


def test_what_is_no_address_is_refused():
    with pytest.raises(ValueError, match="expected an address"):
        public_address("origin")


def test_secret_is_what_stands_nowhere_that_students_may_read(course):
    assert secret_lines(course, []) == set(SECRET)
    assert secret_lines(course, [b'{"a": ["x\\nanswer = half_the_number(84)"]}']) == set(SECRET) - {SECRET[3]}


def test_a_leak_is_found_inside_a_notebook_and_not_in_a_picture():
    secret = frozenset(['text = "a line" + """quotes"""'])
    notebook = b'{"cells": [{"source": "x = 1\\n    text = \\"a line\\" + \\"\\"\\"quotes\\"\\"\\""}]}'
    assert leaks([("labs/lab.ipynb", notebook)], secret) == ['labs/lab.ipynb: text = "a line" + """quotes"""']
    assert leaks([("labs/lab.ipynb", notebook), ("picture.png", b"\x89PNG\xff")], frozenset(["other"])) == []
    assert len(leaks([("course_staff/x.py", b""), ("a/gradebook.db", b""), ("a/b.wrong.py", b"")], frozenset())) == 3


def test_a_persons_notes_beside_the_labs_stay_at_home_and_a_new_module_goes_along(tmp_path):
    git(tmp_path, "init", "--quiet")
    for name in ("labs/lab90/picture.png", "labs/notes.txt", "course_lib/new.py", "course_lib/__pycache__/new.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    git(tmp_path, "add", "labs/lab90")
    assert _files_of(tmp_path, ["labs"], "--cached") == ["labs/lab90/picture.png"]
    options = ("--cached", "--others", "--exclude-standard")
    assert _files_of(tmp_path, ["course_lib", "LICENSE"], *options) == ["course_lib/new.py"]

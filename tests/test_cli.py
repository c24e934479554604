"""The command `course`: what each subcommand calls, its exit codes, what it says when something is amiss."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from course_lib import doctor, project
from course_lib.doctor import FAIL, OK, WARN, Finding
from course_staff import cli
from course_staff.authoring import source
from course_staff.authoring.relink import relink

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = """\
[project]
name = "course_lib"
repository = "not this one"

[tool.course]
# where the course lives
repository = "OWNER/NAME"
branch = "main"

[tool.other]
repository = "nor this one"
"""


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A folder that looks like the course, and is the current one."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "labs").mkdir()
    monkeypatch.chdir(tmp_path / "labs")
    return tmp_path


def _module(monkeypatch, name: str, **functions) -> None:
    monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**functions))


def test_version_comes_without_importing_anything_heavy():
    code = "import sys, course_staff.cli as c\ntry: c.main(['--version'])\n"
    code += "except SystemExit: print(*sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "course_lib 0.2.0" in result.stdout
    assert not {"torch", "numpy", "nbgrader", "nbformat"} & set(result.stdout.split())


@pytest.mark.parametrize(("topic", "level", "code"), [("sandbox", WARN, 1), ("address", WARN, 0), ("sandbox", OK, 0)])
def test_the_staffs_doctor_fails_where_nobody_could_grade(monkeypatch, topic, level, code):
    monkeypatch.setattr(doctor, "checkup", lambda more=None: [Finding(topic, level, "message")])
    assert cli.main(["doctor", "--staff"]) == code
    assert cli.main(["doctor"]) == 0


@pytest.mark.parametrize(("levels", "code"), [([OK, OK], 0), ([OK, WARN], 0), ([WARN, FAIL], 1)])
def test_doctor_fails_only_on_fail(monkeypatch, capsys, levels, code):
    monkeypatch.setattr(doctor, "checkup", lambda more=None: [Finding("topic", level, "message") for level in levels])
    assert cli.main(["doctor"]) == code
    assert capsys.readouterr().out.count("message") == len(levels)


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_data_passes_its_arguments_on(monkeypatch, returned, code):
    seen = []
    commands = types.SimpleNamespace(main=lambda arguments: seen.append(arguments) or returned)
    monkeypatch.setitem(sys.modules, "course_lib.data.commands", commands)
    monkeypatch.setattr("course_lib.data.commands", commands, raising=False)
    assert cli.main(["data", "fetch", "ixi_t1", "--help"]) == code
    assert seen == [["fetch", "ixi_t1", "--help"]]


@pytest.mark.parametrize(
    ("arguments", "labs", "check"),
    [
        (["build"], None, False),
        (["build", "--check"], None, True),
        (["build", "lab01", "lab02"], ["lab01", "lab02"], False),
    ],
)
def test_build(monkeypatch, course, arguments, labs, check):
    seen = []
    _module(monkeypatch, "course_staff.authoring.build", build=lambda *a, **k: seen.append((a, k)) or 1)
    assert cli.main(arguments) == 1
    assert seen == [((course, labs), {"check": check, "force": False, "keep": False})]


def test_check(monkeypatch, course):
    seen = []
    _module(monkeypatch, "course_staff.proof.check", check=lambda *a, **k: seen.append((a, k)) or 0)
    assert cli.main(["check", "lab00", "--workers", "3"]) == 0
    assert cli.main(["check", "--verbose"]) == 0
    assert seen == [
        ((course, ["lab00"]), {"workers": 3, "verbose": False}),
        ((course, None), {"workers": 2, "verbose": True}),
    ]


def test_check_with_no_workers_says_so(monkeypatch, course, capsys):
    _module(monkeypatch, "course_staff.proof.check", check=lambda *a, **k: pytest.fail("was run"))
    assert cli.main(["check", "--workers", "0"]) == 1
    assert "expected 1 or more, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["build"], ["check"], ["relink", "ada/course"]])
def test_without_the_instructor_extra_it_says_what_to_install(monkeypatch, course, capsys, arguments):
    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.startswith(("nbgrader", "jupytext", "nbformat")):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in list(sys.modules):
        if name.startswith(("nbgrader", "jupytext", "nbformat", "course_staff.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    assert cli.main(arguments) == 1
    assert 'pip install "course_lib[instructor]"' in capsys.readouterr().err
    assert "OWNER/NAME" in (course / "pyproject.toml").read_text(), "relinked by half"


def test_another_missing_module_is_not_blamed_on_the_extra(monkeypatch, course):
    def build(*arguments, **options):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    _module(monkeypatch, "course_staff.authoring.build", build=build)
    with pytest.raises(ModuleNotFoundError, match="torch"):
        cli.main(["build"])


def test_outside_the_course_it_says_where_to_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project, "__file__", str(tmp_path / "site-packages" / "course_lib" / "project.py"))
    assert cli.main(["build"]) == 1
    assert "inside the course's folder" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["relink"], ["check", "--workers", "two"]])
def test_wrong_arguments_exit_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2 and "usage: course" in capsys.readouterr().err


def test_arguments_default_to_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["course", "--version"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 0 and capsys.readouterr().out == "course_lib 0.2.0\n"


@pytest.mark.parametrize("repository", ["ada/course", "https://host/ada/course.git", "file:///a/b", "/a/b"])
def test_relink_changes_one_line_and_builds(monkeypatch, course, repository):
    built = []
    _module(monkeypatch, "course_staff.authoring.build", build=lambda root: built.append(root) or 0)
    assert cli.main(["relink", repository]) == 0
    assert built == [course]
    assert (course / "pyproject.toml").read_text() == PYPROJECT.replace("OWNER/NAME", repository)
    assert project.course_address(course) == (repository, "main")
    # again, from an address that is no placeholder any more
    relink(course, "grace/course")
    assert project.course_address(course)[0] == "grace/course"


def test_relink_pins_the_tag_else_the_commit_of_this_copy(monkeypatch, course):
    _module(monkeypatch, "course_staff.authoring.build", build=lambda root: 0)

    def git(*command: str) -> str:
        name = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(["git", *name, *command], cwd=course, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def pinned() -> str:
        return source.Address.of(course).branch

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "labs")
    relink(course, "ada/course")
    assert pinned() == git("rev-parse", "HEAD")
    git("tag", "v1.2")
    relink(course, "ada/course")
    assert pinned() == "v1.2" and (course / "pyproject.toml").read_text().count("pin =") == 1
    assert cli.main(["relink", "ada/course", "--pin", "autumn"]) == 0 and pinned() == "autumn"
    assert cli.main(["relink", "ada/course", "--pin", ""]) == 0 and pinned() == "main"
    assert (course / "pyproject.toml").read_text() == PYPROJECT.replace("OWNER/NAME", "ada/course")
    with pytest.raises(ValueError, match="expected a tag or a commit"):
        relink(course, "ada/course", '-x"')


@pytest.mark.parametrize("repository", ["", "course", "a/b/c", 'a"/b', "a/b\nx", "-x", "a b/c", "https:// x"])
def test_relink_refuses_what_is_no_address_and_writes_nothing(monkeypatch, course, capsys, repository):
    _module(monkeypatch, "course_staff.authoring.build", build=lambda root: pytest.fail("built"))
    with pytest.raises(ValueError, match="expected OWNER/NAME"):
        relink(course, repository)
    assert (course / "pyproject.toml").read_text() == PYPROJECT


def test_relink_without_the_line_says_what_is_missing(monkeypatch, course, capsys):
    _module(monkeypatch, "course_staff.authoring.build", build=lambda root: pytest.fail("built"))
    text = PYPROJECT.replace('repository = "OWNER/NAME"\n', "")
    (course / "pyproject.toml").write_text(text)
    assert cli.main(["relink", "ada/course"]) == 1
    assert "[tool.course]" in capsys.readouterr().err
    assert (course / "pyproject.toml").read_text() == text


def test_project_root_is_found_from_below_and_from_the_library(monkeypatch, course, tmp_path_factory):
    assert project.project_root() == course
    assert project.project_root(course / "labs") == course
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "pyproject.toml").write_text("not [valid")
    assert project.project_root(elsewhere) is None
    monkeypatch.chdir(elsewhere)
    assert project.project_root() == ROOT

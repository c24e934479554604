"""The commands `course grade …`: what each calls, its exit code, what it says; and `release` on a small lab."""

from __future__ import annotations

import shutil
import sys
import types
from pathlib import Path

import pytest

from course_staff import cli, commands
from course_staff.course import Course

ROOT = Path(__file__).resolve().parents[2]
LAB = "lab42_doubling"
SOURCE = """\
# %% [markdown]
# # Lab 42: Doubling

# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "double_test", "points": 2}
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(7) == 14
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "points": 3}
# Because.
"""


@pytest.fixture
def root(tmp_path) -> Path:
    """A small course with one lab."""
    folder = tmp_path / "course"
    (folder / "solutions").mkdir(parents=True)
    (folder / "solutions" / f"{LAB}.py").write_text(SOURCE)
    (folder / "solutions" / f"{LAB}.wrong.py").write_text("")
    (folder / "solutions" / "lab43_other.py").write_text(SOURCE)
    for name in ("pyproject.toml", "nbgrader_config.py"):
        shutil.copy(ROOT / name, folder)
    return folder


STAGES = dict.fromkeys(("run", "status"), "running") | dict.fromkeys(("collect",), "handin") | {"release": "gradebook"}
STAGES |= dict.fromkeys(("similar", "feedback", "report", "export"), "reports")


@pytest.fixture
def called(monkeypatch, root):
    """Replaces a module by a recorder of its one function; returns what it was called with."""
    calls = []

    def replace(module: str, answer, name: str | None = None):
        def record(*given, **named):
            calls.append((given, named))
            if isinstance(answer, BaseException):
                raise answer
            return answer

        whole = f"course_staff.{STAGES[module]}.{module}"
        monkeypatch.setitem(sys.modules, whole, types.SimpleNamespace(**{name or module: record}))
        return calls

    return replace


def grade(root: Path, command: str, *arguments: str) -> int:
    return cli.main(["grade", command, "--course", str(root), *arguments])


def test_run_hands_over_every_option_and_the_full_name_of_the_lab(called, root, capsys):
    class Summary:
        exit_code = 0

        def __str__(self) -> str:
            return "all is graded"

    calls = called("run", Summary())
    called("report", [Path("report.html")])
    assert grade(root, "run", "lab42") == 0
    options = ["--workers", "3", "--resume", "--dask", "tcp://a:1", "--student", "x", "--student", "y"]
    options += [
        "--dask-wait",
        "9",
        "--exercise",
        "double",
        "--late-penalty",
        "0.1",
        "--cell-seconds",
        "5",
        "--submission-seconds",
        "50",
        "--quiet",
        "--unsafe-no-sandbox",
    ]
    assert grade(root, "run", "lab42", *options) == 0
    (course, lab), plain = calls[0]
    assert (course, lab) == (Course.open(root), LAB)
    assert plain == {
        "workers": None,
        "resume": False,
        "dask": None,
        "dask_wait": None,
        "students": None,
        "exercise": None,
        "late_penalty": None,
        "unsafe": False,
        "cell_seconds": None,
        "submission_seconds": None,
        "progress": True,
    }
    assert calls[2][1] == {
        "workers": 3,
        "resume": True,
        "dask": "tcp://a:1",
        "dask_wait": 9.0,
        "students": ["x", "y"],
        "exercise": "double",
        "late_penalty": 0.1,
        "unsafe": True,
        "cell_seconds": 5.0,
        "submission_seconds": 50.0,
        "progress": False,
    }
    assert capsys.readouterr().out.split("\n")[:2] == ["all is graded", "report.html"]


def test_an_interrupted_run_leaves_130_and_no_report(called, root):
    called("run", types.SimpleNamespace(exit_code=130))
    calls = called("report", [])
    assert grade(root, "run", LAB) == 130
    assert len(calls) == 1, "run only"


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "--resume"),
        (RuntimeError("bubblewrap is not installed"), 1, "course grade status: bubblewrap is not installed"),
        (ValueError("no such student"), 2, "course grade status: no such student"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (ModuleNotFoundError("x", name="nbgrader.api"), 1, "course_lib[instructor]"),
        (ModuleNotFoundError("x", name="distributed"), 1, "course_lib[dask]"),
        (ModuleNotFoundError("x", name="psycopg2"), 1, "course_lib[postgresql]"),
    ],
)
def test_trouble_is_said_in_words_with_its_exit_code(called, root, capsys, trouble, code, words):
    called("run", trouble, "status")
    assert grade(root, "status", "lab42") == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("waits", [False, True])
def test_status_leaves_1_where_something_waits(called, root, waits):
    called("run", types.SimpleNamespace(waits=waits), "status")
    assert grade(root, "status", "lab42") == int(waits)


def test_a_run_whose_summary_nobody_reads_still_has_its_report(called, root, capsys):
    class Summary:
        exit_code = 0

        def __str__(self) -> str:
            raise BrokenPipeError(32, "nobody reads")

    called("run", Summary())
    calls = called("report", [Path("report.html")])
    assert grade(root, "run", "lab42") == 1
    assert "nobody reads" in capsys.readouterr().err, "standard output is whole here: it is some other pipe"
    assert len(calls) == 2, "run and report"


def test_extend_hands_over_what_was_given(root, monkeypatch, capsys):
    calls = []
    module = types.SimpleNamespace(extend=lambda *given, **named: calls.append((given, named)) or "granted")
    monkeypatch.setitem(sys.modules, "course_staff.gradebook.extensions", module)
    assert grade(root, "extend", "lab42", "jane", "--days", "3") == 0
    assert calls == [((Course.open(root), LAB, "jane"), {"days": 3, "until": None})]
    assert capsys.readouterr().out == "granted\n"


def test_a_mistake_of_ours_is_not_hidden(called, root):
    called("run", KeyError("ours"), "status")
    with pytest.raises(KeyError):
        grade(root, "status", "lab42")
    called("run", ModuleNotFoundError("x", name="course_lib.nothing"), "status")
    with pytest.raises(ModuleNotFoundError):
        grade(root, "status", "lab42")


@pytest.mark.parametrize("name", ["lab4", "lab99", "", "LAB42"])
def test_a_lab_is_named_without_doubt(called, root, capsys, name):
    calls = called("run", "", "status")
    assert grade(root, "status", name) == 2
    assert not calls
    assert LAB in capsys.readouterr().err


def test_outside_of_a_course_that_is_said(monkeypatch, capsys):
    monkeypatch.setattr(commands, "project_root", lambda: None)
    assert cli.main(["grade", "collect", "lab42", "class.zip"]) == 2
    assert "--course" in capsys.readouterr().err


def test_export_writes_the_very_text(called, root, tmp_path, capsysbinary):
    calls = called("export", "a,b\r\nü,1\r\n")
    assert grade(root, "export", "lab42", "lab43", "--format", "canvas", "--anonymous", "--out", f"{tmp_path}/x") == 0
    assert calls[0][1] == {"format": "canvas", "labs": [LAB, "lab43_other"], "anonymous": True}
    assert (tmp_path / "x").read_bytes() == "a,b\r\nü,1\r\n".encode()
    assert grade(root, "export") == 0
    assert calls[1][1]["labs"] is None
    assert "ü,1" in capsysbinary.readouterr().out.decode()


def test_similar_feedback_and_report_print_what_they_made(called, root, capsys):
    called("similar", "a and b")
    called("feedback", [Path("one.html"), Path("two.html")])
    called("report", [Path("report.html")])
    for command in ("similar", "feedback", "report"):
        assert grade(root, command, "lab42") == 0
    assert capsys.readouterr().out.split() == ["a", "and", "b", "one.html", "two.html", "report.html"]


def test_collect_leaves_1_where_a_person_must_look(root, tmp_path, capsys):
    source = tmp_path / "class"
    (source / "jane").mkdir(parents=True)
    (source / "jane" / f"{LAB}.ipynb").write_text('{"cells": [{}]}')
    assert grade(root, "collect", "lab42", str(source)) == 0
    assert "1 collected, 0 rejected" in capsys.readouterr().out
    (source / "ben").mkdir()
    assert grade(root, "collect", "lab42", str(source)) == 1
    assert "ben" in capsys.readouterr().out
    assert grade(root, "collect", "lab42", str(source), "--max-mb", "0.00001") == 1
    assert grade(root, "collect", "lab42", str(source), "--zone", "Mars/Phobos") == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_release_derives_the_student_version_and_enters_the_lab(root, capsys):
    assert grade(root, "release", "lab42", "--due", "2026-11-30 23:59 Europe/Vienna") == 0
    assert "written" in capsys.readouterr().out
    notebook = root / "labs" / LAB / f"{LAB}.ipynb"
    text = notebook.read_text()
    assert "return 2 * x" not in text and "double(7)" not in text and "Because" not in text
    assert "assert double(2) == 4" in text
    with Course.open(root).gradebook() as gradebook:
        assignment = gradebook.find_assignment(LAB)
        assert str(assignment.duedate) == "2026-11-30 22:59:00"
        assert [(cell.name, cell.max_score) for cell in assignment.notebooks[0].grade_cells] == [
            ("double_test", 2),
            ("why", 3),
        ]
        gradebook.add_student("jane")
        gradebook.add_submission(LAB, "jane")
        gradebook.find_grade("double_test", LAB, LAB, "jane").auto_score = 2
        gradebook.db.commit()
    fixed = SOURCE.replace("double(2) == 4", "double(2) == 4, 'two times two'")
    (root / "solutions" / f"{LAB}.py").write_text(fixed)
    assert grade(root, "release", "lab42") == 0
    assert "two times two" in notebook.read_text()
    with Course.open(root).gradebook() as gradebook:
        assert gradebook.find_submission(LAB, "jane").score == 2, "marks stay"
        assert str(gradebook.find_assignment(LAB).duedate) == "2026-11-30 22:59:00"
    before = notebook.read_bytes()
    (root / "solutions" / f"{LAB}.py").write_text(SOURCE.replace("double", "twice"))
    assert grade(root, "release", "lab42") == 1
    assert "nbgrader" in capsys.readouterr().err
    assert notebook.read_bytes() == before


@pytest.mark.parametrize("due", ["next Friday", "2026-11-30", "11/12/2026 23:59"])
def test_a_wrong_due_date_changes_nothing(root, capsys, due):
    assert grade(root, "release", "lab42", "--due", due) == 2
    assert "--due" in capsys.readouterr().err
    assert not (root / "gradebook.db").exists() and not (root / "labs").exists()

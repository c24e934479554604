"""The walk through INSTRUCTORS.md: its commands, as they are printed, on a class of four, from release to total."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from classroom import handed_in, scratch

from course_staff import cli
from course_staff.course import Course
from course_staff.gradebook.marks import read_marks
from course_staff.marking.reading import read_lab_to_grade
from course_staff.sandbox import sandbox as sandboxes

PROBLEM = sandboxes.problem()
pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=f"sandbox: {PROBLEM}")

TEXT = (Path(__file__).resolve().parents[2] / "INSTRUCTORS.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines() if line.startswith("course grade ")]
PATH = next(block for block in BLOCKS if "course grade release" in block).splitlines()
CLASS = "id,first,last,email,lms\nadams,Alice,Adams,,1\nbrown,Bob,Brown,,2\nclark,Cleo,Clark,,3\ndavis,Dan,Davis,,4\n"
MEDDLES = "import gc, sys\nsys.settrace(None)\nfound = gc.get_objects()\ndef sign(x):\n    return 1\n"


def printed(command: str) -> list[str]:
    """The arguments of the one line of the handbook that begins so."""
    (line,) = [line for line in PATH if re.match(rf"course grade {command}\b", line)]
    return shlex.split(line, comments=True)[1:]


@pytest.fixture
def course(tmp_path, monkeypatch) -> Course:
    """One who is right, one who meddles, one who sends a picture, one who sends nothing."""
    root = scratch.make_course(tmp_path / "course")
    (root / "README.md").write_text("# Course\n<!-- labs:begin -->\n<!-- labs:end -->\n")
    cells = read_lab_to_grade(root, scratch.NAME, secret="any").cells
    right = scratch.Paper(cells, scratch.ANSWERS).bytes()
    meddling = scratch.Paper(cells, scratch.ANSWERS | {"sign": MEDDLES}).bytes()
    name = f"{scratch.NAME}.ipynb"
    files = {f"adams/{name}": right, f"brown/{name}": meddling, "clark/answers.pdf": b"%PDF-1.4"}
    (root / "submissions.zip").write_bytes(handed_in.zipped(files))
    (root / "class.csv").write_text(CLASS)
    monkeypatch.chdir(root)
    return Course.open(root)


@pytest.fixture
def walk(course, capfd):
    """Runs a line of the handbook; returns its exit code and what it printed."""

    def run(command: str, *more: str) -> tuple[int, str]:
        arguments = [scratch.NAME if word == "lab02" else word for word in printed(command)] + list(more)
        code = cli.main(arguments)
        return code, "".join(capfd.readouterr())

    return run


def test_every_line_of_the_path_of_a_lab(course, walk):
    code, _ = walk("release")
    assert code == 0 and (course.root / "labs" / scratch.NAME / f"{scratch.NAME}.ipynb").exists()
    code, told = walk("collect")
    assert code == 1 and "answers.pdf" in told, "a PDF is rejected, and somebody must see it"
    code, told = walk("run")
    assert (course.grading(scratch.NAME) / "report.html").exists() and "2 graded" in told

    code, told = walk("status")
    assert code == 1 and "look at this: brown" in told and "missing: " in told and "clark" in told
    assert walk("seen")[0] == 0  # adams, who is not flagged
    assert "look at this: brown" in walk("status")[1]
    cli.main(["grade", "seen", scratch.NAME, "brown"])
    code, told = walk("status")
    assert "look at this" not in told and "written answers wait" in told and code == 1

    # formgrader's part: a person grades the written answers, and rejected work is settled with the student
    with course.gradebook() as book:
        for student in ("adams", "brown"):
            grade = book.find_grade("why", scratch.NAME, scratch.NAME, student)
            grade.manual_score, grade.needs_manual_grade = 2, False
        book.db.commit()
    (course.grading(scratch.NAME) / "rejected.csv").unlink()
    assert walk("status")[0] == 0, "nothing waits any more"

    assert walk("similar")[0] == 0
    assert walk("feedback")[0] == 0
    page = (course.root / "feedback" / "brown" / scratch.NAME / f"{scratch.NAME}.html").read_text()
    assert "zero has no sign" in page or "sign of -3" in page
    assert scratch.TREASURE not in page
    code, _ = walk("export")
    table = (course.root / "marks.csv").read_text()
    assert code == 0 and "8" in next(line for line in table.splitlines() if "Adams" in line)
    code, told = walk("total")
    assert code == 0 and "adams" in told


def test_the_lines_on_more_time(course, walk):
    walk("release")
    walk("collect")
    walk("run", "--late-penalty", "0.1")
    adams, brown = (line for line in LINES if "extend" in line)
    for line in (adams, brown):
        assert cli.main([scratch.NAME if word == "lab02" else word for word in shlex.split(line)[1:]]) == 0
    with course.gradebook() as book:
        marks = {mark.student: mark for mark in read_marks(book, scratch.NAME)}
    assert marks["adams"].mark == 6, "the written answer still waits"


def test_every_command_of_the_handbook_is_one(capsys):
    named = set(re.findall(r"course grade ([a-z]+)", TEXT))
    assert {"release", "collect", "run", "status", "seen", "feedback", "export"} <= named
    for name in named:
        with pytest.raises(SystemExit) as stopped:
            cli.main(["grade", name, "--help"])
        assert stopped.value.code == 0
        known = capsys.readouterr().out
        for option in re.findall(rf"course grade {name}\b[^`\n#]*?(--[a-z-]+)", TEXT):
            assert option in known, f"course grade {name} knows no {option}"

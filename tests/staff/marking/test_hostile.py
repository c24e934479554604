"""The hostile suite: whatever a student hands in gets the mark it must, and nothing else of the course is touched.

Submissions and marks stand in tests/classroom/: row by row those of the grading notes (hostile.py), and our own.
"""

import json
import os
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbconvert.filters import markdown2html

pytest.importorskip("nbgrader")

from classroom import careful, clever_meddling, hostile, lab02, scratch, suite

from course_staff.course import Course
from course_staff.handin import collect
from course_staff.marking.grade import Graded, grade, with_expected
from course_staff.marking.reading import read_lab_to_grade
from course_staff.sandbox import sandbox as sandboxes
from course_staff.sandbox.limits import Limits
from course_staff.sandbox.sandbox import Sandbox

PROBLEM = sandboxes.problem()
pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=f"sandbox: {PROBLEM}")

SECRET = "the secret of this class"
LIMITS = Limits(cell_seconds=3, submission_seconds=40, memory=3 * 2**29)
SLOWEST = 60  # seconds for one submission, whatever it does
MESSAGE = 4_000  # characters that one message to a student may have
CONTROL = {chr(code) for code in range(32)} - set("\n\t")
RUNS = r"<(script|iframe|svg|form|style|object|embed)|<[^>]*\son\w+\s*=|(href|src)=.\s*javascript\s*(:|&#|&colon)"
NOTEBOOK = 3_000_000  # bytes of one autograded notebook


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return scratch.make_course(tmp_path_factory.mktemp("course") / "course")


@pytest.fixture(scope="module")
def lab_and_sandbox(root):
    lab = read_lab_to_grade(root, scratch.NAME, secret=SECRET)
    with Sandbox(lab.modules, limits=LIMITS) as sandbox:
        yield with_expected(lab, sandbox), sandbox


@pytest.mark.parametrize("submission", suite.ALL, ids=lambda submission: submission.name)
def test_it_gets_the_mark_that_it_must(submission, lab_and_sandbox):
    lab, sandbox = lab_and_sandbox
    content, start = submission.content(lab.cells), time.perf_counter()
    graded = grade(content, lab, sandbox, student="someone")
    assert time.perf_counter() - start < SLOWEST
    assert_can_be_stored(graded)
    if graded.rejected and submission.rejected:
        assert len(graded.rejected) > 10 and not graded.marks, "a reason in words, and no mark at all"
        return
    assert submission.rejected != "yes" and not graded.rejected
    given = {name: mark for name, mark in graded.marks.items() if name != "why"}
    wanted = {name: given.get(name) if mark is None else mark for name, mark in submission.marks.items()}
    assert given == wanted, (graded.messages, graded.problems)
    assert_nothing_was_seen(graded)
    assert not daemons(), "nothing that a submission started is alive after it"
    if submission.spoil.__module__ == clever_meddling.__name__:
        assert graded.look, "a person is asked to look at it"
    if submission.spoil.__module__ == careful.__name__:
        assert not graded.look, "nobody is suspected"


def assert_can_be_stored(graded: Graded) -> None:
    """As UTF-8 in a file, as text in any database, as a valid notebook of a sane size."""
    text = graded.to_json()
    assert Graded.from_json(text) == graded
    told = [*graded.messages.values(), *graded.problems, *graded.fingerprints.values(), graded.rejected]
    everything = list(texts([json.loads(text), json.loads(graded.notebook or "{}")]))
    for item in everything:
        item.encode()  # no half characters
        assert "\x00" not in item, "PostgreSQL takes no text with a zero in it"
    assert not any(set(item) & CONTROL for item in told), "words for people have no control characters"
    assert all(len(message) < MESSAGE for message in told)
    assert len(graded.notebook) < NOTEBOOK
    if graded.notebook:
        notebook = nbformat.reads(graded.notebook, as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)


def texts(item) -> Iterator[str]:
    """All texts in JSON, keys too."""
    if isinstance(item, str):
        yield item
    elif isinstance(item, dict):
        for key, value in item.items():
            yield key
            yield from texts(value)
    elif isinstance(item, list):
        for value in item:
            yield from texts(value)


def assert_nothing_was_seen(graded: Graded) -> None:
    notebook = json.loads(graded.notebook)
    shown = json.dumps([cell.get("outputs") for cell in notebook["cells"]])
    assert "REACHED" not in shown
    assert scratch.TREASURE not in json.dumps(graded.messages), "hidden tests are nothing for a student"
    everything = graded.to_json().casefold()
    assert "treasure" not in json.dumps(graded.messages) and "erusaert" not in everything
    assert SECRET not in graded.to_json()


def daemons() -> list[str]:
    """Processes of this machine that a submission of ours left behind."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:  # it ended while we looked
            continue
    return [line for line in found if hostile.DAEMON in line]


def test_every_row_of_the_grading_notes_is_here():
    at_the_door = {"18", "19", "20"}  # below: what is refused when it is collected
    assert {submission.row for submission in suite.ALL} | at_the_door >= {str(row) for row in range(1, 37)}
    assert sum(submission.row == "own" for submission in suite.ALL) >= 14


def test_the_same_submission_gets_the_same_result_whatever_was_graded_before_it(lab_and_sandbox):
    lab, sandbox = lab_and_sandbox
    results = []
    for name in ("correct", "leaves_notes", "correct", "attacks_its_parents", "correct"):
        graded = grade(suite.BY_NAME[name].content(lab.cells), lab, sandbox, student="someone")
        results.append(json.loads(graded.to_json()) | {"seconds": 0, "peak_memory": 0})
    assert results[0] == results[2] == results[4]


def test_nothing_of_a_student_runs_in_the_formgrader(lab_and_sandbox):
    """Which shows Markdown and outputs as they are, in the origin of the instructor's JupyterLab."""
    lab, sandbox = lab_and_sandbox
    notebook = json.loads(grade(suite.BY_NAME["scripts"].content(lab.cells), lab, sandbox).notebook)
    shown = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] != "code"]
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            shown += [text for kind, text in output.get("data", {}).items() if kind != "text/plain"]
            assert set(output.get("data", {})) <= {"text/plain", "text/html", "image/png", "image/jpeg"}
    page = "\n".join(markdown2html(text) for text in shown)
    assert not re.search(RUNS, page, re.IGNORECASE)
    assert "\\href{" not in page, "MathJax would make a link of it"
    assert "Because" in page, "what is harmless stays"


def test_files_that_are_refused_at_the_door_get_a_row_and_no_mark(root, tmp_path):
    course, cells = Course.open(root), read_lab_to_grade(root, scratch.NAME, secret=SECRET).cells
    gradebook = tmp_path / "gradebook.db"
    gradebook.write_bytes(b"all grades")
    right = suite.BY_NAME["correct"].content(cells)
    source, file = tmp_path / "source", f"{scratch.NAME}.ipynb"
    no_notebook = ("renamed", "missing", "link", "hardlink", "pipe", "folder")
    for student in ("cut", "empty", "tomorrow", "huge", "fine", *no_notebook):
        (source / student).mkdir(parents=True)
        if student not in no_notebook:
            (source / student / file).write_bytes(right)
    (source / "cut" / file).write_bytes(right[:300])
    (source / "empty" / file).write_bytes(b"")
    (source / "renamed" / "thesis.docx").write_bytes(right)
    (source / "missing" / "data.bin").symlink_to(gradebook)
    (source / "tomorrow" / "timestamp.txt").write_text("tomorrow, I hope")
    (source / "link" / file).symlink_to(gradebook)
    os.link(gradebook, source / "hardlink" / file)
    os.mkfifo(source / "pipe" / file)
    (source / "huge" / file).write_bytes(right + b" " * 21_000_000)
    (source / "folder" / file).mkdir()
    collection = collect.collect(course, scratch.NAME, source)
    assert [row.student for row in collection.accepted] == ["fine"]
    why = {row.student: row.reason for row in collect.rejections(course, scratch.NAME)}
    assert why.keys() == {path.name for path in source.iterdir()} - {"fine"}
    assert all(len(reason) > 10 for reason in why.values())
    assert gradebook.read_bytes() == b"all grades"
    stored = [path for path in (root / "submitted").rglob("*") if not path.is_dir()]
    assert {path.name for path in stored} <= {file, "timestamp.txt"} and not any(path.is_symlink() for path in stored)


@pytest.mark.parametrize("table", [True, False], ids=["a table of students", "no table"])
def test_nobody_hands_in_for_another(tmp_path, table):
    course, file = Course.open(scratch.make_course(tmp_path / "course")), f"{scratch.NAME}.ipynb"
    cells = read_lab_to_grade(course.root, scratch.NAME, secret=SECRET).cells
    alice, eve = (suite.BY_NAME[name].content(cells) for name in ("correct", "two_wrong"))
    source = tmp_path / "source"
    moodle, canvas = f"Alice Adams_11_assignsubmission_file_/{file}", f"adamsalice_11_99999_{file}"
    forged = (moodle, canvas, f"alice/{file}", f"alice_{file}")
    for path in (f"alice/{file}", *(f"eve/{name}" for name in forged)):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(alice if path.startswith("alice/") else eve)
        os.utime(source / path, (1.7e9, 1.7e9) if path.startswith("alice/") else (1.8e9, 1.8e9))
    with zipfile.ZipFile(source / "eve.zip", "w") as packed:
        for name in (*forged, f"../alice/{file}", f"/submitted/alice/{file}"):
            packed.writestr(name, eve)
    people = tmp_path / "students.csv"
    people.write_text("id,first,last,email,lms\nalice,Alice,Adams,alice@x.org,11\neve,Eve,Evans,eve@x.org,12\n")
    collect.collect(course, scratch.NAME, source, people if table else None)
    assert (course.submitted("alice", scratch.NAME) / file).read_bytes() == alice
    assert {path.name for path in (course.root / "submitted").iterdir()} == {"alice", "eve"}


@pytest.fixture(scope="module")
def lab_02_and_sandbox():
    lab = read_lab_to_grade(scratch.ROOT, lab02.NAME, secret=SECRET)
    with Sandbox(lab.modules, limits=Limits(cell_seconds=20, submission_seconds=60)) as sandbox:
        yield with_expected(lab, sandbox), sandbox


@pytest.mark.parametrize("name", lab02.SUBMISSIONS)
def test_lab_02(name, lab_02_and_sandbox):
    lab, sandbox = lab_02_and_sandbox
    spoil, lost = lab02.SUBMISSIONS[name]
    paper = scratch.Paper(lab.cells, {cell.exercise: cell.solution for cell in lab.graded})
    spoil(paper)
    graded = grade(paper.bytes(), lab, sandbox, student="someone")
    assert_can_be_stored(graded)
    tests = [cell for cell in lab.graded if not cell.by_hand]
    wanted = {cell.name: lost.get(cell.exercise, cell.points) for cell in tests}
    given = {cell.name: graded.marks[cell.name] for cell in tests}
    assert given == {name: given[name] if mark is None else mark for name, mark in wanted.items()}, graded.messages

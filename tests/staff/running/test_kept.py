"""What a run costs when nothing has changed: no reading of the lab, no run of its solution, no sandbox."""

from __future__ import annotations

import pytest

pytest.importorskip("nbgrader")

from classroom import scratch
from classroom.scratch import NAME

from course_staff.course import Course
from course_staff.marking import reading
from course_staff.marking.grade import submission_digest
from course_staff.running import kept
from course_staff.running.prepare import Uncompleted, prepare, prepare_lazily
from course_staff.running.run import run
from course_staff.sandbox import sandbox


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """A course whose lab was prepared once."""
    course = Course.open(scratch.make_course(tmp_path_factory.mktemp("course") / "here"))
    prepare(course, NAME, unsafe=True)
    return course


@pytest.fixture
def nothing_is_made(monkeypatch):
    """Fails where a lab is read anew, or a sandbox begins."""

    def never(*_, **__):
        raise AssertionError("made again")

    monkeypatch.setattr(reading, "read_lab_to_grade", never)
    monkeypatch.setattr(sandbox.Sandbox, "__enter__", never)


def test_the_second_time_it_is_there_and_the_same(course, nothing_is_made):
    lab, opens = prepare(course, NAME, unsafe=True)
    assert lab.is_complete and opens.lab == lab.to_json()
    assert opens.modules == lab.modules and set(lab.expected) == {"double", "mse"}


def test_what_is_kept_is_what_is_read(course):
    fresh = reading.read_lab_to_grade(course.root, NAME, secret=course.secret)
    found = kept.read_lab(course, NAME)
    assert found.digest == fresh.digest and found.cells == fresh.cells and found.graded == fresh.graded
    assert submission_digest(b"{}", found) == submission_digest(b"{}", fresh)


def test_each_thing_that_it_was_made_from_counts(course, monkeypatch, tmp_path):
    before = kept._key(course, NAME)
    source = course.root / "solutions" / f"{NAME}.py"
    files = [source, course.root / "pyproject.toml", course.root / "nbgrader_config.py"]
    for path in files:
        text = path.read_text()
        path.write_text(text + "# changed\n")
        assert kept._key(course, NAME) != before, path.name
        path.write_text(text)
    data = course.root / "labs" / NAME / "data.txt"
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("1 2 3")
    assert kept._key(course, NAME) != before
    data.unlink()
    for module, name in ((kept, "code_digest"), (kept, "environment")):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, lambda: "another")
            assert kept._key(course, NAME) != before, name
    assert kept._key(course, NAME) == before


def test_a_spoilt_file_is_made_again(course):
    path = course.grading(NAME) / kept.FILE
    whole = path.read_text()
    for text in ("", whole[:100], "[]", '{"key": 1}'):
        path.write_text(text)
        assert kept.read_lab(course, NAME).digest
    path.write_text(whole)


def test_without_a_kept_solution_a_run_with_nothing_to_do_starts_no_sandbox(course, monkeypatch):
    path = course.grading(NAME) / kept.FILE
    whole = path.read_text()
    lab, opens = prepare(course, NAME, unsafe=True)
    paper = scratch.Paper(lab.cells, scratch.ANSWERS)
    target = course.submission("ann", NAME)
    target.parent.mkdir(parents=True)
    target.write_bytes(paper.bytes())
    assert run(course, NAME, unsafe=True, workers=1, progress=False).graded == 1
    path.unlink()
    _, opens = prepare_lazily(course, NAME, unsafe=True)
    assert isinstance(opens, Uncompleted)

    def never(*_, **__):
        raise AssertionError("a sandbox")

    monkeypatch.setattr(sandbox.Sandbox, "__enter__", never)
    again = run(course, NAME, unsafe=True, resume=True, workers=1, progress=False)
    assert (again.graded, again.kept, again.exit_code) == (0, 1, 0)
    path.write_text(whole)

"""Results on disk: whole or not there, and read back as they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from small_class import LAB

from course_lib import files
from course_staff.course import Course
from course_staff.marking import results
from course_staff.marking.grade import Graded
from course_staff.running import state as _state


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course.open(tmp_path)


def some(student: str = "ann", **fields) -> Graded:
    return Graded(
        student, LAB, "digest", {"a": 1.5, "b": None}, {"a": "Größe \ud800 \0 ‮"}, notebook='{"ü": 1}', **fields
    )


def test_what_is_saved_is_read(course: Course):
    results.save(course, LAB, some(), run="r1", submission="abc")
    assert results.read(course, LAB, "ann") == results.Stored(some(), "r1", "abc")
    results.save(course, LAB, some(rejected="no"), run="r2")
    assert results.read(course, LAB, "ann") == results.Stored(some(rejected="no"), "r2", "")
    results.save(course, LAB, some("zoë.x"))
    results.save(course, LAB, some("Ann"))
    assert list(results.read_all(course, LAB)) == ["Ann", "ann", "zoë.x"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"run": "x"}', '{"run": "x", "submission": "", "graded": {"a": 1}}']
)
def test_a_file_that_is_no_result_counts_as_none(course: Course, text: str):
    results.save(course, LAB, some())
    results.result_file(course, LAB, "ann").write_text(text)
    assert results.read(course, LAB, "ann") is None and results.read_all(course, LAB) == {}


@pytest.mark.parametrize("student", ["", "../x", "a/b", "a\\b", ".hidden", "nul\0", "x" * 241, "é" * 121, "caf\udce9"])
def test_ids_that_are_no_file_names_are_refused(course: Course, student: str):
    with pytest.raises(ValueError, match="a student's id must be"):
        results.save(course, LAB, some(student))
    assert not list(course.root.rglob("*.json"))


def test_a_failed_write_leaves_the_old_file_and_no_litter(course: Course, monkeypatch):
    results.save(course, LAB, some(), run="old")
    monkeypatch.setattr(files.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        results.save(course, LAB, some(), run="new")
    assert results.read(course, LAB, "ann").run == "old"
    assert [path.name for path in results.result_file(course, LAB, "ann").parent.iterdir()] == ["ann.json"]


def test_files_are_as_private_as_the_umask_says(course: Course):
    before = os.umask(0o077)
    try:
        results.save(course, LAB, some())
    finally:
        os.umask(before)
    assert results.result_file(course, LAB, "ann").stat().st_mode & 0o777 == 0o600


def test_the_state_of_a_run_is_read_back_and_a_broken_one_is_none(course: Course):
    state = _state.State(id="i", required={"a": "i"}, lost=[["a", "why"]], late_penalty=0.5)
    _state.write(course, LAB, state)
    assert _state.read(course, LAB) == state
    (course.grading(LAB) / "run.json").write_text("[1")
    assert _state.read(course, LAB) == _state.State()


def test_a_result_counts_only_for_the_same_submission_lab_and_run():
    state, stored = _state.State(required={"ann": "new"}), results.Stored(some(), "old")
    assert not state.is_done("ann", None, "digest")
    assert not state.is_done("ann", stored, "digest")  # a fresh run was to make it anew
    assert state.is_done("bob", stored, "digest") and not state.is_done("bob", stored, "another")
    assert state.is_done("ann", results.Stored(some(), "new"), "digest")

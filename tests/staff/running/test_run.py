"""A run of a class: the same gradebook and CSV for any order, workers and interruption; no mark lost or made up."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from small_class import LAB, hand_in, hand_in_class, in_this_process, open_course, prepared, submission

from course_staff.course import Course
from course_staff.marking import results
from course_staff.reports.export import export
from course_staff.running import pool
from course_staff.running import run as run_module
from course_staff.running import state as _state
from course_staff.running.run import run, status
from course_staff.running.work import Done

QUIET = {"progress": False, "workers": 1}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    monkeypatch.setattr(run_module, "prepare_lazily", prepared())
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    return open_course(tmp_path)


def table(course: Course) -> str:
    return export(course, format="csv")


def test_a_class_is_graded(course: Course):
    students = hand_in_class(course)
    summary = run(course, LAB, late_penalty=0.1, **QUIET)
    assert (summary.graded, summary.kept, summary.exit_code) == (7, 0, 0)
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(table(course)))}
    assert list(rows) == sorted([*students, "student07", "absent"])
    assert rows["student00"]["cells"] == "double_test 0/2; treble_test 3/3; why ?/4"
    assert marks_of(course, "student02") == {"double_test": 0.0, "treble_test": 0.0, "why": 0.0}
    found = status(course, LAB)
    assert found.graded == found.collected == students and found.waiting == [s for s in students if s != "student02"]
    assert found.missing == ["absent", "student07"] and not found.interrupted
    assert all((course.autograded(student, LAB)).is_file() for student in students)
    assert "student07" in str(found) and "interrupted" not in str(found)


@pytest.mark.parametrize("seed", range(8))
def test_any_order_and_any_interruptions_give_the_same_table(course: Course, tmp_path: Path, monkeypatch, seed: int):
    hand_in_class(course)
    run(course, LAB, late_penalty=0.1, **QUIET)
    expected = table(course)

    other = open_course(tmp_path / "other")
    choose, resume, stops = random.Random(seed), False, 0
    hand_in_class(other)
    while True:
        stop = choose.choice([0, 1, 2, 3, None])
        monkeypatch.setattr(
            pool,
            "grade_all",
            lambda *given, stop=stop, **named: in_this_process(*given, order=choose, stop=stop, **named),
        )
        summary = run(other, LAB, resume=resume, late_penalty=None if resume else 0.1, **QUIET)
        if not summary.interrupted:
            break
        assert summary.exit_code == 130 and not other.sqlite_file.exists()  # the gradebook comes whole
        assert status(other, LAB).interrupted and "--resume" in str(summary)
        resume, stops = True, stops + 1
    assert table(other) == expected
    assert stops or seed != 1  # at least this one was interrupted


def test_resuming_grades_only_what_is_left(course: Course, monkeypatch):
    students = hand_in_class(course)
    monkeypatch.setattr(pool, "grade_all", lambda *given, **named: in_this_process(*given, stop=3, **named))
    assert run(course, LAB, **QUIET).graded == 3
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    summary = run(course, LAB, resume=True, **QUIET)
    assert (summary.kept, summary.graded) == (3, 4)
    again = run(course, LAB, resume=True, **QUIET)
    assert (again.kept, again.graded) == (7, 0)
    hand_in(course, students[0], submission({"double": 2.0, "treble": 0.0, "why": None}))
    assert run(course, LAB, resume=True, **QUIET).graded == 1  # what has changed is graded anew
    assert run(course, LAB, **QUIET).graded == 7  # without --resume all is


def test_an_interrupted_run_does_not_take_older_results_for_its_own(course: Course, monkeypatch):
    """The grader itself may have changed: what a fresh run has not reached yet must be graded when it goes on."""
    hand_in_class(course)
    run(course, LAB, **QUIET)
    monkeypatch.setattr(pool, "grade_all", lambda *given, **named: in_this_process(*given, stop=2, **named))
    run(course, LAB, **QUIET)
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    assert run(course, LAB, resume=True, **QUIET).graded == 5


def test_an_interrupted_run_goes_on_with_its_options(course: Course, monkeypatch):
    hand_in_class(course)
    monkeypatch.setattr(pool, "grade_all", lambda *given, **named: in_this_process(*given, stop=1, **named))
    seconds = {"cell_seconds": 7, "submission_seconds": 70}
    run(course, LAB, late_penalty=0.25, **seconds, students=["student00", "student01"], **QUIET)
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    assert run(course, LAB, resume=True, **QUIET).graded == 1
    state = _state.read(course, LAB)
    assert (state.late_penalty, state.cell_seconds, state.submission_seconds) == (0.25, 7, 70)
    assert not state.interrupted
    run(course, LAB, students=["student00"], **QUIET)  # the penalty is the class's, the time was that run's
    assert (_state.read(course, LAB).late_penalty, _state.read(course, LAB).cell_seconds) == (0.25, 60)
    with pytest.raises(ValueError, match="all exercises"):
        _state.begin(
            _state.State(interrupted=True),
            resume=True,
            students=None,
            exercise="x",
            late_penalty=None,
            cell_seconds=None,
        )


def test_the_time_of_a_submission_reaches_the_sandbox_and_the_pool(course: Course, monkeypatch):
    hand_in_class(course, 1)
    told = {}

    def prepare(*_, submission_seconds, **named):
        told["sandbox"] = submission_seconds
        return prepared()(**named)

    def grade_all(*given, seconds, **named):
        told["pool"] = seconds
        return in_this_process(*given, **named)

    monkeypatch.setattr(run_module, "prepare_lazily", prepare)
    monkeypatch.setattr(pool, "grade_all", grade_all)
    run(course, LAB, submission_seconds=2000, **QUIET)
    assert told["sandbox"] == 2000 < told["pool"], "a worker is not taken for dead while it may still grade"


def test_a_second_run_of_the_lab_waits_outside(course: Course, monkeypatch):
    hand_in_class(course, 1)

    def inside(*given, **named):
        with pytest.raises(RuntimeError, match="going on"):
            run(course, LAB, **QUIET)
        return in_this_process(*given, **named)

    monkeypatch.setattr(pool, "grade_all", inside)
    assert run(course, LAB, **QUIET).graded == 1


def test_what_is_no_submission_is_rejected_and_gets_no_mark(course: Course, tmp_path: Path):
    hand_in_class(course, 2)
    hand_in(course, "empty", b"")
    hand_in(course, "garbled", b'{"cells": [')
    hand_in(course, "latecomer", submission(), at="nonsense")
    hand_in(course, "foreign", submission(rejected="of another lab"))
    course.submitted("renamer", LAB).mkdir(parents=True)
    (course.submitted("renamer", LAB) / "mine.ipynb").write_bytes(submission())
    link = course.submission("linker", LAB)
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "gradebook.db")
    summary = run(course, LAB, **QUIET)
    words = dict(summary.rejected)
    assert sorted(words) == ["empty", "foreign", "garbled", "latecomer", "linker", "renamer"] and summary.exit_code == 1
    assert "empty" in words["empty"] and "link" in words["linker"] and "nonsense" in words["latecomer"]
    assert dict(status(course, LAB).rejected) == words
    again = run(course, LAB, resume=True, **QUIET)
    assert dict(again.rejected) == words and again.exit_code == 1 and again.graded == 0
    rows = {row["student"] for row in csv.DictReader(io.StringIO(table(course)))}
    assert rows.isdisjoint(words)  # nbgrader knows nothing of them: no row, so no 0
    assert {student for student, graded in results.read_all(course, LAB).items() if graded.marks} == {
        "student00",
        "student01",
    }


def test_a_lost_submission_is_told_and_tried_again(course: Course, monkeypatch):
    hand_in_class(course, 2)

    def losing(work, jobs, **named):
        for job in jobs:
            yield Done(job.student, problem="3 workers were lost")

    monkeypatch.setattr(pool, "grade_all", losing)
    summary = run(course, LAB, **QUIET)
    assert summary.exit_code == 1 and [student for student, _ in summary.lost] == ["student00", "student01"]
    assert status(course, LAB).lost == summary.lost and results.read_all(course, LAB) == {}
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    assert run(course, LAB, resume=True, **QUIET).graded == 2 and status(course, LAB).lost == []


def test_one_exercise_alone_is_graded_anew(course: Course, monkeypatch):
    before, after = {"double": 0.0, "treble": 3.0, "why": None}, {"double": 2.0, "treble": 0.0, "why": None}
    hand_in(course, "student00", submission(before, **{"when fixed": after}))
    hand_in(course, "student01", submission(before, **{"when fixed": after}))
    run(course, LAB, **QUIET)
    hand_in(course, "student01", submission(after))  # its old answers are gone
    hand_in(course, "student02", submission())
    monkeypatch.setattr(run_module, "prepare_lazily", prepared("fixed"))

    summary = run(course, LAB, exercise="double", **QUIET)
    assert summary.graded == 1 and [student for student, _ in summary.left_out] == ["student01", "student02"]
    assert marks_of(course, "student00") == {"double_test": 2.0, "treble_test": 3.0, "why": None}
    assert marks_of(course, "student01") == {"double_test": 0.0, "treble_test": 3.0, "why": None}
    assert results.read(course, LAB, "student00").graded.messages == {}
    shown = json.loads(course.autograded("student00", LAB).read_text())["cells"]
    sources = {cell["id"]: cell["source"] for cell in shown}
    assert "fixed" in sources["double_test"] and "fixed" not in sources["treble_test"]
    with pytest.raises(ValueError, match="no exercise 'halve'; there are: double, treble, why"):
        run(course, LAB, exercise="halve", **QUIET)

    assert run(course, LAB, resume=True, **QUIET).graded == 2  # the two that were left out
    assert marks_of(course, "student01")["double_test"] == 2.0


def marks_of(course: Course, student: str) -> dict[str, float | None]:
    with course.gradebook() as book:
        grades = book.find_submission_notebook(LAB, LAB, student).grades
        return {grade.name: grade.auto_score for grade in grades}


def test_one_student_alone_is_graded_anew(course: Course, monkeypatch):
    hand_in_class(course, 3)
    run(course, LAB, **QUIET)
    for student in ("student00", "student01"):
        hand_in(course, student, submission({"double": 2.0, "treble": 1.0, "why": None}))
    assert run(course, LAB, students=["student01"], **QUIET).graded == 1
    assert marks_of(course, "student01")["treble_test"] == 1.0
    assert marks_of(course, "student00")["treble_test"] == 3.0
    with pytest.raises(ValueError, match="'nobody' has handed in no"):
        run(course, LAB, students=["nobody"], **QUIET)


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 0},
        {"late_penalty": 1.5},
        {"late_penalty": -0.1},
        {"cell_seconds": 0},
        {"submission_seconds": 0},
        {"submission_seconds": float("inf")},
        {"dask_wait": -1},
    ],
)
def test_wrong_arguments_are_refused_before_anything_happens(course: Course, options: dict):
    with pytest.raises(ValueError, match="expected"):
        run(course, LAB, **options)
    assert not course.grading(LAB).exists()


def test_with_nothing_collected_it_says_what_comes_first(course: Course, monkeypatch):
    monkeypatch.setattr(run_module, "prepare_lazily", None)
    with pytest.raises(RuntimeError, match="course grade collect"):
        run(course, LAB, **QUIET)


def test_progress_is_shown(course: Course, capsys):
    hand_in_class(course, 3)
    hand_in(course, "student02", submission(rejected="not this lab"))
    run(course, LAB, workers=1)
    said = capsys.readouterr().err
    assert "3/3" in said and "failed=1" in said


def test_a_submission_that_changes_meanwhile_counts_as_it_was_graded(course: Course, monkeypatch):
    hand_in_class(course, 2)

    def collecting(work, jobs, **named):
        hand_in(course, "student01", submission({"double": 2.0, "treble": 1.0, "why": None}))
        yield from in_this_process(work, jobs, **named)

    monkeypatch.setattr(pool, "grade_all", collecting)
    run(course, LAB, **QUIET)
    assert marks_of(course, "student01")["treble_test"] == 1.0
    assert run(course, LAB, resume=True, **QUIET).graded == 0


def test_what_ran_without_a_sandbox_is_said_until_all_is_made_anew(course: Course):
    hand_in_class(course, 3)
    assert "UNSAFE" in str(run(course, LAB, unsafe=True, **QUIET))
    assert _state.read(course, LAB).sandbox == "none"
    for options in ({"resume": True}, {"students": ["student01"]}, {"exercise": "double"}):
        assert run(course, LAB, **options, **QUIET).unsafe and _state.read(course, LAB).unsafe
    assert not run(course, LAB, **QUIET).unsafe and "UNSAFE" not in str(run(course, LAB, resume=True, **QUIET))


def test_a_lost_submission_stays_told_while_others_are_graded(course: Course, monkeypatch):
    hand_in_class(course, 2)
    monkeypatch.setattr(pool, "grade_all", lambda work, jobs, **_: (Done(j.student, problem="lost") for j in jobs))
    run(course, LAB, students=["student00"], **QUIET)
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    run(course, LAB, students=["student01"], **QUIET)
    assert status(course, LAB).lost == [("student00", "lost")]
    run(course, LAB, students=["student00"], **QUIET)
    assert status(course, LAB).lost == []


def test_a_folder_that_names_nobody_stops_nobody(course: Course):
    hand_in_class(course, 1)
    for name in ("n" * 250, "caf\udce9"):
        hand_in(course, name, submission())
    summary = run(course, LAB, **QUIET)
    assert summary.graded == 1 and len(summary.left_out) == 2 and summary.exit_code == 1
    assert "rename this folder" in str(summary) and str(summary).encode()


def test_a_locked_gradebook_loses_nothing(course: Course):
    hand_in_class(course, 2)
    run(course, LAB, **QUIET)
    impatient = Course.open(course.root, f"sqlite:///{course.sqlite_file}?timeout=0.1")
    with closing(sqlite3.connect(course.sqlite_file)) as other:
        other.execute("begin immediate")
        with pytest.raises(RuntimeError, match="locked.*--resume"):
            run(impatient, LAB, **QUIET)
    assert run(course, LAB, resume=True, **QUIET).kept == 2


def test_a_course_that_the_sandbox_would_show_is_refused(tmp_path: Path, monkeypatch):
    course = open_course(tmp_path)
    hand_in_class(course, 1)
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(RuntimeError, match="move the course"):
        run(course, LAB, **QUIET)
    with pytest.raises(RuntimeError, match="/usr.*move the course"):
        run_module.prepare_lazily(Course(Path("/home/x"), "sqlite:////usr/share/gradebook.db"), LAB)


def test_killed_with_all_its_workers_it_goes_on_to_the_same_table(course: Course, tmp_path: Path, monkeypatch):
    """kill -9 of the main process while a real pool works, then --resume."""
    hand_in_class(course)
    run(course, LAB, late_penalty=0.1, **QUIET)
    monkeypatch.undo()
    monkeypatch.setattr(run_module, "prepare_lazily", prepared())

    hit = open_course(tmp_path / "hit")
    hand_in_class(hit)
    for name in ("student02", "student05"):
        path = hit.submission(name, LAB)
        told = json.loads(json.loads(path.read_bytes())["cells"][0]["source"])
        path.write_bytes(submission(told["marks"], sleep=3.0))  # until it is killed
    script = """
import sys; sys.path.insert(0, sys.argv[1])
from small_class import LAB, open_course, prepared
from course_staff.running import run
if __name__ == "__main__":
    run.prepare_lazily = prepared()
    run.run(open_course(sys.argv[2]), LAB, workers=2, progress=False, late_penalty=0.1)
"""
    made = hit.grading(LAB) / "results"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # who is killed cannot tidy up
    with subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parents[2]), str(hit.root)], env=environment
    ) as main:
        while main.poll() is None and len(list(made.glob("*.json"))) < 3:
            time.sleep(0.005)
        main.send_signal(signal.SIGKILL)
    count = len(list(made.glob("*.json")))
    assert 3 <= count < 7 and _state.read(hit, LAB).interrupted
    summary = run(hit, LAB, resume=True, progress=False, workers=2)
    assert summary.kept == count and summary.graded == 7 - count
    assert table(hit) == table(course)

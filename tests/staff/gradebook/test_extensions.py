"""Extensions: given early or late, told by status, followed by penalties, and not lost with the gradebook."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_class import LAB, hand_in, in_this_process, open_course, prepared, submission

from course_staff.course import Course
from course_staff.gradebook import backup as backups
from course_staff.gradebook import extensions
from course_staff.gradebook.extensions import extend
from course_staff.gradebook.marks import read_marks
from course_staff.reports.export import export
from course_staff.running import pool
from course_staff.running import run as run_module
from course_staff.running.run import run, status

LATE = "2026-11-21 13:00:00 UTC"  # 25 hours after the due date, so on the second day
MARKS = {"double": 2.0, "treble": 2.0, "why": 0.0}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """Two students, both late, not graded yet."""
    monkeypatch.setattr(run_module, "prepare_lazily", prepared())
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    course = open_course(tmp_path)
    for student in ("student01", "student02"):
        hand_in(course, student, submission(MARKS), at=LATE)
    return course


def due(course: Course) -> None:
    with course.gradebook(create=True) as book:
        book.update_or_create_assignment(LAB, duedate="2026-11-20 12:00:00 UTC")


def grade(course: Course) -> None:
    run(course, LAB, late_penalty=0.25, progress=False, workers=1)


def lost(course: Course) -> dict[str, tuple[int, float]]:
    """Student -> days late and points taken off, of those with a submission."""
    with course.gradebook() as book:
        marks = read_marks(book, LAB)
        return {mark.student: (mark.days_late, mark.penalty) for mark in marks if mark.raw is not None}


@pytest.mark.parametrize("given", [{"days": 1}, {"until": "2026-11-21 13:00 Europe/Vienna"}])
def test_it_holds_given_before_or_after_the_run(course: Course, given: dict):
    due(course)
    extend(course, LAB, "student01", **given)
    grade(course)
    assert lost(course) == {"student01": (1, 1.0), "student02": (2, 2.0)}
    extend(course, LAB, "student02", days=3)
    assert lost(course) == {"student01": (1, 1.0), "student02": (0, 0.0)}, "at once, without a run"
    extend(course, LAB, "student02", days=0)
    assert lost(course)["student02"] == (2, 2.0)


def test_it_can_come_before_the_due_date_and_the_submission(course: Course):
    assert "no due date yet" in extend(course, LAB, "absent", days=3)
    assert extensions.last_due_date(course, LAB) is None
    hand_in(course, "absent", submission(MARKS), at=LATE)
    grade(course)
    due(course)
    rows = [line for line in export(course, format="csv").splitlines() if "graded" in line]
    assert {line.split(",")[1]: line.split(",")[8] for line in rows} == {
        "absent": "0",
        "student01": "2",
        "student02": "2",
    }
    assert extensions.last_due_date(course, LAB) == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_gradebook_of_before_gets_it_again(course: Course):
    due(course)
    grade(course)
    copy = backups.backup(course)
    extend(course, LAB, "student01", days=3)
    backups.restore(course, copy)
    assert lost(course)["student01"] == (2, 2.0), "the backup knows nothing of it"
    export(course, format="csv")
    assert lost(course) == {"student01": (0, 0.0), "student02": (2, 2.0)}


def test_what_somebody_entered_by_nbgrader_itself_stays(course: Course):
    due(course)
    grade(course)
    with course.gradebook() as book:
        book.grant_extension(LAB, "student02", days=1)
    extend(course, LAB, "student01", days=3)
    assert lost(course) == {"student01": (0, 0.0), "student02": (1, 1.0)}


def test_status_tells_it(course: Course):
    extend(course, LAB, "absent", days=1)
    assert "extensions: absent 1 day" in str(status(course, LAB))
    due(course)
    extend(course, LAB, "student01", until="2026-12-03 23:59 Europe/Vienna")
    shown = str(status(course, LAB))
    assert "extensions: absent until 2026-11-21 12:00 UTC; student01 until 2026-12-03 22:59 UTC" in shown


@pytest.mark.parametrize(
    ("student", "given", "words"),
    [
        ("nobody", {"days": 1}, "nobody knows"),
        ("student01", {"days": -1}, "--days"),
        ("student01", {}, "one of them"),
        ("student01", {"days": 1, "until": "2026-12-03 23:59"}, "one of them"),
        ("student01", {"until": "2026-12-03"}, "a day and a time"),
        ("student01", {"until": "2026-11-20 11:00"}, "after the due date"),
        ("student01", {"until": "soon 12:00"}, "expected a time"),
    ],
)
def test_a_wrong_one_changes_nothing(course: Course, student: str, given: dict, words: str):
    due(course)
    with pytest.raises(ValueError, match=words):
        extend(course, LAB, student, **given)
    assert extensions.read(course, LAB) == {}


def test_a_spoilt_table_is_told_by_its_row(course: Course):
    extend(course, LAB, "student01", days=1)
    table = course.grading(LAB) / "extensions.csv"
    table.write_text(table.read_text() + "student02,three,\n")
    with pytest.raises(ValueError, match="row 3"):
        extensions.read(course, LAB)

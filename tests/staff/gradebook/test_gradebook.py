"""nbgrader's gradebook after a run: what the machine says, beside what a person wrote, which is never lost."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from small_class import LAB, hand_in, open_course, small_lab, submission, told_work

from course_staff.course import Course
from course_staff.gradebook import backup as backups
from course_staff.gradebook import gradebook
from course_staff.marking.grade import Graded
from course_staff.marking.lab import Lab

HALF = {"double": 2.0, "treble": 0.0, "why": None}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return open_course(tmp_path)


def graded(course: Course, student: str, marks=None, lab: Lab | None = None, **orders) -> Graded:
    """Hand in, and grade in this process."""
    content = submission(HALF if marks is None else marks, **orders)
    hand_in(course, student, content, at="2026-11-21 13:00:00 UTC")
    with told_work(lab or small_lab()).open() as grader:
        return Graded.from_json(grader(student, content))


def entries(course: Course, student: str) -> dict[str, tuple]:
    """Cell -> (by machine, by hand, extra credit, must a person look at it, maximum)."""
    with course.gradebook() as book:
        found = book.find_submission_notebook(LAB, LAB, student).grades
        return {
            grade.name: (
                grade.auto_score,
                grade.manual_score,
                grade.extra_credit,
                grade.needs_manual_grade,
                grade.max_score,
            )
            for grade in found
        }


def by_hand(course: Course, student: str, cell: str, score: float, comment: str = "") -> None:
    """What formgrader writes when a person gives a score."""
    with course.gradebook() as book:
        grade = book.find_grade(cell, LAB, LAB, student)
        grade.manual_score, grade.needs_manual_grade = score, False
        if comment:
            book.find_comment(cell, LAB, LAB, student).manual_comment = comment
        book.db.commit()


def test_marks_points_people_and_times_are_entered(course: Course):
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    assert entries(course, "student01") == {
        "double_test": (2.0, None, None, False, 2.0),
        "treble_test": (0.0, None, None, False, 3.0),
        "why": (None, None, None, True, 4.0),
    }
    with course.gradebook() as book:
        own = book.find_submission(LAB, "student01")
        assert own.timestamp.isoformat() == "2026-11-21T13:00:00"
        assert (own.score, own.max_score, own.needs_manual_grade) == (2.0, 9.0, True)
        assert (own.student.last_name, own.student.email, own.student.lms_user_id) == ("Last1", "s1@x.org", "901")
        assert book.find_comment("treble", LAB, LAB, "student01").comment == "look at treble"
        assert book.find_comment("double", LAB, LAB, "student01").comment is None
        assert len(book.students) == 9 and len(book.find_assignment(LAB).submissions) == 1
        source = book.find_source_cell("double_test", LAB, LAB)
        assert source.locked and source.source == "assert double  # "


def test_writing_again_changes_nothing(course: Course):
    results = [graded(course, "student01"), graded(course, "student02", {"double": 0.0, "treble": 3.0, "why": 0.0})]
    gradebook.write(course, small_lab(), results)
    by_hand(course, "student01", "why", 3.5, "well said")
    before = dump(course)
    gradebook.write(course, small_lab(), reversed(results))
    assert dump(course) == before
    assert entries(course, "student02")["why"] == (0.0, None, None, False, 4.0)


def test_what_a_person_wrote_stays(course: Course):
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    by_hand(course, "student01", "why", 3.5, "well said")
    by_hand(course, "student01", "treble_test", 1.0)
    gradebook.write(course, small_lab(), [graded(course, "student01", {"double": 0.0, "treble": 0.0, "why": None})])
    assert entries(course, "student01") == {
        "double_test": (0.0, None, None, False, 2.0),
        "treble_test": (0.0, 1.0, None, False, 3.0),
        "why": (None, 3.5, None, False, 4.0),
    }
    with course.gradebook() as book:
        assert book.find_comment("why", LAB, LAB, "student01").comment == "well said"


def test_a_person_is_asked_again_about_what_has_changed(course: Course):
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    by_hand(course, "student01", "why", 3.5)
    by_hand(course, "student01", "treble_test", 1.0)
    changed = graded(course, "student01", {**HALF, "treble": 3.0}, answers={"why": "on second thoughts"})
    gradebook.write(course, small_lab(), [changed])
    found = entries(course, "student01")
    assert found["why"] == (None, 3.5, None, True, 4.0)
    assert found["treble_test"] == (3.0, 1.0, None, True, 3.0)
    assert found["double_test"][3] is False


def test_one_exercise_can_be_written_alone(course: Course):
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    other = graded(course, "student01", {"double": 0.0, "treble": 3.0, "why": 0.0})
    gradebook.write(course, small_lab(), [other], exercise="treble")
    found = {name: entry[0] for name, entry in entries(course, "student01").items()}
    assert found == {"double_test": 2.0, "treble_test": 3.0, "why": None}


def test_late_penalties_are_written_and_taken_back(course: Course):
    from datetime import datetime

    gradebook.write(course, small_lab(), [graded(course, "student01")])
    with course.gradebook() as book:
        book.update_or_create_assignment(LAB, duedate=datetime(2026, 11, 20, 12))  # 25 hours before: 2 started days
    gradebook.write(course, small_lab(), [graded(course, "student01")], late_penalty=0.25)
    assert penalty(course) == 1.0
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    assert penalty(course) == 0.0


def penalty(course: Course) -> float:
    with course.gradebook() as book:
        return book.find_submission(LAB, "student01").late_submission_penalty


def test_a_rejected_submission_leaves_earlier_marks_alone(course: Course):
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    rejected = graded(course, "student01", {"double": 0.0}, rejected="no notebook")
    gradebook.write(course, small_lab(), [rejected, graded(course, "student02", rejected="no notebook")])
    assert entries(course, "student01")["double_test"][0] == 2.0
    with course.gradebook() as book:
        assert [item.student_id for item in book.find_assignment(LAB).submissions] == ["student01"]


def test_points_that_were_changed_are_changed_in_the_gradebook(course: Course):
    gradebook.write(course, small_lab(exercises=("double",)), [graded(course, "student01")])
    gradebook.write(course, small_lab(), [graded(course, "student01")])  # an exercise and a question were added
    assert {name: entry[4] for name, entry in entries(course, "student01").items()} == {
        "double_test": 2.0,
        "treble_test": 3.0,
        "why": 4.0,
    }


def test_cells_that_are_gone_go_but_never_with_marks_by_hand(course: Course):
    fewer = small_lab(exercises=("double", "why"))
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    by_hand(course, "student01", "treble_test", 1.0)
    with pytest.raises(RuntimeError, match="'treble_test'.*by hand"):
        gradebook.write(course, fewer, [])
    assert entries(course, "student01")["treble_test"][1] == 1.0
    with course.gradebook() as book:
        book.find_grade("treble_test", LAB, LAB, "student01").manual_score = None
        book.db.commit()
    gradebook.write(course, fewer, [graded(course, "student01", lab=fewer)])
    assert set(entries(course, "student01")) == {"double_test", "why"}


def test_text_that_databases_refuse_is_mended(course: Course):
    result = graded(course, "student01")
    result.messages["treble_test"] = "half \ud800, none \0."
    gradebook.write(course, small_lab(), [result])
    with course.gradebook() as book:
        assert book.find_comment("treble", LAB, LAB, "student01").comment == "half ?, none ."


def test_a_message_is_no_html(course: Course):
    result = graded(course, "student01")
    result.messages["treble_test"] = "NameError: <script>alert(1)</script>"
    gradebook.write(course, small_lab(), [result])
    with course.gradebook() as book:
        comment = book.find_comment("treble", LAB, LAB, "student01").comment
    assert "<script" not in comment and comment.replace("\u200b", "") == result.messages["treble_test"]


def test_a_crash_while_writing_leaves_the_old_gradebook(course: Course, monkeypatch):
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    before = dump(course)

    def crash(*_):
        raise KeyboardInterrupt

    results = [graded(course, f"student{number:02d}", {"double": 0.0}) for number in range(1, 4)]
    monkeypatch.setattr(gradebook, "_give", crash)
    with pytest.raises(KeyboardInterrupt):
        gradebook.write(course, small_lab(), results)
    assert dump(course) == before


def test_a_stock_submission_made_by_nbgrader_is_taken_over(course: Course):
    gradebook.write(course, small_lab(), [])
    with course.gradebook() as book:
        book.add_submission(LAB, "student03")
    gradebook.write(course, small_lab(), [graded(course, "student03")])
    assert entries(course, "student03")["double_test"][0] == 2.0 and len(entries(course, "student03")) == 3


def test_without_a_gradebook_there_is_an_error_in_words_and_no_backup(course: Course):
    with pytest.raises(RuntimeError, match="no gradebook"), course.gradebook():
        pass
    assert backups.backup(course) is None
    with pytest.raises(ValueError, match="plain file name"):
        from course_staff.marking import results

        results.save(course, LAB, Graded("../x", LAB, ""))


def test_a_backup_is_the_whole_gradebook_and_can_be_put_back(course: Course):
    gradebook.write(course, small_lab(), [graded(course, "student01")])
    by_hand(course, "student01", "why", 3.5, "well said")
    before, copy = dump(course), backups.backup(course)
    assert copy.parent == course.root / "backups" and copy.suffix == ".db"
    by_hand(course, "student01", "why", 0.0, "spoilt")
    assert dump(course) != before
    backups.restore(course, copy)
    assert dump(course) == before and len(list(copy.parent.glob("*.db"))) == 2  # the spoilt one was copied too
    with pytest.raises(ValueError, match="psql"):
        backups.restore(course, Path("gradebook.sql"))


def test_a_gradebook_that_is_none_stops_before_anything_happens(course: Course):
    course.sqlite_file.write_bytes(b"no database at all, but long enough to look like one" * 40)
    with pytest.raises(RuntimeError, match="cannot be backed up"):
        backups.backup(course)


def test_the_secret_is_made_once_and_is_for_its_owner_only(course: Course):
    first = course.secret
    assert len(first) == 64 and Course.open(course.root).secret == first
    assert (course.root / "grading" / "secret").stat().st_mode & 0o077 == 0


def dump(course: Course) -> str:
    """All that stands in the gradebook."""
    with sqlite3.connect(course.sqlite_file) as database:
        names = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        return json.dumps({name: sorted(map(repr, database.execute(f"select * from {name}"))) for name in names})

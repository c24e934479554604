"""Names that are scripts: the gradebook, whose pages escape nothing, never holds them; exports show the true name."""

from __future__ import annotations

import csv
import io

import pytest
from small_class import LAB, hand_in, open_course, small_lab, submission, told_work

from course_staff.course import Course
from course_staff.gradebook import gradebook
from course_staff.gradebook.people import shown
from course_staff.handin import students
from course_staff.handin.students import Student, Students
from course_staff.marking import results
from course_staff.marking.grade import Graded
from course_staff.reports.export import export

SCRIPT = "<img src=x onerror=\"document.title='PWNED'\">"
NAMES = [SCRIPT, "</script><script>alert(1)</script>", "&lt;img&gt;", "a&b", '"quoted"', "half \ud800 no\0ne", "`x`"]


@pytest.fixture
def course(tmp_path) -> Course:
    """A class of one who has handed in, and of another who has not."""
    found = open_course(tmp_path)
    hand_in(found, "m1", submission())
    return found


def graded(course: Course) -> Graded:
    with told_work(small_lab()).open() as grader:
        return Graded.from_json(grader("m1", submission()))


def table(course: Course, *people: Student) -> None:
    students.write(course.root / "grading" / "students.csv", Students(people))


def columns(course: Course) -> list[str]:
    with course.gradebook() as book:
        return [
            text
            for entry in book.students
            for text in (entry.id, entry.first_name, entry.last_name, entry.email, entry.lms_user_id)
            if text
        ]


@pytest.mark.parametrize("name", NAMES)
def test_no_markup_of_a_class_list_enters_the_gradebook_and_exports_show_the_true_name(course, name):
    sent = name.encode("utf-8", "replace").decode().replace("\0", "")  # what a file in UTF-8 can hold
    table(course, Student("m1", sent, sent, sent, sent), Student("absent", sent, "Lee"))
    gradebook.write(course, small_lab(), [graded(course)])
    assert len(columns(course)) == 8
    for text in columns(course):
        assert not set(text) & set('<>&"`\0')
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(export(course, labs=[LAB]), newline=""))}
    assert [rows["m1"][column] for column in ("first_name", "last_name", "email", "lms_id")] == [sent] * 4
    assert rows["absent"]["first_name"] == sent


def test_names_without_markup_stay_as_they_are(course):
    table(course, Student("m1", "Séan", "O'Brien-Ñandú (jr.)"))
    gradebook.write(course, small_lab(), [graded(course)])
    assert "O'Brien-Ñandú (jr.)" in columns(course) and shown("Séan") == "Séan"


def test_what_an_earlier_version_let_in_is_mended_at_the_next_run(course):
    with course.gradebook(create=True) as book:
        book.add_student("old", first_name=SCRIPT, last_name="Lee", email=SCRIPT)
    gradebook.write(course, small_lab(), [graded(course)])
    assert not any("<" in text for text in columns(course)) and "Lee" in columns(course)


def test_a_name_that_a_person_changed_in_formgrader_counts_until_the_table_names_it_again(course):
    table(course, Student("m1", "Jo", ""))
    gradebook.write(course, small_lab(), [graded(course)])
    with course.gradebook() as book:
        book.update_or_create_student("m1", first_name="Joe")
    assert ",Joe," in export(course, labs=[LAB]) and ",Jo," not in export(course, labs=[LAB])


@pytest.mark.parametrize("student", ["<b>", '";alert(1);"', "a&lt;b", "`x`", "a/b"])
def test_a_folder_whose_name_is_markup_gets_no_result(course, student):
    with pytest.raises(ValueError, match="plain file name"):
        results.result_file(course, LAB, student)

"""Marks as tables: what Canvas and Moodle read, late penalties, made-up ids; equal gradebooks, equal bytes."""

import csv
import io
import json
import random
import re

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import LAB, by_hand, enter, graded

from course_staff.gradebook.late import penalty
from course_staff.gradebook.marks import number
from course_staff.reports import anonymous
from course_staff.reports.anonymous import made_up_ids
from course_staff.reports.export import FORMATS, export, table

PEOPLE = {
    "ada": {"first_name": "Ada", "last_name": "Müller", "email": "ada@uni.example", "lms_user_id": "101"},
    "bob": {"first_name": "Bob", "last_name": 'O"Hara, jr', "email": "bob@uni.example", "lms_user_id": "bob@login"},
    "eve": {"first_name": "=HYPERLINK(1)", "last_name": "Eve", "email": "", "lms_user_id": None},
    "zoe": {"first_name": "Zoë", "last_name": "Zorn", "email": "zoe@uni.example", "lms_user_id": "104"},
}
RESULTS = [graded("ada"), graded("bob", triple=0.0), graded("eve", 0.0, 0.0)]


def rows(text: str) -> list[dict[str, str]]:
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def course(tmp_path):
    found = graded_class.course(tmp_path)
    enter(found, RESULTS, missing=["zoe"], late={"bob": 30}, names=PEOPLE)
    return found


def graded_with(course, share):
    course.grading(LAB).mkdir(parents=True, exist_ok=True)
    (course.grading(LAB) / "run.json").write_text(json.dumps({"late_penalty": share}))


def test_marks_are_those_of_the_gradebook_and_of_the_person(course, capsys):
    by_hand(course, "ada", 0.5)
    ada, bob, eve, zoe = rows(export(course))
    assert [row["student"] for row in (ada, bob, eve, zoe)] == ["ada", "bob", "eve", "zoe"]
    assert (ada["mark"], bob["mark"], eve["mark"]) == ("5.5", "2", "0") and {ada["points"], zoe["points"]} == {"6"}
    assert (ada["status"], bob["status"]) == ("graded", "waits for a person")
    assert ada["cells"] == "double_test 2/2; triple_test 3/3; why 0.5/1" and "why ?/1" in bob["cells"]
    assert "2 submissions wait" in capsys.readouterr().err


def test_what_is_rejected_or_not_graded_yet_is_not_called_missing(course):
    path = course.grading(LAB) / "rejected.csv"
    path.parent.mkdir(parents=True)
    path.write_text("student,file,reason\nzoe,zoe.pdf,no notebook\nada,old.ipynb,not the newest\n")
    status = {row["student"]: row["status"] for row in rows(export(course))}
    assert status["zoe"] == "rejected" and status["ada"] == "waits for a person"
    submission = course.submission("zoe", LAB)
    submission.parent.mkdir(parents=True)
    submission.write_text("{}")
    assert {row["status"] for row in rows(export(course)) if row["student"] == "zoe"} == {"not graded"}


def test_a_missing_submission_is_never_a_zero(course):
    assert {row["status"]: row["mark"] for row in rows(export(course))}["missing"] == ""
    assert [row[LAB] for row in rows(export(course, format="canvas")) if row["Student"] == "Zorn, Zoë"] == [""]
    assert "zoe" not in export(course, format="moodle")  # an empty grade deletes what Moodle has


def test_a_submission_without_scores_waits_for_a_person_and_is_no_zero_that_counts(course):
    with course.gradebook() as gradebook:
        for grade in gradebook.find_submission_notebook(LAB, LAB, "ada").grades:
            gradebook.db.delete(grade)
        gradebook.db.commit()
    ada = rows(export(course))[0]
    assert ada["status"] == "waits for a person" and "double_test ?/2" in ada["cells"]


def test_canvas_finds_its_columns_and_students(course):
    text = export(course, format="canvas")
    header, points, *students = csv.reader(io.StringIO(text, newline=""))
    # the importer wants these five at these places, "Section" last before the assignments
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", LAB]
    assert points[0].strip() == "Points Possible" and points[-1] == "6" and not any(points[1:5])
    found = {row[0]: row for row in students}
    assert found["Müller, Ada"][1:] == ["101", "", "ada", "", "5"]
    assert found['O"Hara, jr, Bob'][1:4] == ["", "", "bob@login"]  # no number: a login


def test_moodle_finds_its_columns_and_participants(course):
    found = {row["ID number"]: row for row in rows(export(course, format="moodle"))}
    # the worksheet needs these three; without "Feedback comments" it leaves comments alone
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(found["ada"])
    assert "Feedback comments" not in found["ada"]
    assert (found["ada"]["Identifier"], found["ada"]["Grade"]) == ("Participant 101", "5")
    assert found["bob"]["Identifier"] == "" and found["bob"]["Email address"] == "bob@uni.example"


def test_moodle_takes_one_lab(course):
    enter(course, [graded("ada")], name="lab43_other")
    with pytest.raises(ValueError, match="one lab of lab42_doubling, lab43_other"):
        export(course, format="moodle")
    assert len(rows(export(course, format="moodle", labs=[LAB]))) == 3
    assert list(rows(export(course, format="canvas"))[0])[-2:] == [LAB, "lab43_other"]


def test_late_penalty_is_a_share_of_the_mark_and_follows_it(course):
    graded_with(course, 0.25)
    bob = rows(export(course))[1]
    assert (bob["days_late"], bob["raw_mark"], bob["late_penalty"], bob["mark"]) == ("2", "2", "1", "1")
    by_hand(course, "bob", 1.0)  # two days at a quarter of 3
    assert rows(export(course))[1]["late_penalty"] == "1.5"
    graded_with(course, 0.0)
    assert rows(export(course))[1]["mark"] == "3"


def test_penalties_that_another_program_wrote_stay(course):
    with course.gradebook() as gradebook:
        gradebook.find_submission(LAB, "ada").notebooks[0].late_submission_penalty = 0.75
        gradebook.db.commit()
    assert rows(export(course))[0]["mark"] == "4.25"


@pytest.mark.parametrize("mark", [0.0, 1.0, 7.3])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_penalty_grows_with_the_days_up_to_the_mark(mark, share):
    lost = [penalty(mark, days, share) for days in range(30)]
    assert lost[0] == 0 and lost == sorted(lost) and max(lost) <= mark
    assert share == 0 or lost[-1] == mark


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_penalty_is_a_share(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        penalty(5, 1, share)


def test_equal_gradebooks_give_equal_bytes_in_whatever_order_they_were_written(course, tmp_path):
    expected = [export(course, format=format) for format in FORMATS]
    for seed, order in enumerate([RESULTS[::-1], RESULTS[1:] + RESULTS[:1]]):
        other = graded_class.course(tmp_path / str(seed))
        late = {"bob": 30}
        for result in random.Random(seed).sample(order, 2):  # written twice, one by one
            enter(other, [result], late=late, names=PEOPLE)
        enter(other, order, missing=["zoe"], late=late, names=PEOPLE)
        assert [export(other, format=format) for format in FORMATS] == expected


def test_anonymous_tells_nobody(course):
    text = export(course, anonymous=True)
    for person in [*PEOPLE, "Ada", "Müller", "uni.example", "2026-11"]:
        assert person not in text
    found = {row["student"]: row["mark"] for row in rows(text)}
    ids = made_up_ids(PEOPLE, course.secret)
    assert {student: found[code] for student, code in ids.items()} == {"ada": "5", "bob": "2", "eve": "0", "zoe": ""}
    assert list(found) == sorted(found)  # not in the order of the names
    with pytest.raises(ValueError, match="could not find anonymous students"):
        export(course, format="canvas", anonymous=True)


def test_made_up_ids_are_all_different_stable_and_secret():
    students = [f"s{number}" for number in range(3000)]
    ids = made_up_ids(students, "secret")
    assert len(set(ids.values())) == len(students)
    assert made_up_ids(reversed(students), "secret") == ids
    assert not set(ids.values()) & set(made_up_ids(students, "another secret").values())
    few = made_up_ids(students[:5], "secret")
    assert all(ids[student].startswith(code) for student, code in few.items())


def test_two_equal_codes_make_all_longer(monkeypatch):
    monkeypatch.setattr(anonymous, "_code", lambda student, secret: {"a": "abcdefgh", "b": "abcdefxy"}[student])
    assert made_up_ids(["a", "b"], "") == {"a": "anon-abcdefg", "b": "anon-abcdefx"}


@pytest.mark.parametrize("text", ["=1+1", "+cmd|'/c calc'!A0", "@SUM(1)", "\tx", "-2+3", "\r=1"])
def test_a_spreadsheet_runs_nothing(text):
    [[cell]] = csv.reader(io.StringIO(table([[text]]), newline=""))
    assert cell == "'" + text


@pytest.mark.parametrize("text", ["got 1;=1+1", 'x; "@SUM(1)', "a\n=1+1", "a\t+b", "two;;=3"])
def test_nor_does_one_for_which_a_semicolon_ends_a_cell(text):
    cells = re.split(r"[;\t\r\n]", table([["student", text]]).replace('"', "").replace("student,", ""))
    assert len(cells) > 2 and not any(re.match(r" *[=+@-]", cell) for cell in cells)


def test_ordinary_words_stay_as_they_are():
    words = "double: expected 3; got -2; psnr - not answered; a=b"
    assert table([[words]]) == words + "\r\n"


def test_numbers_stay_numbers():
    assert table([["-1.5", -2, "-", "1e5"]]) == "-1.5,-2,-,1e5\r\n"
    assert [number(value) for value in (3.0, 2.5, 0.1 + 0.2, -0.0, None, 1234567.0, 1 / 3)] == (
        ["3", "2.5", "0.3", "0", "", "1234567", "0.3333"]
    )


def test_what_is_wrong_is_said_in_words(course):
    with pytest.raises(ValueError, match="csv, canvas or moodle, got 'xls'"):
        export(course, format="xls")
    with pytest.raises(RuntimeError, match="knows no lab lab99"):
        export(course, labs=["lab99"])

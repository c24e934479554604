"""`course grade total`: weights, dropped labs, missing marks, and the statistics of the class."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import enter, graded

from course_staff import commands
from course_staff.course import Course
from course_staff.reports.total import read_weights, total

A, B, C = "lab01_first", "lab02_second", "lab03_third"


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """Three labs of 6 points. Ada: 5, 2, 3. Bob: 3, nothing, 5. Cid: nothing at all. One point of each waits."""
    course = graded_class.course(tmp_path_factory.mktemp("course"))
    enter(course, [graded("ada"), graded("bob", 0.0)], missing=["cid"], name=A, names={"ada": {"last_name": "=A()"}})
    enter(course, [graded("ada", 2.0, 0.0)], name=B)
    enter(course, [graded("ada", 0.0), graded("bob")], name=C)
    return course


def percents(course: Course, **options) -> dict[str, float | None]:
    return {row.student: row.total for row in total(course, **options).rows}


def test_without_weights_the_points_are_added(course):
    assert percents(course) == {"ada": pytest.approx(100 * 10 / 18), "bob": None, "cid": None}


def test_weights_count_shares_and_other_labs_do_not_count(course):
    found = percents(course, weights={A: 3, B: 1})
    assert found["ada"] == pytest.approx(100 * (3 * 5 / 6 + 1 * 2 / 6) / 4)
    assert percents(course, weights={A: 1, C: 2})["bob"] == pytest.approx(100 * (3 / 6 + 2 * 5 / 6) / 3)
    assert percents(course, weights={A: 1, B: 0})["bob"] == pytest.approx(50), "a weight of 0 needs no mark"


def test_the_lowest_is_dropped_a_missing_one_first(course):
    found = total(course, drop=1)
    rows = {row.student: row for row in found.rows}
    assert rows["ada"].dropped == (B,) and rows["ada"].total == pytest.approx(100 * 8 / 12)
    assert rows["bob"].dropped == (B,) and rows["bob"].total == pytest.approx(100 * 8 / 12)
    assert rows["cid"].total is None


def test_lowest_is_the_share_not_the_weight(course):
    rows = {row.student: row for row in total(course, weights={A: 1, B: 100, C: 1}, drop=2).rows}
    assert rows["ada"].dropped == (B, C) and rows["ada"].total == pytest.approx(100 * 5 / 6)


def test_a_missing_mark_is_0_where_that_is_asked_for(course):
    found = percents(course, missing="0")
    assert (found["bob"], found["cid"]) == (pytest.approx(100 * 8 / 18), 0.0)


def test_the_table_is_safe_in_a_spreadsheet(course):
    rows = list(csv.DictReader(io.StringIO(total(course).as_csv())))
    assert [row["student"] for row in rows] == ["ada", "bob", "cid"]
    assert rows[0]["last_name"] == "'=A()" and rows[0][A] == "5" and rows[1][B] == "" and rows[1]["total_percent"] == ""
    assert rows[0]["total_percent"] == "55.56" and rows[2]["status"] == "a mark is missing"


def test_the_class_is_described(course):
    words = total(course, missing="0").statistics()
    assert "3 students, lab01_first 33 %, lab02_second 33 %, lab03_third 33 %" in words
    assert "lab01_first: mean 66.7 %, standard deviation 23.6, median 66.7" in words
    assert "lab02_second: mean 33.3 %, 33.3 to 33.3, 1 students; 2 without a mark" in words
    assert "total: mean 33.3 %" in words and "wait for a person" in words and "ada, bob" in words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"drop": 3}, "one at least must count"),
        ({"drop": -1}, "expected to drop"),
        ({"missing": "none"}, "expected to drop"),
        ({"weights": {A: 0.0, B: 0.0}}, "add up to nothing"),
    ],
)
def test_a_wrong_argument_is_refused(course, options, words):
    with pytest.raises(ValueError, match=words):
        total(course, **options)


def test_a_lab_of_later_is_left_out_and_told(course):
    found = total(course, weights={A: 1, "lab09_later": 5})
    assert found.left_out == ["lab09_later"] and "lab09_later" in found.statistics()
    assert {row.student: row.total for row in found.rows}["bob"] == pytest.approx(50)
    with pytest.raises(RuntimeError, match="comes first"):
        total(course, weights={"lab09_later": 5})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lab,weight\nlab01,2\nlab01_first,3\n", "row 3.*twice"),
        ("lab,weight\nlab01,-1\n", "row 2.*0 or more"),
        ("lab,weight\nlab01,much\n", "row 2"),
        ("lab,weight\nlab77,1\n", "row 2.*lab77"),
        ("name,weight\nlab01,1\n", "row 2.*lab,weight"),
        ("lab,weight\nlab01,nan\n", "row 2"),
        ("", "for each lab"),
    ],
)
def test_a_wrong_table_is_told_by_its_row(tmp_path: Path, text: str, words: str):
    (tmp_path / "w.csv").write_text(text)
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / f"{A}.py").touch()
    with pytest.raises(ValueError, match=words):
        read_weights(tmp_path / "w.csv", lambda lab: commands.full_name(tmp_path, lab))


def test_the_command_takes_the_table_in_grading_and_writes_a_file(course, capsys):
    (course.root / "solutions").mkdir()
    for lab in (A, B, C):
        (course.root / "solutions" / f"{lab}.py").touch()
    command = ["total", "--course", str(course.root)]
    assert commands.main([*command, "--missing", "0"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0].startswith("student,") and "total: mean 33.3 %" in told.err
    (course.root / "grading").mkdir(exist_ok=True)
    (course.root / "grading" / "weights.csv").write_text("lab,weight\nlab01,1\n")
    out = course.root / "total.csv"
    assert commands.main([*command, "--out", str(out)]) == 0
    assert "lab01_first 100 %" in capsys.readouterr().out and "83.33" in out.read_text()
    (course.root / "grading" / "weights.csv").unlink()

"""Marks on their way back: Canvas's own columns, Moodle's numbers of that very lab, Excel's mark."""

from __future__ import annotations

import csv
import io

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import LAB, enter, graded
from classroom.handed_in import folder, notebook

from course_staff import cli
from course_staff.handin.collect import collect
from course_staff.reports.export import export

OTHER = "lab43_other"
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Lab 42: Doubling (77),Lab 43 (78),Final Score
    Points Possible,,,,,6,6,
"Müller, Ada",101,U1,ada,"Group A, Group B",,,
"=Lee, Bob",102,U2,bob,Group A,,,
"""


@pytest.fixture
def course(tmp_path):
    """Ada and Bob with marks in two labs."""
    found = graded_class.course(tmp_path / "course")
    for name in (LAB, OTHER):
        enter(found, [graded("ada"), graded("bob", triple=0.0)], name=name)
    return found


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_canvas_gets_back_what_its_own_export_said(course, tmp_path, capsys):
    (tmp_path / "gradebook.csv").write_text(CANVAS, encoding="utf-8-sig")
    source = folder(tmp_path / "class", {f"ada/{LAB}.ipynb": notebook()})
    collect(course, LAB, source, tmp_path / "gradebook.csv")
    header, _, ada, bob = rows(export(course, format="canvas"))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 42: Doubling (77)", "Lab 43 (78)"]
    assert ada[:5] == ["Müller, Ada", "101", "U1", "ada", "Group A, Group B"]
    assert bob[0] == "'=Lee, Bob" and bob[2:] == ["U2", "bob", "Group A", "2", "2"]
    assert "no column of Canvas" not in capsys.readouterr().err


def test_without_an_export_of_canvas_the_new_column_is_told(course, capsys):
    assert rows(export(course, format="canvas", labs=[LAB]))[0][-1] == LAB
    assert f"no column of Canvas is known for {LAB}" in capsys.readouterr().err


def test_moodle_gets_the_numbers_of_that_very_lab(course, tmp_path):
    for lab, start in ((LAB, 2000), (OTHER, 3000)):
        sheet = f"Identifier,Full name,ID number\nParticipant {start + 1},A B,ada\nParticipant {start + 2},C D,bob\n"
        (tmp_path / "sheet.csv").write_text(sheet)
        path = f"A B_{start + 1}_assignsubmission_file/{lab}.ipynb"
        collect(course, lab, folder(tmp_path / lab, {path: notebook()}), tmp_path / "sheet.csv")
    for lab, start in ((LAB, 2000), (OTHER, 3000)):
        found = {row[2]: row[0] for row in rows(export(course, format="moodle", labs=[lab]))[1:]}
        assert found == {"ada": f"Participant {start + 1}", "bob": f"Participant {start + 2}"}


def test_excel_is_told_the_letters_of_a_table_but_an_lms_is_not(course, tmp_path, capsys):
    (course.root / "solutions").mkdir()
    words = ["grade", "export", "--course", str(course.root), "--excel", "--out", str(tmp_path / "marks.csv")]
    assert cli.main(words) == 0
    raw = (tmp_path / "marks.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbflab,student,") and raw.count(b"\xef\xbb\xbf") == 1
    assert cli.main([*words, "--format", "canvas"]) == 2
    assert "--excel is for the format csv" in capsys.readouterr().err

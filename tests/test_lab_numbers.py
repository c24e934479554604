"""A lab between two others, "00b", is told from its neighbour wherever a name or a number of a lab is read."""

from pathlib import Path

import nbformat
import pytest

from course_lib import project
from course_lib.student import commands as student_commands
from course_lib.student import update
from course_staff import commands
from course_staff.authoring import source, start_page
from course_staff.handin import canvas
from course_staff.handin.layouts import Layout
from course_staff.handin.students import Students

NAMES = ["lab00_orientation", "lab00b_first_network", "lab01_dense", "lab10_ct"]


@pytest.fixture
def course(tmp_path):
    for name in NAMES:
        for path in (tmp_path / "solutions" / f"{name}.py", tmp_path / "labs" / name / f"{name}.ipynb"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        ("lab00", NAMES[:1]),
        ("lab00b", NAMES[1:2]),
        ("lab00_o", NAMES[:1]),
        ("lab00b_first_network", NAMES[1:2]),
        ("lab0", NAMES[:3]),
        ("lab1", NAMES[3:]),
        ("lab00c", []),
    ],
)
def test_labs_are_called_by_their_number(course, beginning, expected):
    assert project.labs_called(beginning, reversed(NAMES)) == expected
    if expected:
        assert [path.stem for path in source.lab_sources(course, [beginning])] == expected


def test_sources_come_in_the_order_of_the_labs(course):
    assert [path.stem for path in source.lab_sources(course)] == NAMES
    assert [path.stem for path in source.lab_sources(course, ["lab01", "lab00b"])] == NAMES[1:3]


def test_the_commands_of_students_and_staff_open_the_lab_that_was_meant(course, monkeypatch):
    monkeypatch.setattr(student_commands, "project_root", lambda: course)
    for beginning, name in [("lab00", NAMES[0]), ("lab00b", NAMES[1])]:
        assert student_commands._notebook(beginning).stem == name
        assert commands.full_name(course, beginning) == name
    with pytest.raises(ValueError, match="found lab00_orientation, lab00b_first_network, lab01_dense"):
        student_commands._notebook("lab0")


def test_an_update_knows_the_lab_by_its_file():
    nothing = {"cells": [], "metadata": {}}
    assert update._lab(Path("Copy of lab00b_first_network (1).ipynb"), nothing).startswith("lab00b_first_network")


@pytest.mark.parametrize(
    ("lab", "file", "other"),
    [
        ("lab00_orientation", "lab00b_first_network", True),
        ("lab00_orientation", "lab00b", False),  # perhaps somebody's second try
        ("lab00_orientation", "lab00_jane", False),
        ("lab00b_first_network", "lab00_orientation", True),
        ("lab00b_first_network", "lab00", True),
        ("lab00b_first_network", "Lab 00b - jane", False),
        ("lab00b_first_network", "lab00b_first_network", False),
        ("lab02_x", "lab02b_y", True),
    ],
)
def test_what_is_handed_in_for_the_neighbour_is_told(lab, file, other):
    assert Layout(lab, Students([]), [])._other(file) is other


@pytest.mark.parametrize(
    ("heading", "lab"),
    [("Lab 0b: First network (17)", "lab00b_first_network"), ("Lab 00: Orientation (16)", "lab00_orientation")],
)
def test_a_column_of_canvas_is_of_one_lab(heading, lab):
    assert [name for name in NAMES if canvas._names(heading, name)] == [lab]


def test_a_lecture_goes_with_lab_00b():
    lecture = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("It goes with labs 00b and 01. Five …")])
    assert start_page._labs_of(lecture) == {"00b", "01"}

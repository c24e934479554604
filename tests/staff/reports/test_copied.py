"""Answers copied from the library or from a visible test are named so; honest ones, and right ones, are not."""

from __future__ import annotations

import csv
import io

import pytest

pytest.importorskip("nbgrader")

import inspect

from classroom import graded_class
from classroom.graded_class import LAB, graded, notebook

from course_lib import metrics
from course_staff.marking.lab import GradedCell, Lab
from course_staff.reports import gathered
from course_staff.reports.copied import Copy, copied, library, visible_tests
from course_staff.reports.gathered import Gathered
from course_staff.reports.similar import Leads, similar

LIBRARY = inspect.getsource(metrics.ssim)
DISGUISED = LIBRARY.replace("def ssim", "# my own\ndef similarity").replace("    ", "  ")
TEST = """
def reference(image, size):
    height, width = image.shape[-2], image.shape[-1]
    rows = [row for row in range(height) if abs(2 * row - height + 1) < size]
    return image[rows][:, [column for column in range(width) if abs(2 * column - width + 1) < size]]


for size in (1, 2, 5):
    assert (crop(image, size) == reference(image, size)).all(), "the middle of the picture"
"""
FROM_TEST = TEST.split("\n\n\n")[0].replace("reference", "crop").replace("height", "h").replace("row ", "r ")
HONEST = """
def crop(image, size):
    top = (image.shape[0] - size) // 2
    left = (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]
"""


def cell(solution: str = "def crop(image, size):\n    return image\n") -> GradedCell:
    return GradedCell("crop_test", "crop", 2.0, False, TEST, TEST, stub="def crop(image, size):\n", solution=solution)


def leads(answer: str, **given) -> list[Copy]:
    found = cell(**given)
    return copied(found, {"ada": answer}, visible_tests(Lab(LAB, (), (found,))), library())


@pytest.mark.parametrize("answer", [LIBRARY, DISGUISED, f"import numpy as np\n{LIBRARY}\ncrop = ssim\n"])
def test_an_answer_from_the_library_is_named_so(answer):
    [lead] = leads(answer)
    assert (lead.exercise, lead.student) == ("crop", "ada") and lead.alike > 0.6
    assert lead.origin.startswith("course_lib/metrics/") and lead.origin.endswith(", ssim")


def test_an_answer_from_the_visible_test_is_named_so():
    [lead] = leads(FROM_TEST)
    assert lead.origin == "the test crop_test, reference"


@pytest.mark.parametrize("answer", [HONEST, "", "def f(:", "from course_lib.metrics import ssim\ncrop = ssim\n"])
def test_honest_short_and_broken_answers_are_no_leads(answer):
    assert leads(answer) == []


def test_a_right_answer_that_the_library_happens_to_have_is_no_lead():
    assert leads(LIBRARY, solution=LIBRARY) == []


def test_it_is_printed_and_written_as_a_table(monkeypatch, tmp_path):
    students = {"ada": graded("ada", notebook=notebook(double=LIBRARY)), "bob": graded("bob", notebook=notebook())}
    monkeypatch.setattr(gathered, "gather", lambda course, name: Gathered(graded_class.lab(), students))
    course = graded_class.course(tmp_path)
    found = similar(course, LAB)
    assert "double: ada has the text of course_lib/metrics/" in str(found)
    text = (course.grading(LAB) / "similar.csv").read_text(encoding="utf-8")
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["exercise"], row["student"]) == ("double", "ada") and row["like"].endswith(", ssim")
    assert "=" not in Leads(LAB, (), 1, (Copy("=x", "a", "b", 1.0),)).table().replace("'=x", "")

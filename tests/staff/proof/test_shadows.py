"""A test must not take the place of a name that a later cell of the lab reads."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_staff.proof.shadows import shadowed

TEST = {"nbgrader": {"grade_id": "double_test", "grade": True, "solution": False}}


def lab(test: str, after: str, before: str = "lines = 3\nfrom course_lib import training") -> list:
    return [new_code_cell(before), new_code_cell(test, metadata=TEST), new_markdown_cell("lines"), new_code_cell(after)]


@pytest.mark.parametrize(
    ("test", "after"),
    [
        ("for lines in (1, 2):\n    assert lines", "print(lines)"),
        ("lines = 4", "def draw():\n    return lines"),
        ("with open('x') as lines:\n    pass", "lines + 1"),
        ("for training in (True, False):\n    pass", "training.fit()"),
        ("### BEGIN HIDDEN TESTS\nlines = 4\n### END HIDDEN TESTS", "print(lines)"),
    ],
)
def test_a_name_of_the_lab_is_missed(test, after):
    [told] = shadowed(lab(test, after))
    assert told.startswith("double_test: binds `") and "which a later cell reads" in told


@pytest.mark.parametrize(
    ("test", "after"),
    [
        ("for number in (1, 2):\n    assert number", "print(lines)"),
        ("lines = 4", "lines = 5\nprint(lines)"),
        ("lines = 4", "print('lines')"),
        ("from course_lib import training", "training.fit()"),
        ("assert [lines for lines in (1, 2)]", "print(lines)"),
        ("own = 4", "print(own)"),
    ],
)
def test_names_of_its_own_do_no_harm(test, after):
    assert shadowed(lab(test, after)) == []

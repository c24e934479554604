"""The notebook of formgrader: the mark scheme stands below the answer, for graders only."""

from __future__ import annotations

import dataclasses
import json

import nbformat
from small_class import LAB, hand_in, open_course, small_lab, submission, told_work

from course_staff.gradebook import gradebook
from course_staff.gradebook.shown import with_mark_schemes
from course_staff.marking.grade import Graded
from course_staff.marking.lab import Lab
from course_staff.marking.notebook import answers_of

SCHEME = "### BEGIN MARK SCHEME\n- 4: SAYS WHY\n### END MARK SCHEME"


def lab() -> Lab:
    plain = small_lab()
    graded = tuple(
        dataclasses.replace(cell, solution=f"Because.\n\n{SCHEME}") if cell.by_hand else cell for cell in plain.graded
    )
    return dataclasses.replace(plain, graded=graded)


def test_formgrader_shows_it_and_the_result_stays_as_it_was(tmp_path):
    course = open_course(tmp_path)
    content = submission(answers={"why": "so"})
    hand_in(course, "student01", content)
    with told_work(lab()).open() as grader:
        result = Graded.from_json(grader("student01", content))
    before = result.notebook
    gradebook.write(course, lab(), [result])
    shown = course.autograded("student01", LAB)
    notebook = nbformat.read(shown, as_version=4)
    nbformat.validate(notebook)
    sources = [cell.source for cell in notebook.cells]
    below = sources[sources.index("so") + 1]
    assert "Mark scheme, 4 in all" in below and "- 4: SAYS WHY" in below
    assert result.notebook == before and "SAYS" not in before
    assert answers_of(shown.read_text()) == answers_of(before), "a person is not asked again"


def test_without_a_scheme_nothing_is_changed():
    text = json.dumps({"cells": [], "metadata": {}})
    assert with_mark_schemes(text, small_lab()) is text

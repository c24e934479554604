"""A small class, graded by hand: a lab of two tests and a written answer, results, and nbgrader's gradebook."""

import datetime
import json
import warnings
from pathlib import Path

from sqlalchemy.exc import SAWarning

from course_staff.authoring.hidden_lines import HiddenValue
from course_staff.authoring.programs import programs_on_path
from course_staff.course import Course
from course_staff.marking.grade import Graded
from course_staff.marking.lab import GradedCell, Lab

LAB = "lab42_doubling"
STUB = "def {0}(x):\n    raise NotImplementedError('replace this line')\n"
SOLUTION = "def {0}(x):\n    result = {1} * x\n    return result\n"
HIDDEN = "assert double(0.5) == 1.0, 'hidden fractions count too'"
EXPRESSION = "triple(rng.random((17, 21)))"
DUE = datetime.datetime(2026, 11, 1, 12)


def lab() -> Lab:
    def test(name: str, factor: int, points: float, hidden: str = "", values: tuple = ()) -> GradedCell:
        visible = f"assert {name}(2) == {2 * factor}, 'two times {factor}'"
        stub, solution = STUB.format(name), SOLUTION.format(name, factor)
        full = f"{visible}\n{hidden}"
        return GradedCell(f"{name}_test", name, points, False, visible, full, values, 0, stub, solution)

    graded = (
        test("double", 2, 2.0, HIDDEN),
        test("triple", 3, 3.0, values=(HiddenValue(EXPRESSION),)),
        GradedCell("why", "why", 1.0, True, "*Write here*", "*Write here*", stub="*Write here*", solution="Because."),
    )
    return Lab(LAB, (), graded)


def cell(kind: str, source: str, name: str = "", *, solution=False, grade=False, outputs=()) -> dict:
    """A cell of an autograded notebook."""
    meta = {"grade_id": name, "solution": solution, "grade": grade} if name else None
    found = {"cell_type": kind, "metadata": {"nbgrader": meta} if meta else {}, "source": source}
    return found if kind == "markdown" else found | {"outputs": list(outputs), "execution_count": None}


def notebook(double=None, triple=None, why="Because.", *, outputs=(), test_outputs=(), more=()) -> str:
    """The autograded notebook of a student; answers default to the solution."""
    cells = [
        cell("code", double or SOLUTION.format("double", 2), "double", solution=True, outputs=outputs),
        cell("code", lab().cell("double_test").source, "double_test", grade=True, outputs=test_outputs),
        cell("code", triple or SOLUTION.format("triple", 3), "triple", solution=True),
        cell("code", lab().cell("triple_test").source, "triple_test", grade=True),
        cell("markdown", why, "why", solution=True, grade=True),
        *more,
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def graded(student: str, double=2.0, triple=3.0, **fields) -> Graded:
    """A result; an exercise without all its points has a message and a fingerprint."""
    marks = {"double_test": double, "triple_test": triple, "why": None}
    lost = [cell for cell in lab().graded if not cell.by_hand and marks[cell.name] != cell.points]
    given = {
        "messages": {cell.name: f"AssertionError: look at {cell.exercise}" for cell in lost},
        "fingerprints": {cell.exercise: f"print of {cell.exercise}" for cell in lost},
        "notebook": notebook(),
        "seconds": 1.5,
        "peak_memory": 300 * 2**20,
    }
    return Graded(student, LAB, "digest", marks, **(given | fields))


def course(folder: Path) -> Course:
    programs_on_path()
    folder.mkdir(exist_ok=True)
    return Course.open(folder)


def enter(course: Course, results: list[Graded], *, missing=(), late=None, names=None, name=LAB) -> None:
    """Write results into the gradebook as nbgrader does. late: student -> hours after the due date."""
    late, names = late or {}, names or {}
    with course.gradebook(create=True) as gradebook, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own, about its own sessions
        gradebook.update_or_create_assignment(name, duedate=DUE)
        gradebook.update_or_create_notebook(name, name)
        for item in lab().graded:
            kind = "markdown" if item.by_hand else "code"
            gradebook.update_or_create_grade_cell(item.name, name, name, max_score=item.points, cell_type=kind)
            gradebook.update_or_create_solution_cell(item.exercise, name, name)
        for student in [*(result.student for result in results), *missing]:
            gradebook.update_or_create_student(student, **names.get(student, {}))
        for result in results:
            when = DUE + datetime.timedelta(hours=late.get(result.student, -1))
            gradebook.update_or_create_submission(name, result.student, timestamp=when.isoformat())
            for item in lab().graded:
                grade = gradebook.find_grade(item.name, name, name, result.student)
                grade.auto_score = result.marks[item.name]
                grade.needs_manual_grade = result.marks[item.name] is None
        gradebook.db.commit()


def by_hand(course: Course, student: str, score: float, comment: str = "") -> None:
    """What a person does in the formgrader."""
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", LAB, LAB, student)
        grade.manual_score, grade.needs_manual_grade = score, False
        if comment:
            gradebook.find_comment("why", LAB, LAB, student).manual_comment = comment
        gradebook.db.commit()

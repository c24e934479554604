"""Proof that `course grade` marks a lab as nbgrader does: the solution gets all points, the stub none.

It runs in sessions of the class's grader, so in other processes than the rest of the proof. What it runs is our own:
no sandbox is needed.
"""

from __future__ import annotations

import sys

import nbformat
from nbformat import NotebookNode

from course_staff.authoring.source import Exercise
from course_staff.proof.kernel import Scores, Values
from course_staff.proof.values_proof import SECRETS

CAN_FORK = sys.platform == "linux"  # elsewhere there is no grader of classes


def grade_as_a_class(
    name: str, solution: NotebookNode, stub: NotebookNode, exercises: list[Exercise]
) -> tuple[dict[str, Scores], dict[str, str], Values]:
    """Grade solution and stub; returns both scores, what the solution was told, and its hidden values.

    Raises SourceError where the solution fails a test.
    """
    from course_staff.marking.grade import grade, with_expected
    from course_staff.marking.reading import make_lab
    from course_staff.sandbox.sandbox import Sandbox

    lab = make_lab(name, solution, stub, exercises, secret=SECRETS[0])
    with Sandbox(lab.modules, unsafe=True) as sandbox:
        lab = with_expected(lab, sandbox)
        submissions = {"solution": solution, "stub": stub}
        graded = {
            who: grade(nbformat.writes(notebook, version=nbformat.NO_CONVERT).encode(), lab, sandbox)
            for who, notebook in submissions.items()
        }
    tests = [cell.name for cell in lab.graded if not cell.by_hand]
    scores = {who: {test: found.marks.get(test, 0.0) or 0.0 for test in tests} for who, found in graded.items()}
    values = {cell.name: {cell.seed: lab.expected[cell.exercise]} for cell in lab.graded if cell.values}
    return scores, graded["solution"].messages, values

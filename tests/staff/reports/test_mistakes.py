"""Which mistake is it: failing answers are matched with the lab's named wrong answers by their fingerprints."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import LAB, graded, lab

from course_staff.authoring import source
from course_staff.course import Course
from course_staff.marking import results
from course_staff.marking.grade import Graded, grade, with_expected
from course_staff.marking.notebook import answers_of
from course_staff.marking.reading import read_lab_to_grade
from course_staff.reports.feedback import feedback
from course_staff.reports.mistakes import mistakes_of, named_mistakes, stored_mistakes
from course_staff.reports.report import report
from course_staff.reports.similar import similar
from course_staff.sandbox.sandbox import Sandbox

SOURCE = """\
# %% [markdown]
# # Lab 42: Doubling

# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% nbgrader={"grade_id": "double_test", "points": 2}
assert double(3) == 6, f"twice three is six, got {double(3)}"

# %% nbgrader={"grade_id": "triple", "solution": true}
def triple(x):
    ### BEGIN SOLUTION
    return 3 * x
    ### END SOLUTION

# %% nbgrader={"grade_id": "triple_test", "points": 3}
assert triple(2) == 6, f"three times two is six, got {triple(2)}"

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "points": 1}
# Because.
"""
WRONG = """\
# %% [double] squares
# Confuses doubling with squaring.
def double(x):
    return x**2

# %% [double] adds_two
# Right for 2 only.
def double(x):
    return x + 2

# %% [double] forgets_to_return
# Prints instead.
def double(x):
    print(2 * x)

# %% [triple] doubles
# One too few.
def triple(x):
    return 2 * x
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / f"{LAB}.py").write_text(SOURCE)
    (tmp_path / "solutions" / f"{LAB}.wrong.py").write_text(WRONG)
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "OWNER/NAME"\nbranch = "main"\n')
    return tmp_path


class Grader:
    """Stands for the sandbox: fails what is not the solution, with one fingerprint for `x**2` and `x + 2`."""

    def __init__(self):
        self.submissions = []

    def __call__(self, submissions: list[bytes]) -> list[Graded]:
        return [self._grade(submission) for submission in submissions]

    def _grade(self, submission: bytes) -> Graded:
        text = submission.decode()
        self.submissions.append(json.loads(text))
        answers, prints = answers_of(text), {}
        for exercise, factor in (("double", 2), ("triple", 3)):
            if f"return {factor} * x" not in answers[exercise]:
                prints[exercise] = "no value" if "print" in answers[exercise] else f"wrong {exercise}"
        return Graded("", LAB, "", fingerprints=prints)


def test_every_wrong_answer_is_graded_in_as_few_submissions_as_can_be(root):
    grader = Grader()
    named = named_mistakes(root, lab(), grader)
    assert len(grader.submissions) == 3  # as many as the exercise with most wrong answers
    assert named == {
        "double": {
            "wrong double": ["squares: Confuses doubling with squaring.", "adds two: Right for 2 only."],
            "no value": ["forgets to return: Prints instead."],
        },
        "triple": {"wrong triple": ["doubles: One too few."]},
    }


def test_a_lab_without_wrong_answers_has_no_named_mistakes(root):
    (root / "solutions" / f"{LAB}.wrong.py").unlink()
    assert named_mistakes(root, lab(), Grader()) == {}


def test_a_failing_answer_gets_the_names_of_its_fingerprint_or_its_message(root):
    named = named_mistakes(root, lab(), Grader())
    found = mistakes_of(graded("a", 0.0, 0.0, fingerprints={"double": "wrong double", "triple": "?"}), lab(), named)
    assert str(found["double"]) == "squares: Confuses doubling with squaring. – or: adds two: Right for 2 only."
    assert found["triple"].named == () and str(found["triple"]) == "AssertionError: look at triple"


def test_right_answers_and_those_that_wait_for_a_person_are_no_mistakes():
    assert mistakes_of(graded("a"), lab(), {}) == {}
    assert mistakes_of(Graded("a", LAB, ""), lab(), {}) == {}


def test_they_are_made_once_for_each_version_of_the_lab_and_of_its_wrong_answers(root):
    calls, course = [], graded_class.course(root)

    def make():
        calls.append(1)
        return {"double": {"f": ["squares"]}}

    first = lab()
    for _ in range(2):
        assert stored_mistakes(course, first, make) == {"double": {"f": ["squares"]}}
    assert len(calls) == 1
    changed = type(first)(first.name, ({"source": "another cell"},), first.graded)
    stored_mistakes(course, changed, make)
    assert len(calls) == 2
    (course.grading(LAB) / "mistakes.json").write_text("{broken")
    stored_mistakes(course, changed, make)
    assert len(calls) == 3
    (root / "solutions" / f"{LAB}.wrong.py").write_text(WRONG.replace("adds_two", "adds_2"))
    stored_mistakes(course, changed, make)
    stored_mistakes(course, changed, make)
    assert len(calls) == 4


def test_from_submissions_to_report_feedback_and_leads(root):
    """The whole path, on a tiny course of our own harmless answers: so without a sandbox."""
    shutil.copy(Path(__file__).parents[3] / "nbgrader_config.py", root)
    course = Course(root, f"sqlite:///{root}/gradebook.db")
    to_grade = read_lab_to_grade(root, LAB, secret=course.secret)
    answers = {
        "ada": {"double": "def double(number):\n    return number * number\n"},  # `squares`, in other words
        "bob": {},
        "cem": {"triple": "def triple(x):\n    return 7\n"},
    }
    with Sandbox(unsafe=True) as sandbox:
        ready = with_expected(to_grade, sandbox)
        for student, own in answers.items():
            notebook = source.read_lab(root / "solutions" / f"{LAB}.py", source.Address.of(root))
            for cell in notebook.cells:
                cell.source = own.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
            results.save(course, LAB, grade(json.dumps(notebook).encode(), ready, sandbox, student=student))
    (course.grading(LAB) / "run.json").write_text('{"unsafe": true}')
    (root / "grading" / "students.csv").write_text("id,first,last\nada,Ada,A.\nzoe,Zoe,Z.\n")

    page, table = (path.read_text() for path in report(course, LAB))
    assert "<b>1 student</b>: squares: Confuses doubling with squaring." in page and "UNSAFE" in page
    assert "zoe" in table and "nothing was handed in" in table and "not matched" not in page
    assert [path.parent.parent.name for path in feedback(course, LAB)] == ["ada", "bob", "cem"]
    assert "0 pairs among" in str(similar(course, LAB))
    assert (course.grading(LAB) / "mistakes.json").exists()

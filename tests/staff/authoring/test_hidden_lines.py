"""Hidden values in a lab's source: students never get them, and the proof finds those that prove nothing."""

import copy
import shutil
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")

from course_staff.authoring import build as building
from course_staff.authoring import source
from course_staff.authoring.hidden_lines import HiddenValue
from course_staff.proof import check as checking
from course_staff.proof.class_proof import CAN_FORK
from course_staff.proof.values_proof import ValuesProof, as_read
from course_staff.sandbox.inside.values import compute

ROOT = Path(__file__).resolve().parents[3]

LAB = """\
# %% [markdown]
# # Lab 90: Tiny

# %%
import numpy as np

# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "double_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.images.rescale"):
    assert double(2) == 4, "two times two is four"
    ### HIDDEN VALUE: double(rng.normal(0, 3, 4))
print("double: right")
"""

WRONG = """\
# %% [double] calls_the_library
# Calls the library.
def double(x):
    from course_lib.images import rescale

    return float(rescale(np.zeros((2, 2))).sum()) + 2 * x


# %% [double] squares
# Confuses doubling with squaring: right for 2. Only fresh numbers tell.
def double(x):
    return 4 if isinstance(x, int) else x**2 + 1


# %% [double] adds_three
# Confuses doubling with adding.
def double(x):
    return x + 3


# %% [double] returns_nothing
# Prints the result.
def double(x):
    print(2 * x)
"""
LINE = "### HIDDEN VALUE: double(rng.normal(0, 3, 4))"


@pytest.fixture
def course(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "someone/somewhere"\nbranch = "main"\n')
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    for folder in ("solutions", "labs", "lectures"):
        (tmp_path / folder).mkdir()
    write(tmp_path)
    return tmp_path


def write(course, lab=LAB, wrong=WRONG):
    (course / "solutions" / "lab90_tiny.py").write_text(lab)
    (course / "solutions" / "lab90_tiny.wrong.py").write_text(wrong)


def read(course):
    return source.read_lab(course / "solutions" / "lab90_tiny.py", source.Address("a/b", "main"))


def test_a_line_becomes_a_hidden_test_of_nbgrader_that_does_nothing(course):
    (test,) = [cell for cell in read(course).cells if cell.id == "double_test"]
    lines = test.source.split("\n")
    at = lines.index("    " + LINE)
    assert (lines[at - 1], lines[at + 1]) == ("    ### BEGIN HIDDEN TESTS", "    ### END HIDDEN TESTS")
    assert source.hidden_values(test.source) == (
        HiddenValue("double(rng.normal(0, 3, 4))", ("course_lib.images.rescale",)),
    )
    exec(test.source, {"double": lambda x: 4})


def test_students_get_what_they_would_get_without_the_line(course):
    assert building.build(course, ["lab90"]) == 0
    released = course / "labs" / "lab90_tiny" / "lab90_tiny.ipynb"
    text = released.read_text()
    write(course, LAB.replace(f"    {LINE}\n", ""))
    assert building.build(course, ["lab90"]) == 0
    assert released.read_text() == text and "HIDDEN" not in text and "rng" not in text
    assert len(nbformat.reads(text, 4).cells) == 4


def test_a_line_inside_a_hidden_test_and_several_lines_are_read(course):
    region = f"    ### BEGIN HIDDEN TESTS\n    assert double(3) == 6\n    {LINE}\n    ### END HIDDEN TESTS\n"
    write(course, LAB.replace(f"    {LINE}\n", region + "    ### HIDDEN VALUE: rng.random() + double(0)\n"))
    (test,) = [cell for cell in read(course).cells if cell.id == "double_test"]
    assert test.source.count("BEGIN HIDDEN TESTS") == 2 == test.source.count("END HIDDEN TESTS")
    found = [value.expression for value in source.hidden_values(test.source)]
    assert found == ["double(rng.normal(0, 3, 4))", "rng.random() + double(0)"]
    assert building.build(course, ["lab90"]) == 0, "nbgrader takes no region inside a region"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("double(rng.normal(0, 3, 4))", "double(rng.", "double_test: hidden value 'double(rng.': expected one Python"),
        ("double(rng.normal(0, 3, 4))", "x = rng.random()", "expected one Python expression"),
        ("double(rng.normal(0, 3, 4))", "double(3)", "draw its inputs from `rng`"),
        ("double(rng.normal(0, 3, 4))", "", "expected one Python expression"),
        (
            'without("course_lib.images.rescale")',
            'without("course_lib." + "images.rescale")',
            "must write out the names",
        ),
        ("import numpy as np", f"import numpy as np\n{LINE}", "stands in the test cell of an exercise"),
        ("    ### BEGIN SOLUTION\n", f"    ### BEGIN SOLUTION\n    {LINE}\n", "stands in the test cell of an exercise"),
        ("# # Lab 90: Tiny", "# # Lab 90: Tiny\n###_HIDDEN VALUE: rng", ""),
        ("with without", "with with", "invalid syntax"),
    ],
)
def test_lines_that_are_wrong_are_refused_in_words(course, old, new, says):
    write(course, LAB.replace(old, new, 1))
    if not says:
        read(course)
        return
    with pytest.raises(source.SourceError) as told:
        read(course)
    assert says in str(told.value) and "lab90_tiny.py" in str(told.value)


# --- the proof ---


def test_proven_values_pass(course, capsys):
    assert checking.check(course, verbose=True) == 0, capsys.readouterr().out
    told = capsys.readouterr().out
    assert "stub 0, 4 wrong answers lose what they must, 1 hidden values" in told
    assert "[double] squares: other numbers than expected: 4 of 4 differ [hidden" in told, "no visible test finds it"
    assert "[hidden values: no value: it calls the library's function" in told
    assert "[hidden values: None where an array of 1 dimension is expected]" in told


def proof(code, *expressions):
    cell = nbformat.v4.new_code_cell(code + "".join(f"\n### HIDDEN VALUE: {text}" for text in expressions))
    cell.metadata["nbgrader"] = {"grade_id": "f_test"}
    return ValuesProof("lab90", [cell, nbformat.v4.new_code_cell("x = 1")])


def run(seeds, f, *expressions):
    return {
        test: {seed: [text.decode() for text in compute(expressions, {"f": f}, seed=seed)] for seed in of_test}
        for test, of_test in seeds.items()
    }


def judged(expression, solution, wrong=lambda x: x + 1, again=None, name="wrong"):
    subject = proof("f(1)", expression)
    assert subject.count == 1 and list(subject.seeds) == ["f_test"] and subject.seeds_of("g_test") == {}
    subject.solution(run(subject.seeds, solution, expression))
    said = subject.wrong_answer("f_test", name, run(subject.seeds_of("f_test"), wrong, expression))
    subject.solution(run(subject.many_seeds, again or solution, expression))
    return subject.problems(), said


def test_good_values_leave_no_problem():
    problems, said = judged("f(rng.random(3))", lambda x: x)
    assert problems == [] and said == "other numbers than expected: 3 of 3 differ"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"solution": lambda x: 3.0}, "the value is the same for other inputs"),
        ({"solution": lambda x: x / 0}, "the solution gives no value: it raises an error (ZeroDivisionError)"),
        ({"solution": lambda x: [1, {"a": x * float("nan")}]}, "the solution gives NaN or an infinity"),
        ({"solution": lambda x: x, "again": lambda x: x + 0.1}, "the solution gives another value in another run"),
        ({"solution": lambda x: x, "wrong": lambda x: x * 1}, "no named wrong answer is caught by the hidden values"),
        (
            {"solution": lambda x: x, "name": "calls_the_library"},
            "no named wrong answer is caught by the hidden values",
        ),
    ],
)
def test_each_flaw_is_named(arguments, says):
    problems, _ = judged("f(rng.random())", **arguments)
    assert sum(says in problem for problem in problems) == 1 and all("f_test" in problem for problem in problems)


def test_values_that_no_run_gave_are_missed():
    subject = proof("f(1)", "f(rng.random())")
    assert subject.wrong_answer("g_test", "wrong", {}) is None
    assert "were not computed" in subject.problems()[0]


def test_what_a_value_reads_counts_as_read_by_its_test():
    from course_staff.code.names import names_of

    cell = nbformat.v4.new_code_cell("assert f(1)\n### HIDDEN VALUE: f(g(rng.random(3)), random_tensor(rng, 2))")
    assert names_of(as_read(cell)).needs == {"f", "g"}


@pytest.mark.skipif(not CAN_FORK, reason="classes are graded on Linux")
def test_the_grader_of_classes_is_proved_too(course, capsys, monkeypatch):
    from course_staff.marking import grade

    def forgetful(submission, lab, sandbox, *, student=""):
        marks = {"double_test": 2.0 if b"raise NotImplementedError" in submission else 0.0}
        return grade.Graded(student, lab.name, "", marks, {"double_test": "why so"})

    def instead(root, folder, name, notebook):
        stub = copy.deepcopy(notebook)
        (answer,) = [cell for cell in stub.cells if cell.id == "double"]
        answer.source = "raise NotImplementedError"
        return {"solution": {"double_test": 2.0}, "stub": {"double_test": 0.0}}, stub

    monkeypatch.setattr(grade, "grade", forgetful)
    monkeypatch.setattr(checking, "_grade_with_nbgrader", instead)  # proved elsewhere
    assert checking.check(course, workers=1) == 1
    told = capsys.readouterr().out
    assert "solution (course grade): expected 2 points in double_test, got 0.0: why so" in told
    assert "released stub (course grade): expected 0 points in double_test, got 2.0" in told

"""Build and check, on a tiny course made here: what they derive, what they refuse, and that the proof can fail."""

import copy
import json
import os
import re
import shutil
import textwrap
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")

from course_staff.authoring import build as building
from course_staff.authoring import source
from course_staff.authoring.edits import EditError, applied
from course_staff.proof import check as checking

ROOT = Path(__file__).resolve().parents[3]

LAB = """\
# %% [markdown]
# # Lab 90: Tiny
#
# {{badges}}
#
# {{exercises}}

# %%
import numpy as np

# %% [markdown]
# ## Double it ({{points double}}) and tell why ({{points why}})

# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "double_test", "points": 2.5}
from course_lib.exercise import without

with without("course_lib.images.rescale"):
    assert double(2) == 4, "two times two is four"
    ### BEGIN HIDDEN TESTS
    assert double(-3) == -6, "look at negative numbers"
    ### END HIDDEN TESTS
    ### EXEMPT: a tiny course

# %% tags=["experiment"]
raise RuntimeError("an experiment is skipped when grading")

# %% nbgrader={"grade_id": "half", "solution": true}
def half(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION


# %% nbgrader={"grade_id": "half_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.images.rescale"):
    assert half(3) == 1.5, "half of three is one and a half"
    ### EXEMPT: a tiny course

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "points": 1}
# Because.
"""

WRONG = """\
# Named wrong answers.

# %% [double] calls_the_library
# Calls the library.
def double(x):
    from course_lib.images import rescale

    return float(rescale(np.zeros((2, 2))).sum()) + 2 * x


# %% [double] squares
# Confuses doubling with squaring: right for 2,
# wrong for -3.
def double(x):
    return x**2


# %% [double] adds_two
# Confuses doubling with adding two.
def double(x):
    return x + 2


# %% [double] returns_nothing
# Prints the result.
def double(x):
    print(2 * x)


# %% [half] calls_the_library
# Calls the library.
def half(x):
    from course_lib.images import rescale

    return float(rescale(np.zeros((2, 2))).sum()) + x / 2


# %% [half] rounds
# Uses integer division.
def half(x):
    return x // 2


# %% [half] doubles
# Goes the wrong way.
def half(x):
    return 2 * x


# %% [half] constant
# Answers the example only.
def half(x):
    return 1
"""


@pytest.fixture
def course(tmp_path):
    """A course of one tiny lab and one lecture, not built yet."""
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "someone/somewhere"\nbranch = "main"\n')
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "README.md").write_text("# Course\n<!-- labs:begin -->\nold\n<!-- labs:end -->\nend\n")
    for folder in ("solutions", "labs", "lectures"):
        (tmp_path / folder).mkdir()
    (tmp_path / "solutions" / "lab90_tiny.py").write_text(LAB)
    (tmp_path / "solutions" / "lab90_tiny.wrong.py").write_text(WRONG)
    (tmp_path / "lectures" / "90_tiny.py").write_text(
        "# %% [markdown]\n# # Lecture 90\n#\n# {{badges}}\n\n# %%\n1 + 1\n"
    )
    return tmp_path


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def student(course):
    return nbformat.read(course / "labs" / "lab90_tiny" / "lab90_tiny.ipynb", as_version=4)


def test_build_derives_everything_and_repeats_itself_byte_for_byte(course, capsys):
    assert building.build(course) == 0
    files = {path: path.read_bytes() for path in course.rglob("*") if path.suffix in (".ipynb", ".md")}
    assert {path.relative_to(course).as_posix() for path in files} == {
        "README.md",
        "labs/EXERCISES.md",
        "labs/START.md",
        "labs/lab90_tiny/lab90_tiny.ipynb",
        "lectures/90_tiny.ipynb",
        "solutions/lab90_tiny/lab90_tiny.ipynb",
    }
    assert building.build(course, check=True) == 0
    for path in files:
        if path.name != "README.md":
            path.unlink()
    assert building.build(course) == 0
    assert {path: path.read_bytes() for path in files} == files


def test_the_student_version_has_stubs_points_and_no_answers(course):
    building.build(course)
    notebook = student(course)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert (
        "return 2 * x" not in text and "HIDDEN" not in text and "negative numbers" not in text and "Because" not in text
    )
    assert text.count("raise NotImplementedError") == 2
    assert "Double it (2.5 points) and tell why (1 point)" in text
    assert "| **all** | **4.5** | |" in text
    assert "colab.research.google.com/github/someone/somewhere/blob/main/labs/lab90_tiny/lab90_tiny.ipynb" in text
    assert all("outputs" not in cell or cell.outputs == [] for cell in notebook.cells)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids) and {"double", "double_test", "why"} <= set(ids)
    locked = {
        cell.metadata.nbgrader.grade_id: cell.metadata.get("editable", True)
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    }
    assert locked == {"double": True, "double_test": False, "half": True, "half_test": False, "why": True}
    assert "| [Lab 90: Tiny](labs/lab90_tiny/lab90_tiny.ipynb) | 4.5 |" in (course / "README.md").read_text()


def test_ids_change_only_where_a_cell_changes(course):
    building.build(course)
    before = [cell.id for cell in student(course).cells]
    edit(
        course / "solutions" / "lab90_tiny.py",
        "# %%\nimport numpy as np",
        "# %% [markdown]\n# New words.\n\n# %%\nimport numpy as np",
    )
    building.build(course)
    after = [cell.id for cell in student(course).cells]
    assert [identifier for identifier in after if identifier in before] == before and len(after) == len(before) + 1


def test_check_shows_what_differs(course, capsys):
    building.build(course)
    shutil.rmtree(course / "solutions" / "lab90_tiny")  # not committed, so a clean clone has none
    assert building.build(course, check=True) == 0
    edit(course / "solutions" / "lab90_tiny.py", "two times two is four", "2 · 2 = 4")
    capsys.readouterr()
    assert building.build(course, check=True) == 1
    told = capsys.readouterr().out
    assert '-    assert double(2) == 4, "two times two is four"' in told and "+    assert double(2) == 4, " in told
    assert "course build" in told
    assert "two times" in "".join(cell.source for cell in student(course).cells), "--check must not write"


def test_check_finds_edited_missing_and_stray_notebooks(course, capsys):
    building.build(course)
    path = course / "labs" / "lab90_tiny" / "lab90_tiny.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hello"}]
    path.write_text(json.dumps(notebook))
    (course / "lectures" / "90_tiny.ipynb").unlink()
    (course / "labs" / "EXERCISES.md").write_text("edited\n")
    stray = course / "labs" / "lab91_stray" / "lab91_stray.ipynb"
    stray.parent.mkdir()
    stray.write_text("{}")
    assert building.build(course, check=True) == 1
    told = capsys.readouterr().out
    for words in ("a committed notebook has none", "90_tiny.ipynb: missing", "-edited", "lab91_stray.ipynb: no source"):
        assert words in told
    assert building.build(course) == 1, "a stray notebook needs a person"
    path.write_text("no json")
    assert building.build(course, check=True) == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"double_test", "points": 2.5', '"twice_test", "points": 2.5', "needs an answer cell"),
        (
            '{"grade_id": "double", "solution": true}',
            '{"grade_id": "double"}',
            "needs a grade_id, and solution or points",
        ),
        ("{{points why}}", "{{points who}}", "is none of badges, exercises, points double, points half, points why"),
        ("# # Lab 90: Tiny", "# Lab 90", "first heading"),
    ],
)
def test_wrong_sources_are_refused_in_words(course, capsys, old, new, says):
    edit(course / "solutions" / "lab90_tiny.py", old, new)
    assert building.build(course) == 1
    assert says in capsys.readouterr().out


def test_other_refusals(course, capsys):
    assert building.build(course, ["lab77"]) == 1
    assert "there are: lab90_tiny" in capsys.readouterr().out
    (course / "README.md").write_text("no markers")
    assert building.build(course) == 1
    assert "README.md: the table of labs needs" in capsys.readouterr().out
    assert building.build(course, ["lab90"]) == 0, "one lab alone needs no README"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# %% double squares\n# Why.\nx = 1\n", r"expected a cell header"),
        ("# %% [double] squares\nx = 1\n", "say the misconception"),
        ('# %% [double] squares\n# Why.\nedit("2 * x", "x**2")\n', "once in the solution, found it 0 times"),
        ("# %% [double] squares\n# Why.\ndef double(x):\nreturn 2\n", "squares: expected an indented block"),
    ],
)
def test_wrong_answer_files_are_refused_in_words(tmp_path, text, says):
    path = tmp_path / "lab.wrong.py"
    path.write_text(text)
    with pytest.raises(source.SourceError, match=says):
        source.read_wrong_answers(path)


def test_wrong_answers_are_read(course):
    found = source.read_wrong_answers(course / "solutions" / "lab90_tiny.wrong.py")
    assert [wrong.name for wrong in found][:3] == ["calls_the_library", "squares", "adds_two"]
    assert found[1].exercise == "double"
    assert found[1].misconception == "Confuses doubling with squaring: right for 2, wrong for -3."
    assert found[1].code == "def double(x):\n    return x**2\n"


def test_a_wrong_answer_may_be_edits_of_the_solution(course):
    path = course / "solutions" / "lab90_tiny.wrong.py"
    path.write_text('# %% [double] squares\n# Why.\nedit("2 * x", "x**2")\n')
    [wrong] = source.read_wrong_answers(path)
    assert "x**2" in wrong.code and "2 * x" not in wrong.code and wrong.code.startswith("def double(x):")


SOLUTION = "def f(x):\n    y = x + 1\n    return y\n"


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ('edit("x + 1", "x - 1")', "def f(x):\n    y = x - 1\n    return y\n"),
        ('edit("""\n    y = x + 1\n    return y\n""", """\n    return x\n""")', "def f(x):\n    return x\n"),
        ('edit("+", "-")\nedit("return y", "return -y")', "def f(x):\n    y = x - 1\n    return -y\n"),
        ("def f(x):\n    return 1\n", "def f(x):\n    return 1\n"),
    ],
)
def test_edits_are_made(code, wrong):
    assert applied(code, SOLUTION) == wrong


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ('edit("x", "z")', "found it 2 times"),
        ('edit("", "z")', "found it 0 times"),
        ('edit("x + 2", "x")', "found it 0 times"),
        ('edit("x + 1", "x + 1")', "leave the solution as it is"),
        ('edit("x + 1", "x - 1")\nx = 3', "here are both"),
        ("edit(1, 2)", "two literal texts"),
        ('edit(old="x", new="y")', "two literal texts"),
        ('edit(name, "y")', "two literal texts"),
    ],
)
def test_edits_that_do_not_fit_are_refused(code, says):
    with pytest.raises(EditError, match=says):
        applied(code, SOLUTION)


def test_proven_graders_pass(course, capsys):
    assert checking.check(course, verbose=True) == 0
    told = capsys.readouterr().out
    assert "OK   lab90_tiny: solution 3.5 points (+1 by hand), stub 0, 8 wrong answers" in told
    assert "[double] squares: AssertionError: look at negative numbers" in told
    assert "[half] calls_the_library: AnswerFromLibrary" in told
    assert re.search(r"\d\.\d{3} s  half_test\n", told), "how long the cells of the solution run"


EXEMPT = "    ### EXEMPT: a tiny course\n"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (EXEMPT, "", "exercise double: no hidden value"),
        (EXEMPT, "    ### EXEMPT:\n", "exercise double: `### EXEMPT: reason` says why"),
        (EXEMPT, EXEMPT + "    ### HIDDEN VALUE: double(rng.normal())\n", "exercise double: `### EXEMPT: reason` says"),
        (EXEMPT, EXEMPT + 31 * "    assert True, 'x'\n", "double_test: a student sees at most 30 lines"),
        (EXEMPT, EXEMPT + f"    assert True, '{'x' * 100}'\n", "double_test: lines of at most 100 characters"),
    ],
)
def test_an_author_is_told_what_a_test_cell_lacks(course, capsys, old, new, says):
    path = course / "solutions" / "lab90_tiny.py"
    path.write_text(path.read_text().replace(old, new, 1))
    assert checking.check(course) == 1
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    "definition",
    [
        "def expected(x):\n    return x + x\n\n",
        "factor = 2\n\ndef expected(x):\n    return factor * x\n\n",
        "expected = lambda x: x * 2\n\n",
        "def helper(x):\n    return x\n\ndef expected(x):\n    return helper(x) + helper(x)\n\n",
        "given = tuple([1])\nside = given[0]\n\ndef expected(x):\n    return 2 * x\n\n",
    ],
)
def test_a_test_must_not_give_the_answer_away(course, capsys, definition):
    path = course / "solutions" / "lab90_tiny.py"
    path.write_text(path.read_text().replace("with without", definition + "with without", 1))
    assert checking.check(course) == 1
    assert "[double] pastes_expected: expected 0 points in double_test, got 2.5" in capsys.readouterr().out


def test_a_helper_that_is_no_answer_may_stand_in_a_test(course, capsys):
    path = course / "solutions" / "lab90_tiny.py"
    helper = "class Watched(float):\n    pass\n\ndef twice(call):\n    return [call(1), call(2)]\n\n"
    path.write_text(path.read_text().replace("with without", helper + "with without", 1))
    assert checking.check(course) == 0
    assert "10 wrong answers" in capsys.readouterr().out, "the two definitions were tried"


def test_hidden_definitions_are_not_given_away(course, capsys):
    path = course / "solutions" / "lab90_tiny.py"
    hidden = "    def expected(x):\n        return 2 * x\n    assert double(-3)"
    path.write_text(path.read_text().replace("    assert double(-3)", hidden, 1))
    assert checking.check(course) == 0


def test_what_stands_for_authors_is_not_released_and_a_test_is_collapsed(course):
    assert building.build(course) == 0
    for folder in ("labs", "solutions"):
        notebook = nbformat.read(course / folder / "lab90_tiny" / "lab90_tiny.ipynb", as_version=4)
        cells = {cell.id: cell for cell in notebook.cells}
        assert ("EXEMPT" in cells["double_test"].source) == (folder == "solutions")
        assert cells["double_test"].metadata["jupyter"] == {"source_hidden": True}
        assert cells["double_test"].metadata["cellView"] == "form"
        assert "jupyter" not in cells["double"].metadata


def test_an_error_that_no_student_understands_is_refused(course, capsys):
    path = course / "solutions" / "lab90_tiny.wrong.py"
    path.write_text(path.read_text() + "\n# %% [half] stops\n# Stops.\ndef half(x):\n    raise ValueError('odd')\n")
    assert checking.check(course) == 1
    assert "translation.py does not know what to say" in capsys.readouterr().out


def test_the_proof_fails_where_a_grader_is_weak(course, capsys):
    lab, wrong = course / "solutions" / "lab90_tiny.py", course / "solutions" / "lab90_tiny.wrong.py"
    # a solution that fails, a test that also fails for the other exercise's wrong answers, a message that says nothing,
    # a library that stays open, a wrong answer that passes, too few wrong answers, and one for no exercise
    edit(lab, "return x / 2", "return x / 3")
    edit(lab, 'assert half(3) == 1.5, "half of three is one and a half"', "assert half(3) == 1.5 and double(1) == 2")
    edit(lab, 'with without("course_lib.images.rescale"):\n    assert double', "if True:\n    assert double")
    edit(wrong, "    return x + 2\n", "    return x + x\n")
    edit(wrong, "# %% [half] doubles", "# %% [quarter] doubles")
    assert checking.check(course, workers=1) == 1
    told = capsys.readouterr().out
    for words in (
        "FAIL lab90_tiny",
        "solution (nbgrader): expected 1 points in half_test, got 0",
        "wrong answer [double] squares: expected 1 points in half_test, got 0",
        "[half] rounds: the failing assert has no message",
        "[double] calls_the_library: expected 0 points in double_test",
        "wrong answer [double] adds_two: expected 0 points in double_test, got 2.5",
        "exercise half: expected 3 named wrong answers",
        "[quarter] doubles: there is no such exercise",
        "solution (after the wrong answers)",
    ):
        assert words in told, f"{words!r} is missing in:\n{told}"


@pytest.fixture
def without_nbgrader(monkeypatch):
    """Leaves the first half of the proof out. Returns a list that collects what each run in the kernel was given."""
    runs, grade = [], checking.Kernel.grade

    def instead(root, folder, name, notebook):
        stub = copy.deepcopy(notebook)
        for cell in stub.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source = "raise NotImplementedError"
        return {
            "solution": {"double_test": 2.5, "half_test": 1.0},
            "stub": {"double_test": 0.0, "half_test": 0.0},
        }, stub

    def noting(self, cells, label, seeds=None):
        runs.append((label, [cell.metadata.get("nbgrader", {}).get("grade_id", "plain") for cell in cells]))
        return grade(self, cells, label, seeds)

    monkeypatch.setattr(checking, "_grade_with_nbgrader", instead)
    monkeypatch.setattr(checking.Kernel, "grade", noting)
    monkeypatch.setattr(checking, "CAN_FORK", False)
    return runs


def test_a_wrong_answer_runs_only_what_it_can_reach(course, capsys, without_nbgrader):
    wrong = course / "solutions" / "lab90_tiny.wrong.py"
    edit(wrong, "    return x + 2\n", "    return eval('x + 2')\n")
    assert checking.check(course, workers=1) == 0, capsys.readouterr().out
    everything = ["plain", "double", "double_test", "half", "half_test"]
    seen = dict(without_nbgrader)
    assert seen["[double] squares"] == ["plain", "double", "double_test"]
    assert seen["[half] rounds"] == ["plain", "half", "half_test"]
    assert seen["[double] adds_two"] == everything, "who knows what `eval` reaches"
    assert [cells for label, cells in without_nbgrader[-2:]] == [everything, everything], "solution and stub"
    parts = [cells for label, cells in without_nbgrader if label.startswith("solution (in")]
    assert parts == [seen["[double] squares"], everything, seen["[half] rounds"]], "the solution, once with each part"


def test_what_a_wrong_answer_does_to_other_exercises_is_found(course, capsys, without_nbgrader):
    lab, wrong = course / "solutions" / "lab90_tiny.py", course / "solutions" / "lab90_tiny.wrong.py"
    edit(lab, "import numpy as np", "import pickle\n\nimport numpy as np\n\nshared = [3]\nalias = [shared]")
    edit(lab, 'assert double(2) == 4, "two', 'assert double(shared[0]) == 6 and double(2) == 4, "two')
    edit(
        lab,
        "assert half(3) == 1.5",
        "assert alias == [[3]] and pickle.dumps(1j) and np.abs(-1) == 1 and half(3) == 1.5",
    )
    edit(wrong, "    return x + 2\n", "    shared.append(2)\n    return x + 2\n")  # the same list under another name
    edit(wrong, "    print(2 * x)\n", "    np.abs = None\n")  # another module: for the rest of the time
    assert checking.check(course, workers=1) == 1
    told = capsys.readouterr().out
    assert "wrong answer [double] squares" not in told and "[double] calls_the_library" not in told
    assert "wrong answer [double] adds_two: expected 1 points in half_test, got 0" in told
    assert "wrong answer [double] returns_nothing: expected 1 points in half_test, got 0" in told
    assert "solution (after the wrong answers): expected 1 points in half_test, got 0" in told


def test_a_change_that_nothing_hints_at_leaves_its_mark(course, capsys, without_nbgrader):
    lab, wrong = course / "solutions" / "lab90_tiny.py", course / "solutions" / "lab90_tiny.wrong.py"
    edit(lab, "import numpy as np", "import copyreg\nimport pickle\n\nimport numpy as np")
    edit(lab, "assert half(3) == 1.5", "assert pickle.dumps(1j) and half(3) == 1.5")
    edit(wrong, "    return x + 2\n", "    copyreg.pickle(complex, None or len)\n    return x + 2\n")
    assert checking.check(course, workers=1) == 1
    told = capsys.readouterr().out
    assert "wrong answer [double]" not in told, "that cell was not run"
    assert "solution (after the wrong answers): expected 1 points in half_test, got 0" in told


def test_a_part_in_which_the_solution_fails_is_no_proof(course, capsys, without_nbgrader, monkeypatch):
    edit(course / "solutions" / "lab90_tiny.py", "    return x / 2", "    return float(np.divide(x, 2))")
    monkeypatch.setattr(checking, "cells_to_run", lambda names, optional, answer, wrong: {answer, answer + 1})
    assert checking.check(course, workers=1) == 1
    told = capsys.readouterr().out
    assert "solution (in the cells that grade [half] calls_the_library): expected 1 points in half_test, got 0" in told


def test_a_gradebook_is_made_once(tmp_path, course, monkeypatch):
    assert building.build(course) == 0
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: pytest.fail("nbgrader has started a program"))
    assert building.build(course, check=True) == 0


def test_a_wrong_answer_that_kills_the_kernel_is_named(course, capsys, without_nbgrader):
    edit(course / "solutions" / "lab90_tiny.wrong.py", "    return x // 2", "    __import__('os')._exit(1)")
    assert checking.check(course, workers=1) == 1
    assert "the kernel died while it graded [half] rounds" in capsys.readouterr().out


def test_a_mark_scheme_that_does_not_add_up_is_found_and_a_missing_one_is_a_warning(course, capsys, without_nbgrader):
    assert checking.check(course, workers=1) == 0
    assert "warning: question why: no mark scheme" in capsys.readouterr().out
    scheme = "# Because.\n#\n# ### BEGIN MARK SCHEME\n# - {}: says why\n# ### END MARK SCHEME"
    edit(course / "solutions" / "lab90_tiny.py", "# Because.", scheme.format(2))
    assert checking.check(course, workers=1) == 1
    told = capsys.readouterr().out
    assert (
        "question why: the lines of its mark scheme give 2 points, the question 1" in told
        and "no mark scheme" not in told
    )


def test_card_and_explanations_are_asked_for(course, capsys, without_nbgrader, monkeypatch):
    explained = "# ## Double it\n#\n# ### BEGIN EXPLANATION\n# It is linear.\n# ### END EXPLANATION\n#"
    edit(course / "solutions" / "lab90_tiny.py", "# ## Double it", explained)
    assert checking.check(course, workers=1) == 0
    told = capsys.readouterr().out
    assert "warning: no card in the first cell" in told and "exercise double: no explanation" not in told
    for name in ("half", "why"):
        assert f"warning: exercise {name}: no explanation above its answer" in told
    monkeypatch.setattr(checking, "EXPLANATIONS_DEMANDED", True)
    assert checking.check(course, workers=1) == 1
    assert "FAIL" in (told := capsys.readouterr().out) and "     exercise half: no explanation above" in told


def test_a_stub_that_earns_points_is_found(course, capsys):
    edit(
        course / "solutions" / "lab90_tiny.py",
        '    assert half(3) == 1.5, "half of three is one and a half"',
        "    assert callable(half)",
    )
    edit(
        course / "solutions" / "lab90_tiny.wrong.py",
        "# %% [half] calls_the_library",
        "# %% [half] calls_no_library",
    )
    assert checking.check(course, workers=1) == 1
    told = capsys.readouterr().out
    assert "released stub (nbgrader): expected 0 points in half_test, got 1" in told
    assert "exercise half: the wrong answer 'calls_the_library' is missing" in told


def dies_at_lab91(root: Path, name: str) -> checking.LabReport:
    if name.startswith("lab91"):
        os.abort()
    return checking.LabReport(name)


def test_a_process_that_dies_is_said_and_nothing_waits_for_it(course, capsys, monkeypatch):
    for suffix in (".py", ".wrong.py"):
        shutil.copy(course / "solutions" / f"lab90_tiny{suffix}", course / "solutions" / f"lab91_tiny{suffix}")
    monkeypatch.setattr(checking, "check_lab", dies_at_lab91)
    assert checking.check(course, workers=2) == 1
    told = capsys.readouterr().out
    assert "FAIL lab91_tiny" in told and "a process died" in told and "--workers 1 lab91_tiny" in told


def test_check_of_several_labs_and_of_none(course, capsys):
    (course / "solutions" / "lab92_broken.py").write_text(textwrap.dedent(LAB).replace("{{badges}}", "{{nothing}}"))
    # each lab is checked in a process of its own, where explanations are demanded
    explanation = "#\n# ### BEGIN EXPLANATION\n# It is linear.\n# ### END EXPLANATION\n"
    half = '# %% nbgrader={"grade_id": "half", "solution": true}'
    tiny = course / "solutions" / "lab90_tiny.py"
    edit(tiny, "tell why ({{points why}})\n", "tell why ({{points why}})\n" + explanation)
    edit(tiny, half, f"# %% [markdown]\n# ## Halve it\n{explanation}\n{half}")
    edit(tiny, "# Because.\n", f"# Because.\n{explanation}")
    assert checking.check(course, workers=2) == 1
    told = capsys.readouterr().out
    assert told.count("OK  ") == 1 and "FAIL lab92_broken" in told and "{{nothing}}" in told
    assert checking.check(course, ["lab77"]) == 1

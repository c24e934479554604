"""One submission, graded: the mark that each kind of paper must get, what is told to whom, and the same each time.

What needs the walls of the sandbox is tested in test_hostile.py beside this; what is done here harms only itself.
"""

import dataclasses
import json

import nbformat
import pytest

pytest.importorskip("nbgrader")

from classroom import scratch
from classroom.scratch import ANSWERS, FULL, Paper

from course_staff.authoring.source import SourceError
from course_staff.marking.grade import Graded, grade, submission_digest, with_expected
from course_staff.marking.reading import read_lab_to_grade
from course_staff.sandbox.limits import Limits
from course_staff.sandbox.sandbox import Sandbox

ALWAYS_EQUAL = """
class Yes:
    def __eq__(self, other):
        return True
    def __array__(self, *arguments, **keywords):
        return np.array(4.0)
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The lab as it was read."""
    root = scratch.make_course(tmp_path_factory.mktemp("course") / "here")
    return read_lab_to_grade(root, scratch.NAME, secret="secret")


@pytest.fixture(scope="module")
def sandbox(read):
    with Sandbox(read.modules, limits=Limits(cell_seconds=3, submission_seconds=60), unsafe=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def lab(read, sandbox):
    return with_expected(read, sandbox)


@pytest.fixture
def paper(lab):
    return Paper(lab.cells, ANSWERS)


@pytest.fixture
def graded(lab, sandbox):
    def run(paper):
        result = grade(paper if isinstance(paper, bytes) else paper.bytes(), lab, sandbox, student="ada")
        assert Graded.from_json(result.to_json()) == result
        assert scratch.TREASURE not in result.to_json()
        if not result.rejected:
            nbformat.validate(nbformat.reads(result.notebook, as_version=4))
        return result

    return run


def marks(result):
    return {name: mark for name, mark in result.marks.items() if name in FULL}


def all_but(*exercises):
    return FULL | {f"{name}_test": 0.0 for name in exercises}


# honest papers


def test_right_answers_earn_all(paper, graded):
    result = graded(paper)
    assert marks(result) == FULL
    assert result.marks["why"] is None, "a person must read it"
    assert result.messages == {} and result.fingerprints == {} and result.problems == []
    assert result.student == "ada" and result.seconds > 0 and result.peak_memory > 10**6


def test_wrong_answers_lose_their_own_points_and_are_told_why(paper, graded):
    paper.answer("double", "def double(x):\n    return x + 2\n")
    paper.answer("sign", "def sign(x):\n    return y\n")
    result = graded(paper)
    assert marks(result) == all_but("double", "sign")
    assert result.messages["double_test"] == "twice 1 and -2 are 2 and -4: multiply by two"
    assert result.messages["sign_test"].startswith(
        "your answer stops in `sign`, line 2 of its cell: `y` does not exist"
    )


def test_untouched_is_nothing_and_said_so(lab, graded):
    result = graded(Paper(lab.cells, {}))
    assert result.marks == dict.fromkeys(FULL, 0.0) | {"why": 0.0}
    assert set(result.messages.values()) == {"not answered"}


def test_half_a_stub_is_not_answered(paper, graded):
    paper.answer("double", 'def double(x):\n    y = x\n    raise NotImplementedError("replace this line")\n')
    assert graded(paper).messages["double_test"].startswith("not answered")


def test_an_error_of_pytorch_is_no_stub(paper, graded):
    """`F.interpolate` raises NotImplementedError for axes that it does not know: the answer is there, and wrong."""
    paper.answer("double", 'def double(x):\n    raise NotImplementedError("Got 3D input, but linear needs 4D")\n')
    message = graded(paper).messages["double_test"]
    assert "not answered" not in message and "Got 3D input" in message


def test_a_syntax_error_in_the_answer_is_named(paper, graded):
    paper.answer("double", "def double(x:\n    return 2 * x\n")
    result = graded(paper)
    assert marks(result) == all_but("double")
    told = result.messages["double_test"]
    assert "SyntaxError" in told and "of the cell)" in told and "ipython-input" not in told


def test_warnings_and_text_on_stderr_cost_nothing(paper, graded):
    paper.answer(
        "double",
        """
        import sys, warnings
        def double(x):
            warnings.warn("look")
            print("look", file=sys.stderr)
            return 2 * x
        """,
    )
    assert marks(graded(paper)) == FULL


@pytest.mark.parametrize(
    "last", ["mse = mse(np.zeros(2), np.ones(2))", "%reset -f", "np = 3", "del double", "np.seterr(all='raise')"]
)
def test_what_comes_below_a_test_takes_nothing_back(paper, graded, last):
    paper.put(last)
    assert marks(graded(paper)) == FULL


def test_names_of_python_given_to_something_else_cost_nothing(paper, graded):
    paper.first("len = max = bool = str = isinstance = 5")
    paper.answer("sign", "def sign(x):\n    sign.calls = getattr(sign, 'calls', 0) + 1\n    return (x > 0) - (x < 0)\n")
    assert marks(graded(paper)) == FULL


def test_errors_in_cells_of_their_own_cost_nothing(paper, graded):
    paper.first("1 / 0")
    paper.put("raise ValueError('own')")
    assert marks(graded(paper)) == FULL


# the process goes


def test_a_loop_without_end_loses_its_own_points(paper, graded):
    paper.answer("double", "def double(x):\n    while True:\n        pass\n")
    result = graded(paper)
    assert marks(result) == all_but("double")
    assert "3 s" in result.messages["double_test"]


@pytest.mark.parametrize(
    "end", ["import os\nos._exit(0)", "import sys\nsys.exit()", "import ctypes\nctypes.string_at(0)"]
)
def test_a_cell_that_ends_the_process_costs_nothing_else(paper, graded, end):
    paper.first(end)
    assert marks(graded(paper)) == FULL


def test_answers_that_end_the_process_lose_only_their_points(paper, graded):
    paper.answer("double", "import os\ndef double(x):\n    os._exit(1)\n")
    paper.answer("mse", "import os\ndef mse(a, b):\n    os.kill(os.getpid(), 9)\n")
    result = graded(paper)
    assert marks(result) == all_but("double", "mse")
    assert result.messages["double_test"] and result.messages["mse_test"] and result.problems


def test_more_deaths_than_restarts_in_own_cells_cost_nothing(paper, graded, sandbox):
    for _ in range(sandbox.limits.restarts + 2):
        paper.first("import os\nos._exit(0)")
    result = graded(paper)
    assert marks(result) == FULL
    assert any("not run to its end" in problem for problem in result.problems)


def test_a_thread_that_ends_the_process_later_costs_nothing(paper, graded):
    paper.first("import threading, os\nthreading.Timer(0.02, os._exit, [3]).start()")
    paper.put("import time\ntime.sleep(0.3)", after="mse")
    assert marks(graded(paper)) == FULL


def test_own_cells_that_use_up_the_time_cost_nothing(lab, paper):
    for number in range(4):
        paper.put(f"import time\nfor _ in range(200): time.sleep(0.01)\n{number}", before="double")
    with Sandbox(lab.modules, limits=Limits(cell_seconds=1, submission_seconds=4), unsafe=True) as sandbox:
        result = grade(paper.bytes(), lab, sandbox)
    assert marks(result) == FULL


def test_a_hidden_input_that_ends_the_process_loses_the_test_only(paper, graded):
    paper.answer(
        "mse",
        """
        import os
        def mse(a, b):
            return np.mean((a - b) ** 2) if a.shape != (4, 6) else os._exit(0)
        """,
    )
    assert marks(graded(paper)) == all_but("mse")


# cheats


def test_a_tampered_test_is_the_instructors_again(paper, graded):
    paper.answer("double", "def double(x):\n    return x\n")
    paper.answer("double_test", "print('double: right')\n9999")
    assert marks(graded(paper)) == all_but("double")


def test_deleted_and_copied_tests(paper, graded):
    paper.copy("double_test")
    paper.delete("mse_test")
    assert marks(graded(paper)) == FULL


def test_forged_results_count_nothing(paper, graded):
    paper.answer(
        "sign",
        """
        from IPython.display import display
        def sign(x):
            display(9999)
            get_ipython().display_pub.publish({"text/plain": "1"})
            raise ValueError
        """,
    )
    assert marks(graded(paper)) == all_but("sign")


@pytest.mark.parametrize("exercise", ["double", "mse", "sign"])
def test_an_object_that_equals_everything_earns_nothing(paper, graded, exercise):
    paper.answer(exercise, ALWAYS_EQUAL + f"def {exercise}(*x):\n    return Yes()\n")
    assert marks(graded(paper)) == all_but(exercise)


ASSERTS_REMOVED = """
import ast
class Remove(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Remove())
"""
RUN_CELL_REPLACED = """
shell, old = type(get_ipython()), type(get_ipython()).run_cell
for kind in shell.__mro__:
    if "run_cell" in vars(kind):
        kind.run_cell = lambda self, source, *a, **k: old(self, "pass", *a, **k)
import builtins
get_ipython().run_code = lambda *a, **k: False
"""


@pytest.mark.parametrize("cheat", [ASSERTS_REMOVED, RUN_CELL_REPLACED])
def test_a_check_that_was_switched_off_gives_nothing(paper, graded, cheat):
    for exercise in ("double", "mse", "sign"):
        paper.answer(exercise, f"def {exercise}(*x):\n    return 17\n")
    paper.first(cheat)
    result = graded(paper)
    assert sum(marks(result).values()) == 0


def test_a_switched_off_check_is_told_to_the_instructor(paper, graded):
    paper.answer("sign", "def sign(x):\n    return 17\n")
    paper.put(ASSERTS_REMOVED, before="sign")
    result = graded(paper)
    assert marks(result) == all_but("sign")
    assert any("switched off" in problem for problem in result.problems)


def test_a_library_that_was_kept_open_gives_nothing(paper, graded):
    paper.put(
        """
        import contextlib, course_lib.exercise
        course_lib.exercise.without = lambda *names: contextlib.nullcontext()
        """,
        before="sign",
    )
    assert marks(graded(paper)) == FULL, "the answer itself is right"
    paper.answer("sign", "import statistics\ndef sign(x):\n    return statistics.fmean([(x > 0) - (x < 0)])\n")
    assert marks(graded(paper)) == all_but("sign")


def test_right_for_the_visible_inputs_only(paper, graded):
    paper.answer("mse", "def mse(a, b):\n    return np.mean((a - b) ** 2) * (a.shape != (4, 6))\n")
    paper.answer("double", "def double(x):\n    return 2 * x if np.ndim(x) or x == 0.5 else 0\n")
    result = graded(paper)
    assert marks(result) == all_but("double", "mse")
    assert "not seen" in result.messages["mse_test"] and "not seen" in result.messages["double_test"]
    shown = json.loads(result.notebook)["cells"]
    errors = [cell["id"] for cell in shown for out in cell.get("outputs", []) if out["output_type"] == "error"]
    assert errors == ["double_test", "mse_test"], "the student sees where points were lost"


def test_no_cell_is_left_that_could_show_a_hidden_input(paper, graded):
    """The answer keeps all that it is called with, and every later cell prints it."""
    paper.answer("mse", "seen = []\ndef mse(a, b):\n    seen.append(a.shape)\n    return np.mean((a - b) ** 2)\n")
    paper.put("print('SEEN', seen)", before="sign")
    paper.put("print('SEEN', seen)")
    result = graded(paper)
    assert marks(result) == FULL
    assert "(2, 2)" in result.notebook and "(4, 6)" not in result.notebook


# what comes with the marks


def test_the_same_each_time(paper, graded):
    paper.answer("mse", "def mse(a, b):\n    return float(np.random.rand())\n")
    paper.first("import os\nos._exit(0)")
    paper.put("import random; print(random.random(), np.random.rand())")

    def figures(result):
        return dataclasses.replace(result, seconds=0, peak_memory=0)

    assert figures(graded(paper)) == figures(graded(paper))


def test_equal_mistakes_have_equal_fingerprints_and_others_do_not(paper, graded):
    def fingerprint(answer):
        paper.answer("mse", answer)
        return graded(paper).fingerprints["mse"]

    root = fingerprint("def mse(a, b):\n    return np.sqrt(np.mean((a - b) ** 2))\n")
    same = fingerprint("def mse(x, y):\n    # the root\n    return np.mean((y - x) ** 2) ** 0.5\n")
    total = fingerprint("def mse(a, b):\n    return np.sum((a - b) ** 2)\n")
    last = fingerprint("def mse(a, b):\n    return np.mean((a - b) ** 2) * (a.shape != (4, 6))\n")
    assert root == same
    assert len({root, total, last}) == 3


def test_the_digest_is_of_the_submission_and_the_lab(paper, graded, lab):
    result = graded(paper)
    assert result.digest == submission_digest(paper.bytes(), lab)
    assert submission_digest(paper.bytes() + b" ", lab) != result.digest
    other = dataclasses.replace(lab, name="other")
    assert submission_digest(paper.bytes(), other) != result.digest


def test_what_is_no_notebook_is_rejected_and_has_no_marks(graded):
    result = graded(b"{}")
    assert result.rejected and result.marks == {}


def test_the_notebook_shows_outputs_and_stays_small(paper, graded):
    paper.put("print('hello'); 41 + 1", after="double")
    for number in range(15):
        paper.put(f"print('x' * 150_000, {number})")
        paper.put("# " + "y" * 100_000)
    result = graded(paper)
    assert marks(result) == FULL
    assert len(result.notebook.encode()) < 2_200_000
    own = next(cell for cell in json.loads(result.notebook)["cells"] if cell["source"].startswith("print('hello')"))
    assert [output["output_type"] for output in own["outputs"]] == ["stream", "execute_result"]
    assert own["outputs"][1]["execution_count"] == own["execution_count"]


def test_hidden_tests_are_not_in_the_notebook(paper, graded, lab):
    assert scratch.TREASURE in lab.to_json()
    assert "HIDDEN" not in graded(paper).notebook


# the lab


def test_a_lab_must_be_completed_first(read, sandbox, paper):
    with pytest.raises(ValueError, match="with_expected"):
        grade(paper.bytes(), read, sandbox)


def test_completed_labs_know_the_solution_s_values_and_their_canaries(lab):
    assert set(lab.expected) == {"double", "mse"}
    sign = {"false": [0, 1, 2], "unequal": ["left", "right"], "closed": ["statistics.fmean"]}
    assert lab.canaries["sign_test"] == sign


@pytest.mark.parametrize("wrong", ["def mse(a, b):\n    return 0.0\n", "def mse(a, b):\n    raise ValueError\n"])
def test_a_solution_that_fails_is_refused(read, sandbox, wrong):
    cells = [dataclasses.replace(cell, solution=wrong) if cell.exercise == "mse" else cell for cell in read.graded]
    with pytest.raises(SourceError, match="mse_test"):
        with_expected(dataclasses.replace(read, graded=tuple(cells)), sandbox)


def test_a_solution_without_a_hidden_value_is_refused(read, sandbox):
    wrong = "def mse(a, b):\n    return np.mean((a - b) ** 2) if a.shape != (4, 6) else object()\n"
    cells = [dataclasses.replace(cell, solution=wrong) if cell.exercise == "mse" else cell for cell in read.graded]
    with pytest.raises(SourceError, match="has no value"):
        with_expected(dataclasses.replace(read, graded=tuple(cells)), sandbox)


def test_an_exercise_whose_test_changes_something_is_graded_without_the_canaries_that_it_disturbs(read, sandbox):
    """An answer that may be called once only: what must fail cannot be tried, and a right answer loses nothing."""
    once = "calls = []\ndef sign(x):\n    calls.append(x)\n    assert len(calls) < 4\n    return (x > 0) - (x < 0)\n"
    cells = [dataclasses.replace(cell, solution=once) if cell.exercise == "sign" else cell for cell in read.graded]
    lab = with_expected(dataclasses.replace(read, graded=tuple(cells)), sandbox)
    assert lab.canaries["sign_test"]["false"] == []
    result = grade(Paper(lab.cells, ANSWERS | {"sign": once}).bytes(), lab, sandbox)
    assert marks(result) == FULL

"""A student's session does what a notebook does, in a sandbox or without, forked or started afresh."""

from __future__ import annotations

import pytest

from course_staff.sandbox import sandbox as sandboxes
from course_staff.sandbox.limits import GIB, Limits
from course_staff.sandbox.sandbox import Sandbox

PROBLEM = sandboxes.problem()
needs_sandbox = pytest.mark.skipif(PROBLEM is not None, reason=f"sandbox: {PROBLEM}")
LIMITS = Limits(cell_seconds=20, memory=1 * GIB)


@pytest.fixture(scope="module", params=["warm", pytest.param("cold", marks=needs_sandbox), "unsafe"])
def any_session(request):
    unsafe = request.param == "unsafe" or PROBLEM is not None
    options = {"unsafe": unsafe, "warm": request.param != "cold", "limits": LIMITS}
    with Sandbox(["numpy"], **options) as made, made.session() as session:
        yield session


def text_of(run):
    return "".join(output["text"] for output in run.outputs if output["output_type"] == "stream")


def value_of(run):
    """What the last line of a cell is, where that is plain data."""
    assert run.status == "ok", run
    return eval(run.outputs[-1]["data"]["text/plain"])


# --- what a notebook does


def test_names_live_from_cell_to_cell_and_the_last_value_is_the_result(any_session):
    assert any_session.run("x = 20").outputs == []
    run = any_session.run("print('a')\nx + 1")
    assert run.status == "ok" and run.execution_count >= 2
    assert run.outputs == [
        {"output_type": "stream", "name": "stdout", "text": "a\n"},
        {
            "output_type": "execute_result",
            "data": {"text/plain": "21"},
            "metadata": {},
            "execution_count": run.execution_count,
        },
    ]


def test_an_error_has_its_name_text_and_line_and_the_session_goes_on(any_session):
    run = any_session.run("y = 1\nprint('before')\nassert y == 2, 'expected two'\nprint('after')")
    assert (run.status, run.ename, run.evalue) == ("error", "AssertionError", "expected two")
    assert text_of(run) == "before\n" and run.outputs[-1]["output_type"] == "error"
    assert "assert y == 2" in "".join(run.outputs[-1]["traceback"])
    assert any_session.run("y").status == "ok" and any_session.alive


@pytest.mark.parametrize(
    "source, name", [("def (", "SyntaxError"), ("if 1:\nx", "IndentationError"), ("nope", "NameError")]
)
def test_errors_of_language_are_errors(any_session, source, name):
    run = any_session.run(source)
    assert (run.status, run.ename) == ("error", name)


def test_magics_await_shell_and_figures_work(any_session):
    assert any_session.run("import asyncio\nawait asyncio.sleep(0)\n%time 1\n%matplotlib inline").status == "ok"
    assert "hello" in text_of(any_session.run("!echo hello"))
    drawn = any_session.run("from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))")
    assert drawn.outputs[0]["data"]["text/html"] == "<b>x</b>" and drawn.outputs[0]["output_type"] == "display_data"


def test_both_streams_keep_their_order(any_session):
    run = any_session.run("import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint(3)")
    assert [(output["name"], output["text"]) for output in run.outputs] == [
        ("stdout", "1\n"),
        ("stderr", "2\n"),
        ("stdout", "3\n"),
    ]


def test_input_says_that_nobody_is_there(any_session):
    run = any_session.run("name = input('who? ')")
    assert run.ename == "EOFError" and "nobody" in run.evalue


def test_exit_is_an_error_of_its_cell(any_session):
    run = any_session.run("import sys\nsys.exit(3)")
    assert (run.status, run.ename) == ("error", "SystemExit")
    assert any_session.run("quit()").status == "ok" and any_session.alive


def test_chance_is_the_same_in_each_session(any_session, tmp_path):
    source = "import random, numpy\n(random.random(), float(numpy.random.random()), hash('word'))"
    with Sandbox(["numpy"], unsafe=True, warm=False, limits=LIMITS) as other, other.session() as second:
        with Sandbox(unsafe=True, limits=LIMITS) as third, third.session() as fourth:
            assert value_of(second.run(source)) == value_of(fourth.run(source))


def test_values_come_back_as_plain_data_and_an_error_as_words(any_session):
    any_session.run("def double(x):\n    return 2 * x")
    found = any_session.values(["double(rng.random(3))", "double(rng.random(3))", "double()"], seed=7)
    assert found[0].data.shape == (3,) and 0 < found[0].data[0] < 2
    assert isinstance(found[2], str) and "TypeError" in found[2]
    again = any_session.values(["double(rng.random(3))"], seed=7)
    assert (again[0].data == found[0].data).all()
    assert any_session.run("rng").ename == "NameError"


def test_values_that_take_too_long_are_words_and_the_session_goes_on(any_session):
    found = any_session.values(["__import__('time').sleep(60)", "1"], seed=1, seconds=0.3)
    assert all(isinstance(item, str) and "0.3 s" in item for item in found)
    assert any_session.alive and any_session.run("1").status == "ok"


def test_a_loop_without_end_is_interrupted_and_names_are_kept(any_session):
    any_session.run("kept = 5")
    run = any_session.run("while True:\n    pass", seconds=0.3)
    assert run.status == "timeout" and "0.3 s" in run.evalue and run.seconds < LIMITS.cell_seconds
    assert any_session.alive and value_of(any_session.run("kept")) == 5


def test_all_cells_together_have_a_limit():
    with Sandbox(unsafe=True, limits=Limits(submission_seconds=0.5)) as sandbox, sandbox.session() as session:
        run = session.run("import time\ntime.sleep(30)")
        assert run.status == "timeout" and "all cells together" in run.evalue

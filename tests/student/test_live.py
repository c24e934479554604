"""The last cell of a lab in a kernel, and the plain sentences: in an IPython of this process, as a kernel has it."""

import pytest

pytest.importorskip("IPython")

from course_lib.student import live, my, words
from course_lib.student.live import CHANGED, NOT_RUN
from course_lib.student.progress import BY_HAND, Progress, in_words

TEST = """\
def helper():
    return 4
of = lambda x: double(x)  # no treble
assert of(2) == helper(), f"two times two is four, got {of(2)}"
print("double: right")"""


def lines(capsys, **points):
    capsys.readouterr()
    my(**points, by_hand={"why": 2})
    return capsys.readouterr().out.splitlines()


def test_it_follows_the_tests_that_run(shell, capsys):
    assert lines(capsys, double=2.5)[0] == "This notebook: 0 of 2.5 points that tests give."
    assert NOT_RUN in lines(capsys, double=2.5)[1]
    shell.run_cell("def double(x):\n    raise NotImplementedError('replace this line with your answer')")
    shell.run_cell(TEST)
    assert "0 of 2.5  no answer yet" in lines(capsys, double=2.5)[1]
    shell.run_cell("def double(x):\n    return x")
    assert CHANGED in lines(capsys, double=2.5)[1]
    shell.run_cell("def treble(x):\n    return x")
    shell.run_cell(TEST)
    assert lines(capsys, double=2.5)[1].endswith("0 of 2.5  two times two is four, got 2")
    shell.run_cell("def double(x):\n    return 2 * x")
    shell.run_cell(TEST)
    shell.run_cell("def helper():\n    return 5\nof = lambda x: x  # as the test of another exercise may have")
    shell.run_cell("def treble(x):\n    return 3 * x  # which the test only speaks of")
    first, second, third, _ = lines(capsys, double=2.5)
    assert first == "This notebook: 2.5 of 2.5 points that tests give." and second.endswith("2.5 of 2.5  right")
    assert third.endswith(f"? of 2  {BY_HAND}")
    shell.run_cell("def double(x):\n    return 2 * x + 1")
    assert CHANGED in lines(capsys, double=2.5)[1]


def test_other_errors_and_a_new_start(shell, capsys):
    shell.run_cell(TEST)
    assert "NameError: name 'double' is not defined" in lines(capsys, double=1)[1]
    shell.run_cell("x = (\nprint('double: right')")
    shell.run_cell("print('nothing of the kind')")
    live.watch()
    assert NOT_RUN in lines(capsys, double=1)[1]
    shell.run_cell("def double(x):\n    return 2 * x")
    shell.run_cell(TEST)
    assert "right" in lines(capsys, double=1)[1]
    assert shell.events.callbacks["post_run_cell"].count(live._note) == 1


def test_outside_a_notebook_nothing_breaks(monkeypatch, capsys):
    monkeypatch.setattr(live, "_shell", lambda: None)
    live.watch()
    live._runs.clear()
    assert NOT_RUN in lines(capsys, double=1)[1]


def test_long_messages_are_cut_and_columns_stand_below_each_other():
    told = in_words("x", [Progress("a", 1, True, "right"), Progress("longer", 2, False, "no")])
    assert told.splitlines()[:3] == [
        "x: 1 of 3 points that tests give.",
        "  a       1 of 1  right",
        "  longer  0 of 2  no",
    ]
    from course_lib.student.progress import found

    assert len(found("a", 1, "word " * 500).said) < 310


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AssertionError("two\n  times two"), "two times two"),
        (AssertionError(), ""),
        (AssertionError("torch says: replace this line with your answer, then run it"), words.NO_ANSWER),
        (NotImplementedError("replace this line with your answer, then run"), words.NO_ANSWER),
        (NotImplementedError("no kernel for this type"), ""),
        (ValueError("shapes"), ""),
    ],
)
def test_what_an_error_says(error, said):
    assert words.sentence(error) == said


class _Kernel:
    pass


@pytest.mark.parametrize(
    ("kernel", "surroundings", "folded"),
    [
        (True, {"JPY_SESSION_NAME": "lab.ipynb"}, True),
        (True, {"COLAB_RELEASE_TAG": "release"}, True),
        (True, {}, False),
        (False, {"JPY_SESSION_NAME": "lab.ipynb"}, False),
        (True, {"JPY_SESSION_NAME": "lab.ipynb", "NBGRADER_EXECUTION": "validate"}, False),
    ],
)
def test_only_where_somebody_looks_on(shell, monkeypatch, kernel, surroundings, folded):
    for name in ("JPY_SESSION_NAME", "COLAB_RELEASE_TAG", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    object.__setattr__(shell, "kernel", _Kernel() if kernel else None)
    words.show_sentences_first()
    assert (shell.custom_exceptions == (AssertionError, NotImplementedError)) is folded

"""Canaries: a test changed so that it must fail, whatever the answer; and that a right answer does not disturb."""

import ast

import numpy as np
import pytest

from course_staff.marking import canaries

TEST = """\
from course_lib.exercise import without

limit = 3  # größer
with without("statistics.fmean"):
    assert double(2) == 4, "twice"
    for number in range(limit):
        assert double(number) == 2 * number  # in a loop: it may not run
    assert np.allclose(double(np.ones(3)), [2, 2, 2]), (
        f"many: {double(1)}"  # a message over lines
    )
    assert (
        double(0) == 0
    ), "nothing"
    assert (double(np.arange(3)) == np.arange(3) * 2).all()
assert double(1) < 3
"""
NONCE = "a nonce"


def run(source, **names):
    """What a test raises: its message, or None if it passes."""
    try:
        exec(source, {"np": np, **names})
    except AssertionError as error:
        return str(error)
    return None


def right(x):
    return 2 * x


class AlwaysEqual:
    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return True


class EqualArray(np.ndarray):
    """Says of every function of numpy that it holds."""

    def __array_function__(self, function, types, arguments, keywords):
        return True

    def __eq__(self, other):
        return np.array([True])


def test_the_test_passes_for_a_right_answer_and_fails_for_a_wrong_one():
    assert run(TEST, double=right) is None
    assert run(TEST, double=lambda x: x) == "twice"


def test_each_assert_that_surely_runs_can_be_negated_and_only_it_changes():
    assert canaries.negatable(TEST) == 5
    for number in range(5):
        changed = canaries.negated(TEST, number, NONCE)
        assert run(changed, double=right) == NONCE
        differing = [one for one, two in zip(TEST.split("\n"), changed.split("\n"), strict=True) if one != two]
        assert 1 <= len(differing) <= 2


def test_loops_count_where_they_surely_run():
    assert canaries.negatable("for x in [1, 2]:\n    assert x") == 1
    assert canaries.negatable("for x in []:\n    assert x") == 0
    assert canaries.negatable("for x in answer():\n    assert x") == 0


def test_without_asserts_a_negated_test_passes():
    class Remove(ast.NodeTransformer):
        def visit_Assert(self, node):
            return ast.Pass()

    for number in range(5):
        tree = Remove().visit(ast.parse(canaries.negated(TEST, number, NONCE)))
        assert run(compile(ast.fix_missing_locations(tree), "", "exec"), double=right) is None
    assert run(canaries.plain(NONCE)) == NONCE


def test_comparing_lets_a_right_answer_pass():
    assert run(canaries.comparing(TEST, NONCE), double=right) is None


def test_comparing_computes_each_side_once():
    calls = []

    def counting(x):
        calls.append(1)
        return 2 * x

    run(TEST, double=counting)
    once = len(calls)
    calls.clear()
    run(canaries.comparing(TEST, NONCE), double=counting)
    assert len(calls) == once


@pytest.mark.parametrize(
    "test",
    [
        "assert double(2) == 4",
        "assert 4 == double(2)",
        "assert bool(double(2) == 4)",
        "assert np.all(double(2) == 4)",
    ],
)
def test_comparing_sees_what_equals_everything(test):
    def double(x):
        return AlwaysEqual()

    assert run(test, double=double) is None
    assert run(canaries.comparing(test, NONCE), double=double) == NONCE


@pytest.mark.parametrize("function", ["np.isclose", "np.allclose", "np.array_equal"])
def test_comparing_sees_arrays_that_are_close_to_everything(function):
    def double(x):
        return np.zeros(3).view(EqualArray)

    test = f"assert {function}(double(np.ones(3)), np.full(3, 2.0))"
    assert run(test, double=double) is None
    assert run(canaries.comparing(test, NONCE), double=double) == NONCE


@pytest.mark.parametrize(
    "test",
    ["assert x", "assert not x == 3", "assert x == 3 or x == 4", "assert all(x == y for y in z)", "assert x < 3"],
)
def test_what_is_no_plain_comparison_is_left_alone(test):
    assert canaries.comparing(test, NONCE) is None


def test_closing_calls_what_the_test_closes():
    from course_lib.exercise import AnswerFromLibrary

    with pytest.raises(AnswerFromLibrary):
        exec(canaries.closing(TEST), {})
    assert canaries.closing("assert 1") is None


def test_line_magics_leave_only_the_plain_canary():
    test = "%matplotlib inline\nassert double(2) == 4"
    assert canaries.negatable(test) == 0
    assert canaries.comparing(test, NONCE) is None and canaries.closing(test) is None

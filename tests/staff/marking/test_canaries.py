"""Canaries: variants of a test. A right answer passes the true ones, nothing passes a false one, none looks false."""

import ast
import random

import numpy as np
import pytest

from course_staff.marking import canaries

TEST = """\
from course_lib.exercise import without

limit = 3  # größer
with without("statistics.fmean"):
    assert double(2) == 4, "twice"
    for number in range(limit):
        assert double(number) == 2 * number  # in a loop
    assert np.allclose(double(np.ones(3)), [2, 2, 2]), (
        f"many: {double(1)}"  # a message over lines
    )
    assert (double(np.arange(3)) == np.arange(3) * 2).all()
assert double(1) < 3, "less"
"""
DRAWS = range(40)
SHAPES = "assert x.shape == y.shape"


def passes(variant, **names):
    """Whether a variant passes; AssertionError only."""
    try:
        exec(variant.source, {"np": np, **names})
    except AssertionError:
        return False
    return True


def right(x):
    return 2 * x


class AlwaysEqual:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False


class EqualArray(np.ndarray):
    """Says of every function of numpy that it holds."""

    def __array_function__(self, function, types, arguments, keywords):
        return True


@pytest.mark.parametrize("seed", DRAWS)
def test_a_right_answer_passes_what_is_true_and_a_wrong_one_does_not(seed):
    variant = canaries.true(TEST, random.Random(seed))
    assert not variant.fails
    assert passes(variant, double=right)
    assert not passes(variant, double=lambda x: x)


@pytest.mark.parametrize("number", range(5))
def test_nothing_passes_what_is_false(number):
    assert canaries.falsifiable(TEST) == 5
    for seed in DRAWS:
        variant = canaries.false(TEST, number, random.Random(seed))
        assert variant.fails
        assert not passes(variant, double=right)


def test_true_and_false_ones_are_made_of_the_same_parts():
    """By no message and no kind of expression can one tell a false variant: each occurs in true ones too."""

    def parts(variant):
        return {type(node).__name__ for node in ast.walk(ast.parse(variant.source))}

    def messages(variant):
        return [ast.unparse(node.msg) for node in ast.walk(ast.parse(variant.source)) if getattr(node, "msg", None)]

    true, false = [], []
    for seed in DRAWS:
        true.append(canaries.true(TEST, random.Random(seed)))
        true += [canaries.unequal(TEST, random.Random(seed), left=left) for left in (True, False)]
        false += [canaries.false(TEST, number, random.Random(seed)) for number in range(5)]
    assert set().union(*map(parts, false)) <= set().union(*map(parts, true))
    assert {tuple(messages(variant)) for variant in false} == {tuple(messages(variant)) for variant in true}
    assert len({variant.source for variant in false}) > len(false) / 2, "hardly two alike"


def test_what_removes_asserts_passes_what_is_false():
    class Remove(ast.NodeTransformer):
        def visit_Assert(self, node):
            return ast.Pass()

    for number in range(5):
        tree = Remove().visit(ast.parse(canaries.false(TEST, number, random.Random(0)).source))
        exec(compile(ast.fix_missing_locations(tree), "", "exec"), {"np": np, "double": right})


def test_what_is_right_is_unequal_to_what_lies_far_away():
    for seed in DRAWS:
        variant = canaries.unequal(TEST, random.Random(seed), left=False)
        assert variant.probes
        assert passes(variant, double=right)


@pytest.mark.parametrize(
    "test", ["assert double(2) == 4", "assert bool(double(2) == 4)", "assert np.all(double(2) == 4)"]
)
def test_what_equals_everything_is_seen(test):
    def double(x):
        return AlwaysEqual()

    assert passes(canaries.true(test, random.Random(0)), double=double)
    assert not passes(canaries.unequal(test, random.Random(0), left=False), double=double)


@pytest.mark.parametrize("function", ["np.isclose", "np.allclose", "np.array_equal"])
def test_arrays_that_are_close_to_everything_are_seen(function):
    def double(x):
        return np.zeros(3).view(EqualArray)

    test = f"assert {function}(double(np.ones(3)), [2.0, 2.0, 2.0])"
    assert passes(canaries.true(test, random.Random(0)), double=double)
    assert not passes(canaries.unequal(test, random.Random(0), left=False), double=double)


@pytest.mark.parametrize("test", ["assert x", "assert not x == 3", "assert x < 3", SHAPES, "x = 1"])
def test_what_compares_no_numbers_is_left_alone(test):
    assert canaries.unequal(test, random.Random(0), left=True) is None


def test_a_test_with_line_magics_stays_as_it_is():
    test = "%matplotlib inline\nassert double(2) == 4"
    assert canaries.falsifiable(test) == 0
    assert canaries.true(test, random.Random(0)).source == test
    assert canaries.unequal(test, random.Random(0), left=True) is None

"""An error in an answer, told in one sentence: where, what, what to look at; asserts of the check stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exercise import AnswerFailed, AnswerFromLibrary, without
from course_lib.metrics import mse


def check(answer: str, test: str) -> AnswerFailed:
    """Run an answer and a test as two cells of a notebook; returns what the student is told."""
    names = {"__name__": "__main__", "np": np, "torch": torch, "without": without}
    exec(compile(answer, "<cell 1>", "exec"), names)
    lines = "\n".join(f"    {line}" for line in test.splitlines())
    with pytest.raises(AnswerFailed) as told:
        exec(compile(f"with without('course_lib.metrics.psnr'):\n{lines}", "<cell 2>", "exec"), names)
    assert told.value.__cause__ is not None
    return told.value


@pytest.mark.parametrize(
    ("answer", "test", "words"),
    [
        ("def f(x):\n    x * 2", "assert f(torch.ones(2)).sum() == 4", "lack its `return`"),
        ("def f(x):\n    return None + x", "f(1)", "in `f`, line 2 of its cell: something is None"),
        ("def f(x):\n    return x + torch.ones(4)", "f(torch.ones(3))", "two shapes do not fit"),
        ("def f(x):\n    return x + np.ones(4)", "f(np.ones(3))", "two shapes do not fit"),
        ("def f(x):\n    return torch.nn.Linear(5, 2)(x)", "f(torch.ones(1, 3))", "expects 5 numbers gets 3"),
        ("def f(x):\n    return torch.nn.Conv2d(2, 1, 3)(x)", "f(torch.ones(1, 3, 8, 8))", "expects 2 channels gets 3"),
        ("def f(x):\n    return torch.nn.Linear(3, 2)(x)", "f(torch.ones(1, 3, dtype=torch.float64))", "dtypes"),
        ("def f(x):\n    return torch.randn(x.shape, 0.5, generator=None)", "f(torch.ones(2))", "in which order"),
        ("def f(x):\n    return x.detach().sum()", "f(torch.ones(2, requires_grad=True)).backward()", "cuts the way"),
        ("def f(x):\n    return x.numpy()", "f(torch.ones(2, requires_grad=True))", "`detach` it first"),
        ("def f(x):\n    return 1 if x > 0 else 0", "f(torch.ones(2))", "an `if` gets many values"),
        ("def f(x):\n    return x[5]", "f(torch.ones(5))", "number 5 is asked of an axis that has 5"),
        ("def f(x):\n    return x[5]", "f([1, 2])", "counting begins at 0"),
        ("def f(x):\n    return x - 1024", "f(np.ones(2, dtype=np.uint8))", "does not fit into uint8"),
        ("def f(x):\n    n, c, h, w = x.shape", "f(np.ones((2, 3)))", "more or fewer values, or axes"),
        ("def f(x):\n    return x.norm(dim=(1, 2, 3))", "f(torch.ones(2, 1, 3, 3))", "one axis or two"),
        ("def f(x):\n    return x[0, 0]", "f(np.ones(2))", "fewer axes"),
        ("def f(x):\n    return x.unsqueeze(0)", "f(np.ones(2))", "there is no `unsqueeze` here"),
        ("def f(x):\n    return x", "f(1, 2)", "other arguments than it takes"),
        ("def f(x):\n    return missing + x", "f(1)", "`missing` does not exist"),
        ("def f(x):\n    y = y + x\n    return y", "f(1)", "`y` is read before it gets a value"),
        ("def f(x):\n    return x / 0", "f(1)", "divided by zero"),
        ("def f(x):\n    return f(x)", "f(1)", "calls itself without end"),
        ("def f(x):\n    return {}[x]", "f('sigma')", "asked for a name that it does not have"),
        ("def f(x):\n    raise ValueError('no idea')", "f(1)", "Python could not go on there (ValueError: no idea)"),
    ],
)
def test_an_error_is_told_in_words(answer, test, words):
    assert words in str(check(answer, test))


def test_the_place_is_the_last_line_of_the_answer_not_of_a_library():
    told = str(
        check("def inner(x):\n    return np.stack([x, x[:1]])\n\ndef f(x):\n    return inner(x)", "f(np.ones(3))")
    )
    assert told.startswith("your answer stops in `inner`, line 2 of its cell: ")


def test_what_breaks_in_the_check_itself_is_told_so():
    told = str(check("def f(x):\n    return 3", "f(1).shape"))
    assert told.startswith("the check cannot work with what your answer gives: there is no `shape` here")


@pytest.mark.parametrize("error", [AssertionError("look at the sign"), NotImplementedError("replace"), MemoryError()])
def test_what_speaks_for_itself_stays(error):
    with pytest.raises(type(error)) as raised, without("course_lib.metrics.psnr"):
        raise error
    assert raised.value is error and raised.value.__cause__ is None


def test_the_closed_library_is_still_named():
    with pytest.raises(AnswerFromLibrary), without("course_lib.metrics.mse"):
        mse(np.ones((2, 2)), np.ones((2, 2)))


def test_an_interrupt_passes():
    with pytest.raises(KeyboardInterrupt), without("course_lib.metrics.psnr"):
        raise KeyboardInterrupt

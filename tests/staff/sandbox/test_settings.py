"""Settings that a notebook leaves behind: while a test runs they are the usual ones, afterwards its own again."""

import os
import random
import sys
import warnings

import numpy as np
import pytest

from course_staff.sandbox.inside import settings

torch = pytest.importorskip("torch")


@pytest.fixture
def usual():
    found, filters = settings.Settings(), warnings.filters[:]
    yield found
    found.restore()
    warnings.filters[:] = filters


def change(tmp_path):
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_default_device("meta")
    np.seterr(all="raise")
    sys.setrecursionlimit(sys.getrecursionlimit() + 17)
    warnings.simplefilter("error")
    os.chdir(tmp_path)


def state():
    dtype, device = torch.get_default_dtype(), torch.get_default_device().type
    return dtype, device, torch.is_grad_enabled(), sys.getrecursionlimit(), os.getcwd()


def test_a_test_runs_under_the_usual_ones_and_the_notebook_has_its_own_again(usual, tmp_path):
    before = state()
    change(tmp_path)
    own, errors = state(), np.geterr()
    assert own != before
    with settings.under(usual):
        assert state() == before
        warnings.warn("costs nothing", stacklevel=1)
        assert np.isinf(np.float64(1) / np.float64(0))
    assert state() == own and np.geterr() == errors


def test_draws_are_the_same_in_each_test_and_leave_the_notebook_s_own_alone(usual):
    def draw():
        return random.random(), np.random.rand(), float(torch.rand(1))  # noqa: NPY002 (what students call)

    settings.seed(1)
    expected = [draw(), draw()]
    settings.seed(1)
    first = draw()
    with settings.under(usual):
        one = draw()
    second = draw()
    with settings.under(usual):
        assert draw() == one
    assert [first, second] == expected

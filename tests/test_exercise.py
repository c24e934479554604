"""`without` closes the library's answer under whatever name it is called, and opens it again."""

import traceback
import warnings

import numpy as np
import pytest
import torch

from course_lib import exercise, metrics
from course_lib.exercise import AnswerFromLibrary, without
from course_lib.metrics import psnr as imported_before
from course_lib.models import dae

A, B = np.zeros((12, 12)), np.full((12, 12), 0.1)


def test_closed_under_every_name_and_open_again():
    expected = metrics.psnr(A, B, data_range=1)
    with without("course_lib.metrics.psnr"):
        for function in (metrics.psnr, imported_before, __import__("course_lib.metrics").metrics.psnr):
            with pytest.raises(AnswerFromLibrary, match=r"course_lib\.metrics\.psnr.*asks you to write"):
                function(A, B, data_range=1)
        assert metrics.mse(A, B) == pytest.approx(0.01), "other functions stay open"
    assert imported_before(A, B, data_range=1) == expected


def test_opens_again_after_an_error():
    with pytest.raises(AssertionError), without("course_lib.metrics.psnr"):
        raise KeyError
    assert np.isfinite(metrics.psnr(A, B, data_range=1))


def test_classes_and_their_children_are_closed():
    made_before = dae.ConvDAE(width=2)

    class Copy(dae.ConvDAE):
        pass

    with without("course_lib.models.dae.ConvDAE"):
        for make in (dae.ConvDAE, Copy):
            with pytest.raises(AnswerFromLibrary):
                make()
        with pytest.raises(AnswerFromLibrary):
            made_before(torch.rand(1, 1, 8, 8))
    assert made_before(torch.rand(1, 1, 8, 8)).shape == (1, 1, 8, 8)
    assert sum(p.numel() for p in Copy().parameters()) == 28_353


def test_a_traceback_with_local_variables_can_be_shown():
    """Jupyter's tracebacks read the locals of every frame: a refusal made carelessly crashed the kernel there."""
    with without("course_lib.models.dae.ConvDAE"):
        with pytest.raises(AnswerFromLibrary) as refused:
            dae.ConvDAE()
    frames = [frame for frame, _ in traceback.walk_tb(refused.value.__traceback__)]
    assert frames[-1].f_code.co_name == "refuse"
    assert set(frames[-1].f_locals) >= {"args", "kwargs", "AnswerFromLibrary"}


def test_other_packages_too():
    from skimage.metrics import structural_similarity

    with without("skimage.metrics.structural_similarity"), pytest.raises(AnswerFromLibrary):
        structural_similarity(A, B, data_range=1)
    assert structural_similarity(A, A, data_range=1) == 1


def test_a_closure_can_be_closed(monkeypatch):
    secret = 5
    monkeypatch.setattr(metrics, "closure", lambda: secret, raising=False)
    with without("course_lib.metrics.closure"), pytest.raises(AnswerFromLibrary):
        metrics.closure()
    assert metrics.closure() == 5


def test_names_that_do_not_exist_close_nothing():
    with pytest.raises(AttributeError), without("course_lib.metrics.psnr", "course_lib.metrics.nonsense"):
        pass
    with pytest.raises(TypeError, match="cannot be closed"), without("math.sqrt"):
        pass
    assert np.isfinite(metrics.psnr(A, B, data_range=1))


def test_a_warning_inside_does_not_reach_stderr_and_warnings_come_again_after(capsys):
    with without("course_lib.metrics.mse"):
        np.log(np.zeros(1))
        warnings.warn("harmless", RuntimeWarning, stacklevel=1)
    assert capsys.readouterr().err == ""
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(1))


def test_every_part_exists_and_is_closed_with_its_whole():
    for name, parts in exercise.PARTS.items():
        functions = [function for part in (name, *parts) for function in exercise._functions(part)]
        before = [function.__code__ for function in functions]
        with without(name):
            assert all(function.__code__.co_name == "refuse" for function in functions), name
        assert [function.__code__ for function in functions] == before


@pytest.mark.parametrize("name", exercise.OLD)
def test_what_an_older_notebook_closes_is_still_found(name):
    with without(name):
        [function] = exercise._functions(name)
        assert function.__code__.co_name == "refuse"

"""Units: from stored numbers to Hounsfield, to attenuation, to grey, and back."""

import numpy as np
import pytest
import torch

from course_lib import ct


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_water_is_zero_and_air_is_minus_1000(kind):
    units = kind([-1000.0, 0.0, 1000.0, -1500.0])
    attenuation = ct.to_attenuation(units)
    assert type(attenuation) is type(units)
    assert np.allclose(np.asarray(attenuation), [0, ct.WATER, 2 * ct.WATER, 0])
    assert np.allclose(np.asarray(ct.to_hounsfield(attenuation))[:3], [-1000, 0, 1000])


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8, np.int32])
def test_stored_numbers_are_rescaled_in_floating_point(dtype):
    stored = np.array([0, 200, 3, 250], dtype=dtype)
    found = ct.rescale_stored(stored, 4, -1024)
    assert found.dtype == np.float32 and np.array_equal(found, [-1000, -224, -1000, -24])


def test_what_was_not_measured_is_air():
    stored = np.array([-2000, -3024, 40, 63536 - 65536], dtype=np.int16)
    assert np.array_equal(ct.rescale_stored(stored, padding=-2000), [-1000, -1000, 40, -1000])
    assert np.array_equal(ct.rescale_stored(np.array([7, 9], np.uint16), 1, 0, padding=7), [-1000, 9])


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_a_window_is_zero_to_one_and_undone(kind):
    units = kind([-160.0, 40.0, 240.0, 1000.0, -1000.0])
    assert np.allclose(np.asarray(ct.window(units)), [0, 0.5, 1, 1, 0])
    open_ = ct.window(units, 40, 400, clip=False)
    assert np.allclose(np.asarray(ct.unwindow(open_)), np.asarray(units))
    low, high = (ct.WINDOWS["abdomen"][0] + sign * ct.WINDOWS["abdomen"][1] / 2 for sign in (-1, 1))
    assert (low, high) == (-160, 240), "Yang et al. 2018"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ct.window(np.zeros(3), 40, 0), "width"),
        (lambda: ct.window(np.zeros(3, int)), "floating"),
        (lambda: ct.rescale_stored(np.zeros(3)), "whole numbers"),
        (lambda: ct.rescale_stored(np.zeros(3, int), 0), "slope"),
        (lambda: ct.to_attenuation(np.full(3, np.nan)), "finite"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()

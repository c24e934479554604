"""The slider of Stein's estimate: its curves are the errors that they are called, and Rician noise misleads it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib import noise, viz
from course_lib.viz.play.risk import _measured


def blur(image, strength):
    """A mix of the image and its mean of nine."""
    return (1 - strength) * image + strength * F.avg_pool2d(F.pad(image, (1,) * 4, mode="reflect"), 3, 1)


@pytest.fixture
def image():
    step = torch.linspace(0, 6.28, 96)
    return (0.5 + 0.3 * torch.sin(step)[:, None] * torch.cos(step)[None])[None, None]


STRENGTHS = [0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_estimate_is_close_to_the_true_error_and_the_distance_is_no_guide(image):
    curves = _measured(image, noise.gaussian, blur, STRENGTHS, 0.1, 0)
    assert np.allclose(curves.estimate, curves.truth, atol=6e-4)
    assert curves.truth.argmin() == curves.estimate.argmin() == 4 and curves.distance.argmin() == 0


def test_it_is_misled_where_the_noise_has_a_floor(image):
    dark = image * 0
    curves = _measured(dark, noise.rician, blur, STRENGTHS, 0.1, 0)
    assert curves.truth[-1] > 0.015 and curves.estimate[-1] < 0.2 * curves.truth[-1]


def test_on_paper_it_draws_both_kinds_of_noise_and_says_what_it_found(image):
    drawn = viz.risk_slider(image, blur, STRENGTHS, title="A filter", live=False)
    assert [axes.get_title() for axes in drawn.axes] == ["Gaussian noise", "Rician noise"]
    assert "A filter" in drawn.get_suptitle() and "Gaussian noise: best at 1, SURE says 1" in drawn.get_suptitle()


def test_live_it_follows_the_controls(image):
    menu, slider, shown = viz.risk_slider(image, blur, STRENGTHS, live=True).children
    first = bytes(shown.value)
    slider.value = 0
    second = bytes(shown.value)
    menu.value = "Rician"
    assert len({first, second, bytes(shown.value)}) == 3
    assert menu.tooltip and slider.tooltip and slider.description


@pytest.mark.parametrize(
    ("options", "words"), [({"strengths": [1]}, "two"), ({"strengths": [1, 0]}, "rising"), ({"sigma": 0}, "sigma")]
)
def test_bad_input_is_refused_in_words(image, options, words):
    with pytest.raises(ValueError, match=words):
        viz.risk_slider(image, blur, **({"strengths": STRENGTHS} | options))

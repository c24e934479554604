"""The controls of lab 12: thicker slices cost more, the measured means help, and each control redraws."""

import numpy as np
import pytest

from course_lib import resolution, viz
from course_lib.viz.play.thickness import _interpolated


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(0)
    x = np.arange(48) / 48
    rows = [0.5 + 0.2 * np.sin(2 * np.pi * (rng.uniform(1, 6) * x + rng.uniform())) for _ in range(24)]
    return np.array(rows, dtype=np.float32)


def test_thin_slices_are_exact_thicker_ones_cost_more_and_the_measured_means_help(waves):
    found = _interpolated(waves, 4)
    for method in ("linear", "cubic", "bspline"):
        assert np.isinf(found.scores[1, method, False])
        plain, kept = ([found.scores[factor, method, k] for factor in (2, 3, 4)] for k in (False, True))
        assert sorted(plain, reverse=True) == plain and sorted(kept, reverse=True) == kept
        assert all(better > worse for better, worse in zip(kept, plain, strict=True))
    for (factor, _, kept), answer in found.answers.items():
        if kept:
            measured = resolution.thick_slices(answer, factor)
            assert np.allclose(measured, found.measured[factor][:, ::factor], atol=1e-5)


def test_on_paper_it_shows_each_thickness_by_two_ways_and_says_what_it_found(waves):
    drawn = viz.thickness_slider(waves, thickest=3, title="Waves", live=False)
    names = [axes.get_title() for axes in drawn.axes]
    assert names == ["slices of 1 pixel", "slices of 2 pixels", "slices of 3 pixels"] * 2
    assert drawn.axes[0].get_xlabel() == "linear: exact"
    assert "Waves" in drawn.get_suptitle() and "Slices of 3 pixels: linear" in drawn.get_suptitle()


def test_live_it_follows_the_controls(waves):
    thickness, method, kept, shown = viz.thickness_slider(waves, live=True).children
    seen = {bytes(shown.value)}
    for control, value in ((thickness, 4), (method, "bspline"), (kept, True)):
        control.value = value
        seen.add(bytes(shown.value))
        assert control.tooltip and control.description
    assert len(seen) == 4


@pytest.mark.parametrize(("options", "words"), [({"thickest": 1}, "thickest"), ({"thickest": 5}, "multiple of 5")])
def test_bad_input_is_refused_in_words(waves, options, words):
    with pytest.raises(ValueError, match=words):
        viz.thickness_slider(waves, **options)

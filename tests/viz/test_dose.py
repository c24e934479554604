"""The controls of lab 10: less dose means more noise, the Hann window less of it, and each control redraws."""

import numpy as np
import pytest

from course_lib import viz
from course_lib.viz.play.dose import _scanned, _slice

REGION = (slice(28, 40), slice(28, 40))


@pytest.fixture(scope="module")
def disc():
    step = np.arange(64) - 31.5
    return np.where(step[:, None] ** 2 + step[None] ** 2 < 26**2, 50.0, -1000.0).astype(np.float32)


def test_a_sixteenth_of_the_dose_has_four_times_the_noise_and_hann_less(disc):
    scans = _scanned(_slice(disc), 1.0, [1, 1 / 16], 0)
    noise = {key: (found - scans.perfect)[REGION].std() for key, found in scans.noisy.items()}
    assert noise["ramp", 1 / 16] / noise["ramp", 1] == pytest.approx(4, rel=0.2)
    assert noise["hann", 1] < 0.6 * noise["ramp", 1]
    assert scans.perfect[REGION].mean() == pytest.approx(50, abs=5)


def test_on_paper_it_shows_each_dose_by_both_filters_and_says_what_it_found(disc):
    drawn = viz.dose_slider(disc, 1.0, REGION, fractions=(1, 1 / 10), title="A disc", live=False)
    assert [axes.get_title() for axes in drawn.axes] == [
        f"dose {dose}, {name}" for name in ("ramp", "hann") for dose in ("full", "1/10")
    ]
    assert "A disc" in drawn.get_suptitle() and "the noise grows from" in drawn.get_suptitle()


def test_live_it_follows_the_controls(disc):
    dose, kind, window, shown = viz.dose_slider(disc, 1.0, REGION, live=True).children
    seen = {bytes(shown.value)}
    for control, value in ((dose, 1), (kind, "hann"), (window, "lung")):
        control.value = value
        seen.add(bytes(shown.value))
        assert control.tooltip and control.description
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [({"fractions": [1]}, "two"), ({"fractions": [0.5, 1]}, "falling"), ({"region": (slice(90, 99),) * 2}, "region")],
)
def test_bad_input_is_refused_in_words(disc, options, words):
    with pytest.raises(ValueError, match=words):
        viz.dose_slider(disc, 1.0, **({"region": REGION} | options))

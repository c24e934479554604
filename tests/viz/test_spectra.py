"""The slider of spectra: what it says about a score is true, live and on paper."""

import numpy as np
import pytest

from course_lib import mrs, viz

COMPONENTS = len(mrs.COMPONENTS)


@pytest.fixture
def tissues():
    first = mrs.signals(np.arange(1.0, COMPONENTS + 1))
    return {"one": first, "weak": first / 50}


def width(fids):
    return mrs.linewidth(fids)


def test_on_paper_it_says_from_which_severity_on_a_spectrum_is_rejected(tissues):
    drawn = viz.spectrum_slider({"one": tissues["one"]}, width, 10.0, noise=0.0, title="Width", live=False)
    curve = drawn.axes[1].lines[0].get_ydata()
    assert curve[0] < 10 < curve[-1] and np.all(np.diff(curve) > -0.5)
    first = np.flatnonzero(curve <= 10)[-1] + 1
    assert f"Width\none: rejected from {first / 20:.2f} on" == drawn.get_suptitle()
    assert drawn.axes[0].get_xlim()[0] > drawn.axes[0].get_xlim()[1], "ppm rise to the left"


@pytest.mark.parametrize(("threshold", "words"), [(-1.0, "always rejected"), (1e6, "never rejected")])
def test_it_says_always_and_never(tissues, threshold, words):
    told = viz.spectrum_slider(tissues, width, threshold, live=False).get_suptitle()
    assert told == f"one: {words}; weak: {words}"


def test_live_it_follows_all_three_controls(tissues):
    tissue, artefact, severity, shown = viz.spectrum_slider(tissues, width, 10.0, live=True).children
    pictures = {bytes(shown.value)}
    severity.value = 1.0
    pictures.add(bytes(shown.value))
    assert "1.00" in shown.tooltip and artefact.value in shown.tooltip
    artefact.value = "lipid"
    pictures.add(bytes(shown.value))
    tissue.value = "weak"
    pictures.add(bytes(shown.value))
    assert len(pictures) == 4
    assert all(part.tooltip and part.description for part in (tissue, artefact, severity))


def test_bad_input_is_refused_in_words(tissues):
    with pytest.raises(ValueError, match="tissue"):
        viz.spectrum_slider({}, width, 1.0)
    with pytest.raises(ValueError, match="threshold"):
        viz.spectrum_slider(tissues, width, float("nan"))

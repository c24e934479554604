"""The slider of lab 13: its numbers are those of the maps, the lesion stays in its place, and bad input is refused."""

import pytest
import torch

from course_lib import normative, viz
from course_lib.data.lesions import add_lesions

STRENGTHS = [0.05, 0.1, 0.3]
METHODS = {"bright": lambda image: image, "dark": lambda image: -image}


@pytest.fixture
def brain():
    down, right = torch.meshgrid(torch.linspace(-1.1, 1.1, 48), torch.linspace(-1.1, 1.1, 40), indexing="ij")
    mask = (down**2 + right**2 < 1)[None, None]
    return (0.5 + 0.1 * torch.sin(5 * down))[None, None] * mask, mask


def test_on_paper_it_draws_each_kind_and_says_what_is_best(brain):
    drawn = viz.anomaly_slider(*brain, METHODS, STRENGTHS, title="One slice", live=False)
    assert [axes.get_title() for axes in drawn.axes] == ["bright", "dark", "texture", "mass"]
    assert "One slice" in drawn.get_suptitle() and "bright: bright 1.00; dark: dark 1.00" in drawn.get_suptitle()
    image, mask = brain
    found = add_lesions(image, mask, "dark", 0.1, seed=0)
    expected = normative.area_under_curve(-found.images[mask], found.masks[mask])
    assert drawn.axes[1].lines[1].get_ydata()[1] == pytest.approx(expected)
    assert 0.5 < expected < drawn.axes[1].lines[1].get_ydata()[2] <= 1


def test_live_it_follows_the_controls(brain):
    menu, slider, shown = viz.anomaly_slider(*brain, METHODS, STRENGTHS, live=True).children
    first = bytes(shown.value)
    assert "AUROC 1.00" in shown.tooltip
    slider.value = 0.05
    second = bytes(shown.value)
    menu.value = "mass"
    assert len({first, second, bytes(shown.value)}) == 3
    assert menu.tooltip and slider.tooltip and slider.description


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strengths": [0.1]}, "two"),
        ({"strengths": [0.2, 0.1]}, "rising"),
        ({"strengths": [0.1, 0.5]}, "0.3"),
        ({"methods": {}}, "one to four"),
    ],
)
def test_bad_input_is_refused_in_words(brain, options, words):
    with pytest.raises(ValueError, match=words):
        viz.anomaly_slider(*brain, **({"methods": METHODS, "strengths": STRENGTHS} | options))

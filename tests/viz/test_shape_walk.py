"""The walk along a shape's code: its ends are the shapes, and only the pixels' way is in doubt between them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib import viz
from course_lib.viz.play.shapes import sure

PLACE = torch.arange(12.0)


def column(place):
    """A map of two classes: one column at `place`."""
    return F.one_hot((PLACE == place).long().expand(12, 12), 2).movedim(-1, 0).float()


def encode(maps):
    """The column's place."""
    return (maps[:, 1, 0] * PLACE).sum(1, keepdim=True)


def decode(codes):
    """Logits of a column, wherever the code says."""
    inside = 40 * (0.6 - (PLACE - codes).abs())[:, None].expand(-1, 12, -1)
    return torch.stack([torch.zeros_like(inside), inside], 1)


SHAPES = {"left": column(2), "right": column(8), "middle": column(5)}


def pictures(figure):
    return [axes.images[0].get_array() for axes in figure.axes]


def test_on_paper_five_places_the_ends_the_shapes_and_the_middle_one_shape_in_the_code_only():
    drawn = viz.shape_walk(encode, decode, SHAPES, title="A walk", live=False)
    assert len(drawn.axes) == 10 and drawn.get_suptitle().startswith("A walk")
    assert "Halfway from left to right, certain pixels: 100.0% in the code, 83.3% in the pixels" in drawn.get_suptitle()
    code, pixels = pictures(drawn)[:5], pictures(drawn)[5:]
    for end in (0, 4):
        assert np.allclose(code[end], pixels[end], atol=1e-4)
    lit = [np.flatnonzero(np.abs(one[0] - one[0, 0]).max(-1) > 0.01) for one in (code[2], pixels[2])]
    assert lit[0].tolist() == [5] and lit[1].tolist() == [2, 8]
    words = [axes.get_xlabel() for axes in drawn.axes]
    assert words[2] == "certain pixels: 100.0%" and words[7] == "certain pixels: 83.3%"


def test_live_it_follows_the_menus_and_the_slider():
    start, end, slider, shown = viz.shape_walk(encode, decode, SHAPES, live=True).children
    seen = {bytes(shown.value)}
    slider.value = 1.0
    seen.add(bytes(shown.value))
    end.value = "middle"
    seen.add(bytes(shown.value))
    slider.value = 0.0
    start.value = "right"
    seen.add(bytes(shown.value))
    assert len(seen) == 4 and start.tooltip and end.tooltip and slider.tooltip


def test_sure_is_the_share_of_pixels_with_one_likely_class():
    assert sure(np.array([[[0.9, 0.5], [0.0, 0.2]], [[0.1, 0.5], [1.0, 0.8]]])) == 0.5


@pytest.mark.parametrize(
    "shapes", [{"one": column(2)}, {"one": column(2), "two": column(2)[:, :6]}, {"a": PLACE, "b": PLACE}]
)
def test_bad_input_is_refused_in_words(shapes):
    with pytest.raises(ValueError, match="at least two label maps"):
        viz.shape_walk(encode, decode, shapes)

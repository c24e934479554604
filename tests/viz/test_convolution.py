"""The convolution slider shows the numbers of a real convolution, and only those that the kernel has reached."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib import viz
from course_lib.viz.play.convolution import KERNELS, size_rule


@pytest.fixture
def notebook(monkeypatch):
    import IPython

    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))


@pytest.fixture
def image():
    return np.random.default_rng(0).random((7, 6), dtype=np.float32)


def torch_answer(image, kernel, stride, padding):
    given = [torch.from_numpy(np.asarray(part, dtype=np.float64))[None, None] for part in (image, kernel)]
    return F.conv2d(*given, stride=stride, padding=padding)[0, 0].numpy()


def test_the_static_picture_holds_three_answers_of_the_first_kernel(image):
    figure = viz.convolution_slider(image, title="Play")
    assert figure.get_suptitle() == "Play\nOne kernel (mean), 7×6 pixels in, 5×4, 7×6, 4×3 out"
    for axes, (stride, padding) in zip(figure.axes[1:], [(1, 0), (1, 1), (2, 1)], strict=True):
        assert axes.get_title() == f"stride {stride}, padding {padding}"
        expected = torch_answer(image, KERNELS["mean"], stride, padding)
        np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), expected, atol=1e-6)


def test_moving_the_sliders_redraws_and_the_places_are_as_many_as_the_answer_has(image, notebook):
    box = viz.convolution_slider(image)
    menu, stride, padding, place, shown = box.children
    assert place.max == 20
    before = shown.value
    place.value = 20
    assert shown.value != before
    stride.value, padding.value = 2, 1
    assert (place.max, place.value) == (12, 6), "a stride of 2 leaves 3 × 2 places, the padding makes them 4 × 3"
    before = shown.value
    menu.value = "sharpen"
    assert shown.value != before
    assert [control.description for control in box.children[:4]] == ["kernel", "stride", "padding", "place"]


def test_only_what_the_kernel_has_reached_is_shown(image, monkeypatch):
    from course_lib.viz.play import convolution

    drawn = []
    monkeypatch.setattr(convolution, "_shown", lambda axes, values, *rest: drawn.append((values, rest[:2])))
    convolution._drawing(image, KERNELS, None)("vertical edges", 2, 1, 5)
    padded, kernel, answer = (values for values, _ in drawn)
    expected = torch_answer(image, KERNELS["vertical edges"], 2, 1)
    assert padded.shape == (9, 8) and kernel.shape == (3, 3)
    np.testing.assert_allclose(answer.ravel()[:5], expected.ravel()[:5], atol=1e-6)
    assert np.isnan(answer.ravel()[5:]).all()
    assert f"sum of 9 products: {expected[1, 1]:.2f}" in drawn[2][1][1]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), [(7, 3, 1, 0), (8, 5, 2, 2), (6, 3, 3, 1)])
def test_the_rule_of_the_size_is_that_of_torch(size, kernel, stride, padding):
    found = torch_answer(np.zeros((size, size)), np.zeros((kernel, kernel)), stride, padding)
    assert size_rule(size, kernel, stride, padding).endswith(f"= {len(found)}")


@pytest.mark.parametrize(
    ("shape", "options", "says"),
    [
        ((13, 5), {}, "at most 12"),
        ((4, 4), {"kernels": {}}, "at least one"),
        ((4, 4), {"kernels": {"large": np.ones((5, 5))}}, "larger than the image"),
        ((4, 4), {"stride": 0}, "stride"),
        ((4, 4), {"padding": 3}, "padding"),
    ],
)
def test_what_cannot_be_shown_is_refused(shape, options, says):
    with pytest.raises(ValueError, match=says):
        viz.convolution_slider(np.zeros(shape), live=False, **options)

"""The receptive-field slider shows what the library's footprint of a real network says, and names gaps."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import viz
from course_lib.models import dncnn
from course_lib.viz.play.receptive import CHAINS, paths


def random_image(shape=(53, 61), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def with_images(figure):
    return [axes for axes in figure.axes if axes.images]


@pytest.fixture
def notebook(monkeypatch):
    import IPython

    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))


# ---- what is shown is true -----------------------------------------------------------------------


@pytest.mark.parametrize("rates", CHAINS.values())
def test_paths_are_the_gradient_of_a_network_with_equal_weights(rates):
    line = paths(rates)
    weights = np.outer(line, line) / line.sum() ** 2
    side = len(line) + 4
    network = dncnn.DnCNN(width=2, batch_norm=False, dilations=rates).layers  # without the shortcut of the image
    found = dncnn.footprint(network, side).numpy()
    np.testing.assert_allclose(np.pad(weights, 2), found, atol=1e-12)
    assert len(line) == dncnn.receptive_field_formula(rates)


@pytest.mark.parametrize(("rates", "kernel"), [((2,), 3), ((1, 2), 5), ((3, 1, 2), 3), ((4, 1), 1)])
def test_paths_are_counted_one_by_one(rates, kernel):
    places = [0]
    for rate in rates:
        places = [place + rate * (tap - kernel // 2) for place in places for tap in range(kernel)]
    line = paths(rates, kernel)
    middle = len(line) // 2
    assert [places.count(offset) for offset in range(-middle, middle + 1)] == line.tolist()


def test_static_picture_shows_each_chain_and_its_weights():
    image = random_image()
    figure = viz.receptive_field_slider(image, {"plain": (1, 1), "gaps": (2, 2)}, title="Play")
    assert figure.get_suptitle() == "Play\nWidest view: gaps. Gaps: gaps"
    plain, gaps, plain_weights, gaps_weights = with_images(figure)[:4]
    assert [axes.get_title() for axes in (plain, gaps)] == ["plain", "gaps"]
    assert [axes.get_xlabel() for axes in (plain, gaps)] == ["5×5, 100 % seen", "9×9, 31 % seen"]
    # 1 2 3 2 1 along an axis: the middle 3 hold 7/9 of it, in both directions (7/9)²
    assert plain_weights.get_xlabel() == "half of the weight: middle 3×3"
    line = np.array([0, 0, 0, 1, 2, 3, 2, 1, 0, 0, 0]) / 3
    weights = np.outer(line, line)
    shown = plain_weights.images[0].get_array()
    np.testing.assert_allclose(np.ma.filled(shown, 0), weights)
    seen = np.asarray(plain.images[0].get_array())
    window = image[21:32, 25:36]
    inside = (weights > 0) & (np.arange(121).reshape(11, 11) != 60)
    np.testing.assert_allclose(seen[inside], np.repeat(window[inside][:, None], 3, 1))
    assert (seen[weights == 0] == seen[0, 0]).all() and seen[0, 0, 2] > seen[0, 0, 0], "what is not seen is blue"
    assert np.count_nonzero(~np.ma.getmaskarray(gaps_weights.images[0].get_array())) == 25


def test_without_gaps_the_title_says_so_and_other_kernels_are_welcome():
    figure = viz.receptive_field_slider(torch.from_numpy(random_image())[None], {"one": [3, 1]}, kernel=5)
    assert figure.get_suptitle() == "Widest view: one. Gaps: none"
    assert with_images(figure)[0].get_xlabel() == "17×17, 100 % seen"


# ---- live ----------------------------------------------------------------------------------------


def test_moving_a_control_changes_the_picture_and_moving_back_restores_it():
    menu, slider, picture = viz.receptive_field_slider(random_image(), live=True).children
    assert menu.options == tuple(CHAINS)
    assert (slider.min, slider.max, slider.value) == (1, 7, 7)
    first = pixels(picture.value)
    for control, there, back in [(slider, 3, 7), (menu, "2-2-2-2-2-2-2", "1-1-1-1-1-1-1")]:
        control.value = there
        moved = pixels(picture.value)
        assert moved.shape == first.shape, "the picture should not jump"
        assert not np.array_equal(moved, first)
        control.value = back
        np.testing.assert_array_equal(pixels(picture.value), first)


def test_layers_at_the_start_and_a_picture_for_paper():
    box = viz.receptive_field_slider(random_image(), {"short": (1,), "long": (1, 2, 1)}, layers=2, live=True)
    assert box.children[1].value == 2
    bundle = box._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    static = viz.receptive_field_slider(random_image(), {"short": (1,), "long": (1, 2, 1)}, live=False)
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(static._repr_png_()))


def test_widget_in_a_notebook_static_in_profile_ci_and_without_ipywidgets(notebook, monkeypatch):
    import ipywidgets
    from matplotlib.figure import Figure

    chains = {"one": (1, 2)}
    assert isinstance(viz.receptive_field_slider(random_image(), chains), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert isinstance(viz.receptive_field_slider(random_image(), chains), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(viz.receptive_field_slider(random_image(), chains), Figure)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"chains": {}}, ValueError, "chains: expected at least one"),
        ({"chains": {"none": ()}}, ValueError, "chains: expected at least one"),
        ({"chains": {"zero": (1, 0)}}, ValueError, r"chains\['zero'\]: expected at least 1"),
        ({"chains": {"half": (1.5,)}}, TypeError, r"chains\['half'\]: expected a whole number"),
        ({"kernel": 4}, ValueError, "kernel: expected an odd number"),
        ({"layers": 8}, ValueError, "layers: expected at most 7"),
        ({"chains": {"wide": (30,)}}, ValueError, "image: expected sides of at least 63"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_refuses_what_it_cannot_show(named, error, message, live):
    with pytest.raises(error, match=message):
        viz.receptive_field_slider(random_image(), **named, live=live)


def test_refuses_several_images():
    with pytest.raises(ValueError, match="image: expected one image"):
        viz.receptive_field_slider(random_image((2, 1, 60, 60)))

"""The level slider shows what the methods return, measures each level once, and marks where the network was trained."""

import io
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import metrics, noise, viz

SHAPE, LEVELS = (21, 17), (0.05, 0.1, 0.2, 0.4)


def random_image(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def shrink(image, sigma):
    """An answer that depends on both; beyond 1 where the noise is."""
    return image * (1 - sigma)


METHODS = {"shrink": shrink, "nothing": lambda image, sigma: image}


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def with_images(figure):
    return [axes for axes in figure.axes if axes.images]


def curves(figure):
    return next(axes for axes in figure.axes if not axes.images)


def shown(axes):
    return np.asarray(axes.images[0].get_array())


def psnr(answer, clean):
    return float(metrics.psnr(np.asarray(answer, dtype=float), clean.astype(float), data_range=1))


@pytest.mark.parametrize("corrupt", [noise.gaussian, noise.rician])
@pytest.mark.parametrize("convert", [lambda image: image, lambda image: torch.from_numpy(image)[None]])
def test_three_levels_on_paper_and_psnr_at_all_of_them(convert, corrupt):
    clean = random_image()
    image = convert(clean)
    figure = viz.level_slider(image, METHODS, corrupt, levels=LEVELS, trained=0.1, seed=5, live=False)
    flat, panels, measured = image.reshape(SHAPE), with_images(figure), {"noisy": [], "shrink": [], "nothing": []}
    assert len(panels) == 12
    for level in LEVELS:
        generator = np.random.default_rng(5) if isinstance(image, np.ndarray) else torch.Generator().manual_seed(5)
        noisy = np.asarray(corrupt(flat, level, generator=generator))
        answers = {"noisy": noisy, "shrink": noisy * np.float32(1 - level), "nothing": noisy}
        for name, answer in answers.items():
            measured[name].append(psnr(answer if name == "noisy" else answer.clip(0, 1), clean))
        if level != 0.2:  # the lowest, where it was trained, the highest
            row = panels[4 * [0.05, 0.1, 0.4].index(level) :][:4]
            assert [axes.get_title() for axes in row] == ["clean", "noisy", "shrink", "nothing"]
            assert row[0].get_xlabel() == f"sigma {level:g}"
            for axes, (name, answer) in zip(row[1:], answers.items(), strict=True):
                np.testing.assert_allclose(shown(axes), answer, atol=1e-6)
                assert axes.get_xlabel() == f"PSNR {measured[name][-1]:.2f} dB"
    drawn = {line.get_label(): line for line in curves(figure).lines}
    for name, values in measured.items():
        np.testing.assert_allclose(drawn[name].get_ydata(), values, atol=1e-3)
        np.testing.assert_array_equal(drawn[name].get_xdata(), LEVELS)
    np.testing.assert_array_equal(drawn["trained here"].get_xdata(), [0.1, 0.1])
    best = sum(
        first >= max(others)
        for first, *others in zip(measured["shrink"], measured["noisy"], measured["nothing"], strict=True)
    )
    assert figure.get_suptitle() == f"shrink is best at {best} of 4 noise levels"


def test_a_range_of_training_levels_is_a_band_and_no_level_no_mark():
    band = curves(viz.level_slider(random_image(), METHODS, levels=LEVELS, trained=(0.05, 0.2), live=False))
    assert [patch.get_label() for patch in band.patches] == ["trained here"]
    bare = viz.level_slider(random_image(), METHODS, levels=LEVELS, title="Play", live=False)
    assert "trained here" not in bare._suptitle.get_text() and not curves(bare).patches
    assert {line.get_label() for line in curves(bare).lines} == {"shrink", "nothing", "noisy"}
    assert bare.get_suptitle().startswith("Play\nshrink is best at ")


def test_an_exact_answer_can_be_drawn():
    clean = random_image()
    figure = viz.level_slider(clean, {"truth": lambda image, sigma: clean}, levels=LEVELS, live=False)
    assert with_images(figure)[2].get_xlabel() == "PSNR inf dB"


def test_two_levels_are_two_rows():
    figure = viz.level_slider(random_image(), METHODS, levels=(0.1, 0.2), value=0.19, live=False)
    assert len(with_images(figure)) == 8


def test_moving_the_slider_changes_the_picture_and_moving_back_restores_it():
    asked = []

    def counting(image, sigma):
        asked.append(sigma)
        return shrink(image, sigma)

    state = torch.get_rng_state()
    box = viz.level_slider(random_image(), {"shrink": counting}, levels=LEVELS, trained=0.1, live=True)
    slider, picture = box.children
    assert [label for label, _ in slider.options] == ["0.05", "0.1", "0.2", "0.4"] and slider.value == 1
    assert asked == list(LEVELS), "each level is computed once, when the slider is made"
    first = pixels(picture.value)
    slider.value = 3
    moved = pixels(picture.value)
    assert moved.shape == first.shape, "the picture should not jump"
    assert not np.array_equal(moved, first)
    slider.value = 1
    again = pixels(picture.value)
    slider.value = 3
    np.testing.assert_array_equal(pixels(picture.value), moved)
    slider.value = 1
    np.testing.assert_array_equal(pixels(picture.value), again)
    assert asked == list(LEVELS) and torch.equal(torch.get_rng_state(), state)


def test_the_box_carries_a_picture_for_paper():
    arguments = partial(viz.level_slider, random_image(), METHODS, levels=LEVELS, title="Play")
    bundle = arguments(live=True)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(arguments(live=False)._repr_png_()))


def test_the_pattern_of_the_noise_is_the_same_at_all_levels_and_follows_from_the_seed():
    seen = {}

    def spy(image, sigma):
        seen[sigma] = np.asarray(image)
        return image

    clean = random_image()
    viz.level_slider(clean, {"spy": spy}, levels=LEVELS, seed=3, live=False)
    first = (seen[0.4] - clean) / 0.4
    for level in LEVELS:
        np.testing.assert_allclose((seen[level] - clean) / level, first, atol=1e-4)
    viz.level_slider(clean, {"spy": spy}, levels=LEVELS, seed=4, live=False)
    assert not np.allclose((seen[0.4] - clean) / 0.4, first, atol=0.1)


def test_widget_in_a_notebook_static_in_profile_ci_and_without_ipywidgets(monkeypatch):
    import IPython
    import ipywidgets
    from matplotlib.figure import Figure

    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    make = partial(viz.level_slider, random_image(), METHODS, levels=LEVELS)
    assert isinstance(make(), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert isinstance(make(), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(make(), Figure)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"methods": {}}, "methods: expected 1 to 6, got 0"),
        ({"methods": {"noisy": shrink}}, "'noisy' is the noisy image itself"),
        ({"levels": (0.1,)}, "levels: expected at least two, rising"),
        ({"levels": (0.2, 0.1)}, "levels: expected at least two, rising"),
        ({"levels": (0.0, 0.1)}, "levels: expected a finite number above 0"),
        ({"trained": -0.1}, "trained: expected"),
        ({"trained": (0.2, 0.1)}, "trained: expected a number or"),
        ({"trained": (0.1, 0.2, 0.3)}, "trained: expected a number or"),
        ({"value": -1}, "value: expected"),
        ({"data_range": 0}, "data_range: expected a finite number above 0"),
        ({"methods": {"cut": lambda image, sigma: image[1:]}}, "what cut returns: expected the size"),
        ({"corrupt": lambda image, sigma, generator: image + np.nan}, "what corrupt returns: expected finite"),
    ],
)
def test_refuses_what_it_cannot_show(named, message):
    with pytest.raises(ValueError, match=message):
        viz.level_slider(random_image(), **({"methods": METHODS, "levels": LEVELS, "live": False} | named))


def test_refuses_several_images():
    with pytest.raises(ValueError, match="image: expected one image"):
        viz.level_slider(random_image((2, 1, 20, 20)), METHODS)

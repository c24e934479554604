"""The filter slider shows what the filters return, tells them the right sigma, and keeps the noise while it moves."""

import io
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_lib import metrics, noise, viz

SHAPE = (23, 19)


def random_image(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def blur(image, sigma):
    """A filter with a strength that one can see."""
    if isinstance(image, torch.Tensor):
        return torch.from_numpy(ndimage.gaussian_filter(image.numpy(), 10 * sigma))
    return ndimage.gaussian_filter(image, 10 * sigma)


def darken(image, sigma):
    return image * (1 - sigma)


FILTERS = {"blur": blur, "darken": darken}


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def with_images(figure):
    return [axes for axes in figure.axes if axes.images]


def shown(axes):
    return np.asarray(axes.images[0].get_array())


@pytest.fixture
def notebook(monkeypatch):
    import IPython

    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))


# ---- on paper ------------------------------------------------------------------------------------


@pytest.mark.parametrize("corrupt", [noise.gaussian, noise.rician])
@pytest.mark.parametrize("convert", [lambda image: image, lambda image: torch.from_numpy(image)[None]])
def test_static_picture_shows_four_strengths_of_the_first_filter_and_their_errors(convert, corrupt):
    clean = random_image()
    image = convert(clean)
    figure = viz.filter_slider(image, FILTERS, corrupt, sigma=0.2, seed=5)
    flat = image.reshape(SHAPE)
    generator = np.random.default_rng(5) if isinstance(image, np.ndarray) else torch.Generator().manual_seed(5)
    noisy = corrupt(flat, 0.2, generator=generator)
    expected = [noisy] + [blur(noisy, strength * 0.2) for strength in (0.5, 1, 1.5, 2)]
    panels = with_images(figure)
    assert len(panels) == 10
    for above, below, answer in zip(panels[:5], panels[5:], expected, strict=True):
        np.testing.assert_array_equal(shown(above), np.asarray(answer))
        np.testing.assert_array_equal(shown(below), np.asarray(answer) - clean)
        low, high = below.images[0].get_clim()
        assert low == -high < 0 and above.images[0].get_clim() == (0, 1)
        assert below.get_xlabel() == f"mean {(np.asarray(answer) - clean).mean():+.3f}"
    headings = [axes.get_title() for axes in panels]
    assert headings[:5] == ["noisy, sigma 0.2", "strength 0.5", "strength 1", "strength 1.5", "strength 2"]
    assert headings[5:7] == ["noisy - clean", "strength 0.5 - clean"]


def test_scores_and_the_title_are_measured():
    clean = random_image()
    noisy = noise.gaussian(clean, 0.4, generator=np.random.default_rng(0))
    figure = viz.filter_slider(
        clean, FILTERS, sigma=0.4, largest_sigma=0.5, strength=0.1, largest_strength=0.2, title="Play"
    )
    psnr = partial(metrics.psnr, target=clean.astype(float), data_range=1)
    answers = {strength: blur(noisy, strength * 0.4) for strength in (0.05, 0.1, 0.15, 0.2)}
    scores = {strength: float(psnr(answer.clip(0, 1).astype(float))) for strength, answer in answers.items()}
    labels = [axes.get_xlabel() for axes in with_images(figure)[:5]]
    assert labels[0] == f"PSNR {float(psnr(noisy.astype(float))):.2f} dB", "the noisy image is scored as it is"
    assert labels[1:] == [f"PSNR {score:.2f} dB" for score in scores.values()], "the denoised ones are clipped"
    best = max(scores, key=scores.get)
    assert figure.get_suptitle() == f"Play\nblur, sigma 0.4: best of these at strength {best:g} ({scores[best]:.1f} dB)"


def test_an_exact_answer_and_no_noise_can_be_drawn():
    clean = random_image()
    figure = viz.filter_slider(clean, {"truth": lambda image, sigma: clean}, sigma=0.0)
    assert [axes.get_xlabel() for axes in with_images(figure)[:5]] == ["PSNR inf dB"] * 5
    assert with_images(figure)[5].images[0].get_clim() == (-1, 1)


# ---- live ----------------------------------------------------------------------------------------


def test_moving_a_control_changes_the_picture_and_moving_back_restores_it():
    box = viz.filter_slider(random_image(), FILTERS, noise.rician, live=True, sigma=0.11)
    menu, level, strength, picture = box.children
    assert menu.options == ("blur", "darken")
    assert (level.min, level.max, level.value, level.description) == (0, 0.3, 0.11, "sigma")
    assert (strength.min, strength.max, strength.value, strength.description) == (0, 2, 1, "strength")
    first = pixels(picture.value)
    for control, there, back in [(level, 0.3, 0.11), (strength, 0.0, 1.0), (menu, "darken", "blur")]:
        control.value = there
        moved = pixels(picture.value)
        assert moved.shape == first.shape, "the picture should not jump"
        assert not np.array_equal(moved, first)
        control.value = back
        np.testing.assert_array_equal(pixels(picture.value), first)


@pytest.mark.parametrize("convert", [lambda image: image, lambda image: torch.from_numpy(image)[None, None]])
def test_the_filter_is_told_strength_times_sigma_and_sees_one_noise_pattern(convert):
    seen = []

    def spy(image, sigma):
        seen.append((np.asarray(image).copy(), sigma))
        return image

    state = torch.get_rng_state()
    level, strength, _ = viz.filter_slider(convert(random_image()), {"spy": spy}, live=True, seed=3).children
    strength.value = 1.6
    level.value = 0.2
    assert [sigma for _, sigma in seen] == pytest.approx([0.1, 0.16, 0.32])
    np.testing.assert_array_equal(seen[0][0], seen[1][0])
    clean = random_image()
    assert seen[0][0].shape == SHAPE
    np.testing.assert_allclose(2 * (seen[1][0] - clean), seen[2][0] - clean, atol=1e-6)
    assert torch.equal(torch.get_rng_state(), state)
    viz.filter_slider(convert(random_image()), {"spy": spy}, live=True, seed=4)
    assert not np.allclose(seen[-1][0], seen[0][0]), "another seed is another pattern"


def test_one_filter_needs_no_menu_and_the_box_carries_a_picture_for_paper():
    box = viz.filter_slider(random_image(), {"blur": blur}, live=True, title="Play")
    assert len(box.children) == 3
    bundle = box._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    static = viz.filter_slider(random_image(), {"blur": blur}, live=False, title="Play")
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(static._repr_png_()))


def test_widget_in_a_notebook_static_in_profile_ci_and_without_ipywidgets(notebook, monkeypatch):
    import ipywidgets
    from matplotlib.figure import Figure

    assert isinstance(viz.filter_slider(random_image(), FILTERS), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert isinstance(viz.filter_slider(random_image(), FILTERS), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(viz.filter_slider(random_image(), FILTERS), Figure)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"filters": {}}, "filters: expected at least one"),
        ({"sigma": 0.4}, "sigma: expected a number from 0 to 0.3"),
        ({"strength": -1}, "strength: expected a number from 0 to 2"),
        ({"largest_sigma": 0}, "largest_sigma: expected a finite number above 0"),
        ({"largest_strength": 0}, "largest_strength: expected a finite number above 0"),
        ({"data_range": 0}, "data_range: expected a finite number above 0"),
        ({"filters": {"cut": lambda image, sigma: image[1:]}}, "what cut returns: expected the size"),
        ({"corrupt": lambda image, sigma, generator: image + np.nan}, "what corrupt returns: expected finite"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_refuses_what_it_cannot_show(named, message, live):
    arguments = {"filters": {"same": lambda image, sigma: image.clip(0, 1)}, "live": live} | named
    with pytest.raises(ValueError, match=message):
        viz.filter_slider(random_image(), **arguments)


def test_refuses_several_images():
    with pytest.raises(ValueError, match="image: expected one image"):
        viz.filter_slider(random_image((2, 1, 20, 20)), FILTERS)

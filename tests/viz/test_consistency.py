"""The consistency slider shows what the layer returns, finds the best λ, and keeps the noise while it moves."""

import io
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import viz
from course_lib.viz.play.consistency import STRENGTHS, name_of

SHAPE = (23, 18)


def fft(image):
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image), norm="ortho"))


def ifft(kspace):
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace), norm="ortho"))


def random_image(seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return (rng.random(shape) * np.exp(1j * rng.random(shape))).astype(np.complex64)


def columns(share=0.5, seed=1):
    mask = np.random.default_rng(seed).random(SHAPE[1]) < share
    mask[:2] = True, False
    return np.broadcast_to(mask, SHAPE).copy()


def made_consistent(image, guess, mask, strength):
    """The formula, in NumPy; without noise."""
    k, k0 = fft(guess), fft(image)
    mixed = k0 if math.isinf(strength) else (k + strength * k0) / (1 + strength)
    return np.abs(ifft(np.where(mask, mixed, k)))


def psnr(image, clean):
    return -10 * np.log10(np.mean((image.clip(0, 1) - clean) ** 2))


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


@pytest.mark.parametrize("convert", [lambda values: values, lambda values: torch.from_numpy(values)[None]])
def test_static_picture_shows_what_the_formula_gives(convert):
    image, guess, mask = random_image(), random_image(1), columns()
    figure = viz.consistency_slider(convert(image), convert(guess), convert(mask), sigma=0.0)
    panels = with_images(figure)
    clean = np.abs(image)
    wanted = {
        "zero-filled": np.abs(ifft(fft(image) * mask)),
        "guess (λ = 0)": np.abs(guess),
        "λ = 1": made_consistent(image, guess, mask, 1.0),
        "λ = ∞": made_consistent(image, guess, mask, math.inf),
    }
    assert [axes.get_title() for axes in panels[:4]] == list(wanted)
    np.testing.assert_array_equal(shown(panels[8]), mask)
    assert panels[8].get_xlabel() == f"{mask.mean():.0%} of k-space"
    for above, below, answer in zip(panels[:4], panels[4:8], wanted.values(), strict=True):
        np.testing.assert_allclose(shown(above), answer, atol=1e-5)
        np.testing.assert_allclose(shown(below), answer - clean, atol=1e-5)
        assert above.get_xlabel() == f"PSNR {psnr(answer, clean):.2f} dB"
        low, high = below.images[0].get_clim()
        assert low == -high < 0 and above.images[0].get_clim() == (0, 1)


def test_curve_and_title_are_measured():
    image, mask = random_image(), columns(0.7)
    guess = image + 0.2 * random_image(1)
    figure = viz.consistency_slider(image, guess, mask, sigma=0.0, title="Play")
    scores = [psnr(made_consistent(image, guess, mask, strength), np.abs(image)) for strength in STRENGTHS]
    (curve,) = [axes for axes in figure.axes if axes.get_title() == "PSNR (dB) over λ"]
    np.testing.assert_allclose(curve.lines[0].get_ydata(), scores, atol=1e-3)
    best = int(np.argmax(scores))
    assert curve.get_xlabel().strip() == f"best λ = {name_of(STRENGTHS[best])}"
    expected = f"Play\nnoise sigma 0: best λ = {name_of(STRENGTHS[best])} ({scores[best]:.1f} dB)"
    assert figure.get_suptitle() == expected


def test_the_best_strength_falls_as_the_noise_grows():
    image = random_image(shape=(64, 64))
    guess = image + 0.3 * (random_image(1, (64, 64)) - 0.5)
    mask = np.random.default_rng(2).random((1, 64)) < 0.5

    def best(sigma):
        figure = viz.consistency_slider(image, guess, np.repeat(mask, 64, 0), sigma=sigma, largest_sigma=2.0)
        (curve,) = [axes for axes in figure.axes if axes.get_title() == "PSNR (dB) over λ"]
        return int(np.argmax(curve.lines[0].get_ydata()))

    found = [best(sigma) for sigma in (0.0, 0.1, 0.5, 2.0)]
    assert found == sorted(found, reverse=True) and found[0] == len(STRENGTHS) - 1 and found[-1] < found[1]


def test_an_exact_guess_and_real_images_can_be_drawn():
    image = np.abs(random_image())
    figure = viz.consistency_slider(image, image, columns(), sigma=0.0)
    assert "best λ = 0" in figure.get_suptitle() and "inf dB" in figure.get_suptitle()


# ---- live ----------------------------------------------------------------------------------------


def test_moving_a_control_changes_the_picture_and_moving_back_restores_it():
    state = torch.get_rng_state()
    box = viz.consistency_slider(random_image(), random_image(1), columns(), live=True, sigma=0.1, strength=0.9)
    trust, level, picture = box.children
    assert trust.value == 1.0 and trust.options[0] == ("0", 0.0) and trust.options[-1] == ("∞", math.inf)
    assert (level.min, level.max, level.value) == (0, 0.3, 0.1)
    first = pixels(picture.value)
    for control, there, back in [(trust, math.inf, 1.0), (level, 0.3, 0.1), (trust, 0.0, 1.0)]:
        control.value = there
        moved = pixels(picture.value)
        assert moved.shape == first.shape, "the picture should not jump"
        assert not np.array_equal(moved, first)
        control.value = back
        np.testing.assert_array_equal(pixels(picture.value), first)
    assert torch.equal(torch.get_rng_state(), state)
    bundle = box._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    static = viz.consistency_slider(random_image(), random_image(1), columns(), live=False, sigma=0.1)
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(static._repr_png_()))


def test_none_begins_with_replacement():
    box = viz.consistency_slider(random_image(), random_image(1), columns(), live=True, strength=None)
    assert math.isinf(box.children[0].value)


def test_widget_in_a_notebook_static_in_profile_ci_and_without_ipywidgets(notebook, monkeypatch):
    import ipywidgets
    from matplotlib.figure import Figure

    arguments = random_image(), random_image(1), columns()
    assert isinstance(viz.consistency_slider(*arguments), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert isinstance(viz.consistency_slider(*arguments), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(viz.consistency_slider(*arguments), Figure)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"guess": random_image()[1:]}, ValueError, "guess: expected the size of the image"),
        ({"guess": random_image() * np.nan}, ValueError, "guess: expected finite"),
        ({"mask": columns()[1:]}, ValueError, "mask: expected the size of the image"),
        ({"mask": columns() & False}, ValueError, "all False"),
        ({"mask": columns().astype(float)}, TypeError, "mask: expected booleans"),
        ({"mask": [[True]]}, TypeError, "mask: expected booleans, True where measured, got list"),
        ({"sigma": 0.4}, ValueError, "sigma: expected a number from 0 to 0.3"),
        ({"strength": -1}, ValueError, "strength: expected a finite number of at least 0"),
        ({"largest_sigma": 0}, ValueError, "largest_sigma: expected a finite number above 0"),
        ({"data_range": 0}, ValueError, "data_range: expected a finite number above 0"),
        ({"seed": -1}, ValueError, "seed: expected"),
    ],
)
def test_refuses_what_it_cannot_show(named, error, message):
    arguments = {"guess": random_image(1), "mask": columns()} | named
    with pytest.raises(error, match=message):
        viz.consistency_slider(random_image(), **arguments)

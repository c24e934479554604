"""The sampling slider shows what kspace measures: mask, point spread, zero-filled image, difference, and numbers."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import kspace, metrics, viz
from course_lib.viz.play.sampling import PATTERNS

SHAPE = (30, 41)


def smooth_image(shape=SHAPE, seed=0):
    """A bright box with some noise, so that a blur, a ghost and a good answer have different scores."""
    image = 0.1 * np.random.default_rng(seed).random(shape, dtype=np.float32)
    image[8:22, 10:30] += 0.7
    return image


def complex_image():
    return kspace.with_phase(smooth_image(), generator=np.random.default_rng(1))


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


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: image,
        lambda image: torch.from_numpy(image)[None, None],
        lambda image: image.astype(np.complex128)[None],
    ],
)
def test_static_picture_shows_four_patterns_and_what_they_do(convert):
    image = complex_image()
    figure = viz.sampling_slider(convert(image), acceleration=3, center_fraction=0.1, seed=5)
    panels = with_images(figure)
    assert len(panels) == 12, "mask, zero-filled image and difference of four patterns"
    masks = [
        kspace.cartesian_mask(SHAPE, 3, 0.1, kind=kind, points=points, generator=np.random.default_rng(5))
        for kind, points in [("regular", False), ("random", False), ("variable_density", False), ("random", True)]
    ]
    headings = ["regular lines", "random lines", "variable density lines", "random points"]
    clean, scores = np.abs(image), []
    for column, (mask, heading) in enumerate(zip(masks, headings, strict=True)):
        # the zero-filled image from numpy's own transform
        everything = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image), norm="ortho"))
        answer = np.abs(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(everything * mask), norm="ortho")))
        above, middle, below = (panels[row * 4 + column] for row in range(3))
        np.testing.assert_array_equal(shown(above), mask)
        np.testing.assert_allclose(shown(middle), answer, atol=1e-5)
        np.testing.assert_allclose(shown(below), answer - clean, atol=1e-5)
        assert above.get_title() == heading
        assert above.get_xlabel() == f"acceleration {mask.size / mask.sum():.2f}"
        scores.append(float(metrics.psnr(answer.clip(0, 1).astype(float), clean.astype(float), data_range=1)))
        assert float(middle.get_xlabel().split()[1]) == pytest.approx(scores[-1], abs=0.02)
        low, high = below.images[0].get_clim()
        assert low == -high < 0 and middle.images[0].get_clim() == (0, 1)
    best = int(np.argmax(scores))
    assert figure.get_suptitle().startswith(f"acceleration 3, zero-filled: best of these {headings[best]} (")


def test_the_point_spread_is_that_of_the_mask_and_a_regular_mask_without_centre_has_full_ghosts():
    figure = viz.sampling_slider(smooth_image((32, 40)), acceleration=4, center_fraction=0.0, title="Play")
    curves = [axes for axes in figure.axes if axes.lines]
    assert len(curves) == 4
    decibels = curves[0].lines[0].get_ydata()
    # every fourth of 40 columns: four points of equal height, ten columns apart, and nothing between them
    assert np.flatnonzero(decibels > -1).tolist() == [0, 10, 20, 30]
    assert decibels[[5, 15, 25, 35]] == pytest.approx(-40)
    assert curves[0].get_xlabel() == "largest side lobe 100 %"
    lobes = [int(axes.get_xlabel().split()[-2]) for axes in curves]
    assert lobes[3] < lobes[1] < 100, "points by chance leave weaker ghosts than lines by chance"
    # of points, against numpy's own transform: the largest in each column
    mask = kspace.cartesian_mask((32, 40), 4, 0.0, points=True, generator=np.random.default_rng(0))
    spread = np.abs(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(mask))))
    spread /= spread[16, 20]
    expected = np.maximum(20 * np.log10(spread.max(0)), -40)
    np.testing.assert_allclose(curves[3].lines[0].get_ydata(), expected, atol=0.01)
    assert lobes[3] == round(100 * kspace.incoherence(mask))
    assert figure.get_suptitle().startswith("Play\nacceleration 4")


def test_a_pattern_that_is_not_among_the_four_replaces_the_last():
    figure = viz.sampling_slider(smooth_image(), pattern="spiral")
    assert [axes.get_title() for axes in with_images(figure)[:4]][-1] == "spiral"


def test_an_exact_answer_can_be_drawn():
    figure = viz.sampling_slider(complex_image(), acceleration=1)
    panels = with_images(figure)
    assert [axes.get_xlabel() for axes in panels[4:8]] == ["PSNR inf dB"] * 4


# ---- live ----------------------------------------------------------------------------------------


def test_moving_a_control_changes_the_picture_and_moving_back_restores_it():
    box = viz.sampling_slider(complex_image(), live=True)
    menu, factor, centre, picture = box.children
    assert menu.options == PATTERNS and menu.value == "random lines"
    assert (factor.min, factor.max, factor.value) == (1, 12, 4)
    assert (centre.min, centre.max, centre.value) == (0, 0.3, 0.08)
    first = pixels(picture.value)
    for control, there, back in [(factor, 9.0, 4.0), (centre, 0.0, 0.08), (menu, "radial", "random lines")]:
        control.value = there
        moved = pixels(picture.value)
        assert moved.shape == first.shape, "the picture should not jump"
        assert not np.array_equal(moved, first)
        control.value = back
        np.testing.assert_array_equal(pixels(picture.value), first)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_and_every_position_of_the_sliders_can_be_shown(pattern):
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 (the state nobody should touch)
    menu, factor, centre, picture = viz.sampling_slider(complex_image(), live=True).children
    menu.value = pattern
    seen = set()
    for factor.value, centre.value in [
        (1, 0),
        (12, 0.3),
        (12, 0),
        (2.1, 0.3),
    ]:  # 12 with 0.3: a centre beyond the budget
        seen.add(picture.value)
    assert len(seen) >= 3, "one of these settings was not drawn"
    assert torch.equal(torch.get_rng_state(), state[0])
    assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002


def test_the_box_carries_a_picture_for_paper():
    bundle = viz.sampling_slider(smooth_image(), live=True, title="Play")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    static = viz.sampling_slider(smooth_image(), live=False, title="Play")
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(static._repr_png_()))


def test_widget_in_a_notebook_static_in_profile_ci_and_without_ipywidgets(notebook, monkeypatch):
    import ipywidgets
    from matplotlib.figure import Figure

    assert isinstance(viz.sampling_slider(smooth_image()), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert isinstance(viz.sampling_slider(smooth_image()), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(viz.sampling_slider(smooth_image()), Figure)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"acceleration": 0.5}, "acceleration: expected a number from 1 to 12"),
        ({"acceleration": 13}, "acceleration: expected a number from 1 to 12"),
        ({"largest_acceleration": 1}, "largest_acceleration: expected a finite number above 1"),
        ({"center_fraction": -0.1}, "center_fraction: expected a number from 0 to 0.3"),
        ({"center_fraction": 0.4}, "center_fraction: expected a number from 0 to 0.3"),
        ({"largest_center_fraction": 0}, "largest_center_fraction: expected a finite number above 0"),
        ({"largest_center_fraction": 2}, "largest_center_fraction: expected a number from 0 to 1"),
        ({"pattern": "zigzag"}, "pattern: expected one of regular lines, .*, spiral, got 'zigzag'"),
        ({"seed": -1}, "seed: expected at least 0"),
        ({"data_range": 0}, "data_range: expected a finite number above 0"),
        ({"image": np.full(SHAPE, np.nan, dtype=np.float32)}, "image: expected finite"),
        ({"image": np.full(SHAPE, 1 + 1j * np.inf)}, "image: expected finite"),
        ({"image": np.zeros((2, 1, 20, 20), dtype=np.complex64)}, "image: expected one image"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_refuses_what_it_cannot_show(named, message, live):
    with pytest.raises(ValueError, match=message):
        viz.sampling_slider(**({"image": complex_image(), "live": live} | named))


def test_refuses_whole_numbers_and_what_is_no_array():
    for image in (np.ones(SHAPE, dtype=np.int64), [[1.0, 2.0]]):
        with pytest.raises(TypeError, match="image: expected"):
            viz.sampling_slider(image)

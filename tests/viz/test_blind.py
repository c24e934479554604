"""The blind test hides the names, counts the guesses, and then shows what it was given."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import metrics, viz

NAMES = ["Gaussian", "median", "TV", "BM3D"]


def pictures(shape=(21, 18)):
    """A clean image and four different answers to it."""
    rng = np.random.default_rng(0)
    clean = rng.random(shape, dtype=np.float32)
    return clean, {
        name: clean + (0.02 + 0.02 * i) * rng.standard_normal(shape, dtype=np.float32) for i, name in enumerate(NAMES)
    }


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def with_images(figure):
    return [axes for axes in figure.axes if axes.images]


def shown(axes):
    (image,) = axes.images
    return np.asarray(image.get_array())


def answers(figure):
    """The solution at the foot of the static picture: {letter: name}."""
    text = figure.get_supxlabel()
    assert text.startswith("Answers: ")
    return dict(part.split(" = ") for part in text.removeprefix("Answers: ").split(", "))


def parts(box):
    image, menus, button, verdict = box.children
    return SimpleNamespace(image=image, menus=menus.children, button=button, verdict=verdict)


@pytest.mark.parametrize("convert", [lambda image: image, lambda image: torch.from_numpy(image)[None, None]])
def test_static_picture_shows_letters_and_the_answers_at_its_foot(convert):
    clean, denoised = pictures()
    figure = viz.blind_test(convert(clean), {name: convert(image) for name, image in denoised.items()}, zoom=(3, 5, 7))
    panels = with_images(figure)
    assert len(panels) == 10, "a row of whole pictures, and one of enlarged squares"
    assert [axes.get_title() for axes in panels[:5]] == ["clean", "A", "B", "C", "D"]
    solution = answers(figure)
    assert sorted(solution.values()) == sorted(NAMES)
    expected = [clean, *(denoised[solution[letter]] for letter in "ABCD")]
    for whole, square, image in zip(panels[:5], panels[5:], expected, strict=True):
        np.testing.assert_array_equal(shown(whole), image)
        np.testing.assert_array_equal(shown(square), image[3:10, 5:12])
    words = " ".join(axes.get_title() + axes.get_xlabel() for axes in panels)
    assert not any(name in words for name in NAMES), "nobody should read the names before they have guessed"
    assert figure._supxlabel.get_rotation() == 180, "the answers stand upside down"


def test_the_square_is_the_middle_third_and_outlined():
    clean, denoised = pictures((30, 24))
    panels = with_images(viz.blind_test(clean, denoised))
    np.testing.assert_array_equal(shown(panels[5]), clean[11:19, 8:16])
    (outline,) = panels[0].patches
    assert (outline.get_xy(), outline.get_width(), outline.get_height()) == ((7.5, 10.5), 8, 8)


def test_the_seed_shuffles_and_nothing_else_does():
    clean, denoised = pictures()
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    orders = [tuple(answers(viz.blind_test(clean, denoised, seed=seed)).values()) for seed in range(8)]
    again = [tuple(answers(viz.blind_test(clean, denoised, seed=seed)).values()) for seed in range(2)]
    assert orders[:2] == again
    assert len(set(orders)) >= 4, f"8 of 24 orders by chance: 6.9 different ones expected, got {len(set(orders))}"
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize("mistakes", [0, 1, 2])
def test_it_counts_the_right_guesses_and_reveals(mistakes):
    clean, denoised = pictures()
    solution = answers(viz.blind_test(clean, denoised, seed=3, live=False))
    box = parts(viz.blind_test(clean, denoised, seed=3, live=True))
    assert [menu.description for menu in box.menus] == ["A", "B", "C", "D"]
    assert all(tuple(menu.options) == ("?", *NAMES) and menu.value == "?" for menu in box.menus)
    for menu in box.menus:
        menu.value = solution[menu.description]
    if mistakes > 0:
        box.menus[0].value = solution["B"]
    if mistakes > 1:
        box.menus[2].value = "?"
    before = pixels(box.image.value)
    assert not any(name in box.verdict.value for name in NAMES)
    box.button.click()
    expected = [f"{4 - mistakes} of 4 right. "]
    if mistakes > 0:
        expected.append(f"A was {solution['A']}, not {solution['B']}")
    if mistakes > 1:
        expected.append(f"; C was {solution['C']}, not guessed")
    assert box.verdict.value == "".join(expected)
    after = pixels(box.image.value)
    assert after.shape != before.shape, "the difference maps come as a third row"
    assert all(control.disabled for control in (*box.menus, box.button)), "who has seen the answers cannot guess again"


def test_the_revealed_picture_has_names_scores_and_difference_maps():
    from course_lib.viz.play.blind import _draw

    clean, denoised = pictures()
    denoised["TV"] = clean + 2  # clipped to 1 before it is scored
    denoised["BM3D"] = clean.copy()
    names = dict(zip("ABCD", NAMES, strict=True))
    figure = _draw(clean, denoised, names, (slice(0, 5), slice(0, 5)), 1.0, (0, 1), "Which is which?", True)
    assert figure.get_suptitle() == "Which is which?"
    panels = [axes for axes in with_images(figure) if len(axes.images) == 1 and axes.get_title()]
    assert [axes.get_title() for axes in panels[:5]] == ["clean", "A: Gaussian", "B: median", "C: TV", "D: BM3D"]
    for axes, letter in zip(panels[5:], "ABCD", strict=True):
        assert axes.get_title() == f"{letter} - clean"
        image = denoised[names[letter]]
        np.testing.assert_array_equal(shown(axes), image - clean)
        clipped = np.clip(image, 0, 1)
        psnr, ssim = (f(clipped, clean, data_range=1) for f in (metrics.psnr, metrics.ssim))
        wanted = "identical" if letter == "D" else f"PSNR {psnr:.2f} dB\nSSIM {ssim:.3f}"
        assert axes.get_xlabel() == wanted
        low, high = axes.images[0].get_clim()
        assert low == -high and high == panels[5].images[0].get_clim()[1], "one scale for all maps"


def test_small_images_have_no_ssim_and_equal_ones_no_zero_scale():
    clean, denoised = pictures((6, 5))
    assert viz.blind_test(clean, denoised, live=False).axes
    box = parts(viz.blind_test(clean, denoised, live=True))
    box.button.click()
    assert box.verdict.value.startswith("0 of 4 right. ") and box.verdict.value.count("not guessed") == 4
    box = parts(viz.blind_test(clean, {"one": clean, "two": clean}, live=True))
    box.button.click()


def test_a_name_is_text_and_not_html():
    clean, _ = pictures()
    box = parts(viz.blind_test(clean, {"<b>TV</b>": clean, "A & B": clean}, live=True))
    box.button.click()
    assert "&lt;b&gt;TV&lt;/b&gt;" in box.verdict.value and "A &amp; B" in box.verdict.value


def test_the_widget_carries_a_picture_for_paper():
    clean, denoised = pictures()
    bundle = viz.blind_test(clean, denoised, live=True, title="Play")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    static = viz.blind_test(clean, denoised, live=False, title="Play")
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(static._repr_png_()))


def test_widget_or_static_picture(monkeypatch):
    import IPython
    import ipywidgets
    from matplotlib.figure import Figure

    clean, denoised = pictures()
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    assert isinstance(viz.blind_test(clean, denoised), Figure), "no notebook, no widget"
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    assert isinstance(viz.blind_test(clean, denoised), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert isinstance(viz.blind_test(clean, denoised), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(viz.blind_test(clean, denoised), Figure)


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"denoised": [np.zeros((21, 18), np.float32)] * 2}, TypeError, "denoised: expected a dict"),
        ({"denoised": {"one": np.zeros((21, 18), np.float32)}}, ValueError, "expected 2 to 8 methods, got 1"),
        ({"denoised": dict.fromkeys(map(str, range(9)), np.zeros((21, 18), np.float32))}, ValueError, "got 9"),
        ({"denoised": dict.fromkeys(["?", "TV"], np.zeros((21, 18), np.float32))}, ValueError, "none of them"),
        ({"denoised": dict.fromkeys([1, "1"], np.zeros((21, 18), np.float32))}, ValueError, "different names"),
        ({"denoised": dict.fromkeys("ab", np.zeros((20, 18), np.float32))}, ValueError, "a: expected the size"),
        ({"denoised": dict.fromkeys("ab", np.zeros((21, 18), int))}, TypeError, "a: expected floating-point"),
        ({"clean": np.full((21, 18), np.nan)}, ValueError, "clean: expected finite"),
        ({"data_range": 0}, ValueError, "data_range"),
        ({"zoom": (1, 2)}, ValueError, "zoom: expected \\(top, left, side\\)"),
        ({"zoom": (15, 2, 7)}, ValueError, "zoom: expected a square inside 21×18"),
        ({"zoom": (2, 15, 4)}, ValueError, "zoom: expected a square inside 21×18"),
        ({"zoom": (-1, 2, 7)}, ValueError, "zoom \\(top\\)"),
        ({"zoom": (1, 2, 0)}, ValueError, "zoom \\(side\\)"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_it_refuses_what_it_cannot_show(named, error, message, live):
    clean, denoised = pictures()
    with pytest.raises(error, match=message):
        viz.blind_test(**({"clean": clean, "denoised": denoised, "live": live} | named))

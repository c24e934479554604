"""A card shows the panels of a figure that its author named, and nothing else of it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from course_lib import viz
from website import pictures
from website.panels import SIZE, card_picture, panels


def figure(*boxes: tuple[int, int, int, int, int]) -> Image.Image:
    """White paper with grey panels: left, top, right, bottom, grey."""
    pixels = np.full((400, 600, 3), 255, np.uint8)
    for left, top, right, bottom, grey in boxes:
        pixels[top:bottom, left:right] = grey
    return Image.fromarray(pixels)


def test_panels_are_counted_as_one_reads_and_small_print_is_none() -> None:
    drawn = figure((320, 40, 560, 180, 10), (10, 50, 300, 170, 20), (10, 220, 300, 390, 30), (400, 210, 440, 225, 0))
    assert panels(drawn) == [(10, 50, 300, 170), (320, 40, 560, 180), (10, 220, 300, 390)]


def test_a_panel_within_a_panel_is_not_counted() -> None:
    drawn = figure((10, 10, 300, 300, 100), (20, 20, 290, 290, 255), (60, 60, 200, 200, 50))
    assert panels(drawn) == [(10, 10, 300, 300)]


def test_a_card_shows_the_named_panels_beside_each_other() -> None:
    drawn = figure((10, 10, 130, 150, 40), (150, 10, 270, 150, 90), (290, 10, 410, 150, 160))
    card = np.asarray(card_picture(drawn, (3, 1)))
    assert card.shape == (SIZE[1], SIZE[0], 3)
    half = SIZE[0] // 2
    assert (card[:, : half - 4] == 160).all() and (card[:, half + 4 :] == 40).all()


def test_a_panel_of_quite_another_shape_stands_whole_on_paper() -> None:
    card = np.asarray(card_picture(figure((10, 10, 590, 80, 40)), (1,)))
    assert (card[0] == 255).all() and (card[SIZE[1] // 2] == 40).all()


def test_a_panel_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no panel 2, the figure has 1"):
        card_picture(figure((10, 10, 300, 300, 0)), (1, 2))


def test_a_figure_of_viz_is_found_with_its_words_and_its_panels() -> None:
    images = [np.linspace(0, 0.8, 64 * 64).reshape(64, 64), 0.8 * np.eye(64)]
    drawn = viz.gallery(images, titles=["clean", "other"], title="Two findings: 1 < 2")
    page = drawn._repr_mimebundle_()["text/html"]
    png, width, words = pictures.read(page)
    assert words.startswith("Two findings: 1 < 2. clean") and pictures.finding(words) == "Two findings: 1 < 2. clean"
    figure = Image.open(io.BytesIO(png))
    assert len(panels(figure)) == 2
    assert width * 2 == figure.width


def test_the_finding_is_the_title() -> None:
    long = "A healthy brain through 32 numbers: the folds are left over"
    assert pictures.finding(f"{long}. Colin27. PCA") == long
    assert (
        pictures.finding("Colin27. acceleration 4: best is 31.9 dB. lines")
        == "Colin27. acceleration 4: best is 31.9 dB"
    )
    assert pictures.finding("short") == "short"


def test_a_file_is_as_light_as_it_must_be() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (270, 480, 3), np.uint8))
    assert len(pictures.webp(noise, 30_000)) <= 30_000 < len(pictures.webp(noise, 10**9))

"""The start page holds what the sources say: every lab, its points, its pictures' cells, and all that it builds on."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from course_staff.authoring import source
from course_staff.authoring.picture import tagged
from course_staff.authoring.source import Address
from website import home
from website import map as lab_map
from website.lab_facts import LabFacts, lab_facts, lecture_pages
from website.pictures import Picture

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Picture("_static/pictures/x.webp", "_static/pictures/x_card.webp", (700, 300), "A < B", "A < B. left: 1 dB")


@pytest.fixture(scope="module")
def labs() -> list[LabFacts]:
    return lab_facts(ROOT)


@pytest.fixture(scope="module")
def page(labs: list[LabFacts]) -> str:
    return home.start_page(ROOT, labs, {labs[3].name: PICTURE})


def cards(page: str) -> list[str]:
    return re.findall(r'<li class="course-card .*?</li></ul></li>', page, re.DOTALL)


def test_there_is_a_card_for_every_lab_with_its_question_time_and_points(page: str, labs: list[LabFacts]) -> None:
    names = [path.stem for path in source.lab_sources(ROOT)]
    shown = cards(page)
    assert [re.search(r'href="labs/(\w+)\.html"', card)[1] for card in shown] == names
    for lab, card in zip(labs, shown, strict=True):
        assert lab.title in unescape(card) and lab.question in unescape(card)
        assert f"<li>{lab.card.time}</li>" in card and f"<li>{lab.card.level}</li>" in card


def test_the_points_are_those_of_the_sources(page: str) -> None:
    # read from the metadata as text, so that a fault of the reader is seen
    written = {
        path.stem: sum(float(points) for points in re.findall(r'nbgrader=\{.*?"points": ([\d.]+)', path.read_text()))
        for path in source.lab_sources(ROOT)
    }
    shown = {
        re.search(r"labs/(\w+)\.html", card)[1]: float(re.search(r"([\d.]+) points", card)[1]) for card in cards(page)
    }
    assert shown == written
    assert f"Together they are worth {sum(written.values()):g} points" in page


def test_only_pictures_of_the_first_cards_are_loaded_at_once_and_all_keep_their_room(labs: list[LabFacts]) -> None:
    images = re.findall(r"<img [^>]+>", home.start_page(ROOT, labs, {lab.name: PICTURE for lab in labs}))
    assert len(images) == len(labs)
    assert all('width="480" height="270"' in image and 'alt="A &lt; B"' in image for image in images)
    assert ['loading="lazy"' in image for image in images] == [number >= home.AT_ONCE for number in range(len(labs))]


def test_a_lab_without_a_picture_has_a_card_and_no_place_in_the_gallery(page: str, labs: list[LabFacts]) -> None:
    assert page.count("<img ") == 1
    gallery = home.gallery(labs, {labs[3].name: PICTURE})
    assert re.findall(r"^## (.*)$", gallery, re.MULTILINE) == [labs[3].title]
    assert 'alt="A &lt; B. left: 1 dB"' in gallery and 'width="700" height="300"' in gallery


def test_the_map_leads_from_each_lab_to_those_that_need_it_directly(labs: list[LabFacts]) -> None:
    needs = {lab.number: set(lab.card.labs) for lab in labs}

    def before(lab: str) -> set[str]:
        return needs[lab].union(*(before(first) for first in needs[lab]))

    direct = {(a, lab) for lab in needs for a in needs[lab] if not any(a in before(b) for b in needs[lab])}
    svg = lab_map.draw(labs, lecture_pages(ROOT))
    drawn = re.findall(r'<path data-from="(\w+)" data-to="(\w+)" d="M', svg)
    assert len(drawn) == len(set(drawn)) and set(drawn) == direct
    assert ("00", "01") not in direct  # it follows from 00b


def test_every_arrow_leads_down_from_one_box_to_another(labs: list[LabFacts]) -> None:
    svg = lab_map.draw(labs, lecture_pages(ROOT))
    boxes = {
        number: (float(x), float(y), float(height), float(width))
        for number, x, y, height, width in re.findall(
            r'href="labs/lab(\w+?)_\w+\.html"[^>]*><rect x="([\d.]+)" y="([\d.]+)" height="([\d.]+)" width="([\d.]+)"',
            svg,
        )
    }
    assert set(boxes) == {lab.number for lab in labs}
    arrows = re.findall(r'<path data-from="(\w+)" data-to="(\w+)" d="([^"]+)"', svg)
    ends = [re.findall(r"[\d.]+ [\d.]+$", path)[0] for _, _, path in arrows]
    assert len(set(ends)) == len(ends), "two arrows end in one point"
    for first, last, path in arrows:
        numbers = [float(number) for number in re.findall(r"[\d.]+", path)]
        x, y, height, width = boxes[first]
        assert x < numbers[0] < x + width and numbers[1] == pytest.approx(y + height, abs=0.01)
        x, y, height, width = boxes[last]
        assert x < numbers[-2] < x + width and numbers[-1] == pytest.approx(y, abs=0.01)
        assert boxes[first][1] + boxes[first][2] < y


def test_no_two_labs_of_the_map_overlap_and_titles_fit(labs: list[LabFacts]) -> None:
    svg = lab_map.draw(labs, lecture_pages(ROOT))
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" height="([\d.]+)" width="([\d.]+)"', svg)
    boxes = [[float(number) for number in box] for box in found]
    for place, (x, y, height, width) in enumerate(boxes):
        for other_x, other_y, other_height, other_width in boxes[:place]:
            beside = x + width < other_x or other_x + other_width < x
            assert beside or y + height < other_y or other_y + other_height < y
    nodes = re.findall(r"<text>(<tspan.*?)</text></a>", svg)
    assert max(node.count("<tspan x=") for node in nodes) <= 2, "a third line of a title runs into the lectures"


def test_the_list_beside_the_map_names_all_that_the_cards_name(labs: list[LabFacts]) -> None:
    lectures = lecture_pages(ROOT)
    words = re.findall(r"<li>(.*?)</li>", lab_map.draw(labs, lectures))
    assert len(words) == len(labs)
    for lab, line in zip(labs, words, strict=True):
        said = re.sub(r"<[^>]+>", "", unescape(line)).removeprefix(f"{lab.title}: ")
        assert re.findall(r"\d+b?", said) == [*lab.card.labs, *lab.card.lectures]
        assert all(f'href="{lectures[number][0]}"' in line for number in lab.card.lectures)


def test_each_lab_has_one_cell_whose_figure_stands_for_it() -> None:
    for path in source.lab_sources(ROOT):
        assert tagged(source.read_lab(path, Address.of(ROOT))) is not None, path.name


def test_binder_and_colab_are_offered_only_where_the_course_is_linked(tmp_path: Path, labs: list[LabFacts]) -> None:
    for repository, offered in (("OWNER/NAME", False), ("someone/course", True)):
        (tmp_path / "pyproject.toml").write_text(f'[tool.course]\nrepository = "{repository}"\nbranch = "main"\n')
        page = home.ways_in(tmp_path, labs[0])
        assert ("mybinder.org" in page and "colab.research.google.com" in page) is offered
        assert "make lab" in page and "<img" not in page
        assert ("git clone https://github.com/someone/course" in page) is offered

"""The glossary: in order, each word once, every link leads somewhere, and a lab that is there is a link."""

import re
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from course_staff.authoring.head import head
from course_staff.authoring.source import card_of
from course_staff.authoring.start_page import start_page

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "lectures" / "glossary.md"
LINES = GLOSSARY.read_text(encoding="utf-8").splitlines()
ENTRIES = dict(found.groups() for line in LINES if (found := re.fullmatch(r"- \*\*(.+?)\.\*\* (.+)", line)))
LABS = {path.stem.removeprefix("lab").partition("_")[0]: path for path in ROOT.glob("solutions/lab*.py")}


def place(term):
    """Numbers first, then letters whatever their case and signs, then Greek."""
    letters = re.sub(r"[^a-z0-9]+", " ", term.casefold()).strip()
    return (0 if term[0].isdigit() else 1 if term[0].isascii() else 2, letters or term)


def test_every_line_is_a_heading_or_an_entry():
    rest = [line for line in LINES[4:] if line and not line.startswith("## ")]
    assert len(ENTRIES) == len(rest) >= 100, "an entry is `- **Term.** What it is. (where)`, and each term stands once"


def test_the_words_are_in_order_below_their_letter():
    assert list(ENTRIES) == sorted(ENTRIES, key=place)
    letter = ""
    for line in LINES:
        if line.startswith("## "):
            letter = line.removeprefix("## ")
        elif line.startswith("- **"):
            first = line.removeprefix("- **")[0]
            own = "Numbers" if first.isdigit() else first.upper() if first.isascii() else "Greek letters"
            assert own == letter, line


@pytest.mark.parametrize("term", ENTRIES)
def test_an_entry_is_short_and_its_links_lead_somewhere(term):
    text, _, where = ENTRIES[term].rpartition(" (")
    assert text.rstrip("`").endswith(".") and len(text) <= 200, "one or two plain sentences"
    links = re.findall(r"\[(lab|lecture) (\w+)\]\(([^()]+)\)", where)
    for kind, number, target in links:
        name = Path(target).stem
        source = ROOT / ("solutions" if kind == "lab" else "lectures") / f"{name}.py"
        assert source.is_file(), f"{target} has no source"
        folder = f"../labs/{name}/{name}.ipynb" if kind == "lab" else f"{name}.ipynb"
        assert target == folder and name.removeprefix("lab").partition("_")[0] == number
    plain = re.findall(r"(?<!\[)lab (\w+)", where)
    assert links or plain, "say where it is taught"
    assert not set(plain) & set(LABS), f"lab {plain} is there: link it"


def test_the_head_of_a_lab_and_the_start_page_lead_to_it():
    card = card_of(ROOT / "solutions" / "lab00b_first_network.py")
    assert card is not None and "](../../lectures/glossary.md)" in head(card, ROOT)
    assert "](../lectures/glossary.md)" in start_page({}, {})

"""Pages made of the repository's texts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from website import handbooks, links
from website.address import SiteAddress
from website.faces import faces

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = SiteAddress("", "", "main")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    handbooks.write(ROOT, folder)
    return folder


def test_each_term_of_the_glossary_is_an_entry(source):
    terms = re.findall(r"^- \*\*(.+?)\.\*\*", (ROOT / "lectures" / "glossary.md").read_text(), re.MULTILINE)
    text = (source / "glossary.md").read_text()
    entries = re.findall(r"^(?![#`\s])(.+)\n  \S", text, re.MULTILINE)
    assert len(terms) > 100 and entries == terms
    assert text.count("```{glossary}") == len(re.findall("^## ", text, re.MULTILINE)), "a list a letter"
    assert len(re.findall("^```", text, re.MULTILINE)) == 2 * text.count("```{glossary}")


def test_the_table_of_systems_leads_to_labs_and_to_the_reference(source):
    rows = [line for line in (source / "systems.md").read_text().splitlines() if line.startswith("| ")]
    readme = links.section((ROOT / "README.md").read_text(), "## Every system of the four sources")
    assert len(rows) == sum(line.startswith("| ") for line in readme.splitlines()) > 30
    assert "[04](/labs/lab04_noise_and_classics.ipynb), [14](/labs/lab14_attention_unet.ipynb)" in rows[9]
    assert sum(line.count("](/labs/") > 0 for line in rows) == len(rows) - 1, "all but the heading"
    assert rows[0] == "| system | source | lab | in the library | published | measured | held by |"
    assert "{py:obj}`classical.filters <course_lib.classical.filters>`" in rows[9]


def test_every_link_to_a_page_has_its_page(source):
    pages = {f"/{path.name}" for path in source.glob("*.md")} | {"/index.md", "/labs/index.md", "/lectures/index.md"}
    pages |= {f"/labs/{path.stem}.ipynb" for path in (ROOT / "solutions").glob("lab*.py")}
    pages |= {f"/lectures/{path.stem}.ipynb" for path in (ROOT / "lectures").glob("*.py")}
    for path in source.glob("*.md"):
        found = re.findall(r"\]\((/[^)#]*)", path.read_text())
        assert set(found) <= pages, path.name


def test_the_licences_hold_all_notices(source):
    text = (source / "licences.md").read_text()
    for path in ("LICENSE", "LICENSE-texts"):
        assert (ROOT / path).read_text().strip() in text
    for words in ("Montreal Neurological Institute", "RII-UTHSCSA", "Dicom in Python", "CC BY-SA 3.0"):
        assert words in text
    assert len(re.findall("^# ", text, re.MULTILINE)) == 1


def test_how_to_cite_is_what_the_citation_file_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    text = handbooks.cite(citation, NOWHERE)
    assert f"title = {{{citation['title']}}}" in text and f"version = {{{citation['version']}}}" in text
    assert "url" not in text
    person = {**citation, "authors": [{"given-names": "Ada", "family-names": "Lovelace"}, {"name": "A Group"}]}
    linked = handbooks.cite(
        person, SiteAddress("https://owner.github.io/name/", "https://github.com/owner/name", "main")
    )
    assert "author = {{Ada Lovelace} and {A Group}}" in linked and "url = {https://owner.github.io/name/}" in linked


def test_what_the_table_of_systems_names_has_an_entry_in_the_reference(source):
    found = faces()
    entries = {f"{entry.face}.{entry.name}" for face in found.values() for entry in face.entries} | set(found)
    elsewhere = {f"{face.name}.{name}" for face in found.values() for name in face.elsewhere}
    named = set(re.findall(r"<course_lib\.([\w.]+)>", (source / "systems.md").read_text()))
    assert len(named) > 50 and named <= entries | elsewhere, sorted(named - entries - elsewhere)

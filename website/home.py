"""The start page: cards of the labs, the map of what needs what; and the gallery, a picture a lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from course_staff.authoring.source import Address
from website import map as lab_map
from website.address import SiteAddress
from website.lab_facts import LabFacts, lab_facts, lecture_pages
from website.notebooks import BADGE
from website.panels import SIZE
from website.pictures import Picture, pictures

TITLE = "Denoising and reconstructing MR images"
AT_ONCE = 3  # cards whose pictures are seen before one scrolls
PAGES = {
    "Course": {"Labs": "labs/index", "Lectures": "lectures/index", "Play": "play/index", "Gallery": "gallery"},
    "Look things up": {"Reference": "reference/index", "Glossary": "glossary", "Systems and results": "systems"},
    "Teach": {"Instructors": "instructors", "Contributing": "contributing", "Decisions": "decisions"},
    "About": {"Benchmarks": "benchmarks", "Cite": "cite", "Licences": "licences"},
}


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""
    labs = lab_facts(repository)
    drawn = pictures(repository, source)
    (source / "index.md").write_text(start_page(repository, labs, drawn), encoding="utf-8")
    (source / "gallery.md").write_text(gallery(labs, drawn), encoding="utf-8")


def start_page(repository: Path, labs: Sequence[LabFacts], drawn: Mapping[str, Picture]) -> str:
    """The start page as Markdown."""
    cards = [_card(lab, drawn.get(lab.name), number < AT_ONCE) for number, lab in enumerate(labs)]
    points = f"{sum(lab.points for lab in labs):g}"
    return f"""\
---
html_theme.sidebar_secondary.remove: true
---

# {TITLE}

In {len(labs)} notebooks you learn to take the noise out of MR images: first with filters, then with networks that you
build and train yourself. You begin with one picture and one neuron, each notebook checks your answers while you work,
and an ordinary laptop is enough.

## Begin

{_raw(ways_in(repository, labs[0]))}

## The labs

Do them in order: later labs use what you learned in earlier ones. Together they are worth {points} points. The
[gallery](gallery.md) shows one finding from each.

{_raw('<ol class="course-cards">', *cards, "</ol>")}

## What builds on what

{_raw(lab_map.draw(labs, lecture_pages(repository)))}

{_contents()}"""


def gallery(labs: Sequence[LabFacts], drawn: Mapping[str, Picture]) -> str:
    """The gallery as Markdown."""
    shown = [(lab, drawn[lab.name]) for lab in labs if lab.name in drawn]
    parts = [f"## {lab.title}\n\n{lab.question}\n\n{_raw(_figure(lab, picture))}" for lab, picture in shown]
    head = "# Gallery\n\nOne finding from each lab, in one picture, drawn by the lab itself."
    return "\n\n".join([head, *parts]) + "\n"


def ways_in(repository: Path, first: LabFacts) -> str:
    """Three ways to begin. Binder and Colab can open what lies on GitHub, so they are offered once the course does."""
    address = SiteAddress.of(repository)
    links = dict(BADGE.findall(Address.of(repository).badges(f"labs/{first.name}/{first.name}.ipynb")))
    lab = f"lab {first.number}"
    if links:
        readme = f'<a href="{address.file("README.md")}#student">the README</a>'
        folder = address.repository_url.rsplit("/", 1)[-1]
        lines = [f"git clone {address.repository_url}", f"cd {folder} && make lab"]
        ways = [
            ("Binder", "In your browser, without an account.", _link(links["Binder"], f"Open {lab} in Binder")),
            ("Colab", "In your browser, with a GPU if you like.", _link(links["Colab"], f"Open {lab} in Colab")),
        ]
    else:
        readme, lines = "its README", ["cd FOLDER", "make lab"]
        ways = [
            ("Look first", "All labs can be read here.", _link(first.page, f"Read {lab}")),
            ("Play", "Noise and k-space with sliders, nothing to install.", _link("play/index.html", "Move a slider")),
        ]
    code = "<pre><code>{}</code></pre>".format("\n".join(escape(line) for line in lines))
    where = "Linux or macOS" + ("" if links else ", in the folder of the course")
    ways.append(("Your computer", f"Python 3.11 or newer, {where}. On Windows, {readme} says how.", code))
    items = [f"<li><h3>{name}</h3><p>{words}</p>{how}</li>" for name, words, how in ways]
    return "\n".join(['<ul class="course-ways">', *items, "</ul>"])


def _card(lab: LabFacts, picture: Picture | None, at_once: bool) -> str:
    card = lab.card
    image = ""
    if picture is not None:
        loading = "" if at_once else ' loading="lazy"'
        image = (
            f'<img src="{picture.card}" width="{SIZE[0]}" height="{SIZE[1]}" decoding="async"{loading}'
            f' alt="{escape(picture.finding)}">'
        )
    return (
        f'<li class="course-card course-{card.level}">{image}<h3><a href="{lab.page}">{escape(lab.title)}</a></h3>'
        f"<p>{escape(lab.question)}</p>"
        f'<ul class="course-facts"><li>{card.level}</li><li>{lab.points:g} points</li><li>{card.time}</li></ul></li>'
    )


def _figure(lab: LabFacts, picture: Picture) -> str:
    width, height = picture.size
    says = picture.finding + ("" if picture.finding.endswith(("?", "!", ".")) else ".")
    return (
        f'<figure class="course-picture"><img src="{picture.figure}" width="{width}" height="{height}" loading="lazy"'
        f' decoding="async" alt="{escape(picture.words)}">'
        f'<figcaption>{escape(says)} <a href="{lab.page}">Go to lab {lab.number}</a></figcaption></figure>'
    )


def _link(address: str, words: str) -> str:
    return f'<a class="btn btn-sm btn-primary" href="{escape(address)}">{words}</a>'


def _raw(*lines: str) -> str:
    return "\n".join(["```{raw} html", *lines, "```"])


def _contents() -> str:
    """The site's contents, which stand in the sidebar."""
    lists = []
    for caption, pages in PAGES.items():
        entries = [f"{words} <{page}>" for words, page in pages.items()]
        lists.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"]))
    return "\n\n".join(lists) + "\n"

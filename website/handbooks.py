"""Pages that exist as Markdown: glossary, handbooks, benchmarks, systems, licences; and how to cite."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from course_staff.authoring.source import lab_sources
from website import links
from website.address import SiteAddress

# Shown as they are; README and the licences are put together below.
WHOLE = {
    "INSTRUCTORS.md": "instructors",
    "CONTRIBUTING.md": "contributing",
    "BENCHMARKS.md": "benchmarks",
    "CHANGELOG.md": "changelog",
    "docs/decisions.md": "decisions",
}
NOT_FOUND = """\
---
orphan: true
---
# This page is not here

Perhaps it has moved. Try the search above, or begin at the [start page](/index.md).
"""


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""
    address = SiteAddress.of(repository)
    pages = {page: links.read(repository, path, address) for path, page in WHOLE.items()}
    pages["changelog"] = f"---\norphan: true\n---\n{pages['changelog']}"  # other pages lead to it
    pages["glossary"] = glossary(links.read(repository, "lectures/glossary.md", address))
    pages["systems"] = systems(links.read(repository, "README.md", address), lab_pages(repository))
    pages["licences"] = licences(repository, address)
    pages["cite"] = cite(yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8")), address)
    pages["404"] = NOT_FOUND
    for page, text in pages.items():
        (source / f"{page}.md").write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def glossary(text: str) -> str:
    """The glossary with an entry, and so an address, for each term; the search finds terms, too."""
    entry = re.compile(r"^- \*\*(.+?)\.\*\* (.+)$")
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        found = entry.match(line)
        if inside and not found and line.strip():
            lines += ["```", ""]
            inside = False
        if found and not inside:
            lines.append("```{glossary}")
            inside = True
        lines += [found[1], f"  {found[2]}", ""] if found else [line]
    return "\n".join(lines + ["```"] * inside)


def lab_pages(repository: Path) -> dict[str, str]:
    """The page of each lab by its number, such as "04"."""
    names = [path.stem for path in lab_sources(repository)]
    return {name.removeprefix("lab").partition("_")[0]: f"labs/{name}.ipynb" for name in names}


def systems(readme: str, labs: dict[str, str]) -> str:
    """The README's table of systems; its labs lead to their pages, its names to the reference."""
    heading = "## Every system of the four sources"
    lines = []
    for line in links.section(readme, heading).splitlines():
        cells = line.split("|")
        if len(cells) == 9 and re.fullmatch(r" \d\d(, \d\d)* ", cells[3]):
            numbers = cells[3].strip().split(", ")
            cells[3] = f" {', '.join(f'[{number}](/{labs[number]})' for number in numbers)} "
            cells[4] = re.sub(r"`([\w.]+)`", r"{py:obj}`\1 <course_lib.\1>`", cells[4])
        if len(cells) == 9:
            cells.insert(-1, cells.pop(5))  # tests last: a narrow page shows first what was measured
        lines.append("|".join(cells))
    return "\n".join([heading.removeprefix("#"), "", *lines])


def licences(repository: Path, address: SiteAddress) -> str:
    """What is under which licence: code, texts, data and trained models, with the whole notices."""
    parts = [
        "# Data and licences",
        links.section(links.read(repository, "README.md", address), "## Data and licences"),
        "## The licence of the code",
        _quoted(repository / "LICENSE"),
        "## The licence of the texts",
        _quoted(repository / "LICENSE-texts"),
        _deeper(links.read(repository, "course_lib/data/samples/README.md", address)),
        _deeper(links.read(repository, "course_lib/models/trained/README.md", address)),
    ]
    return "\n\n".join(parts)


def _quoted(path: Path) -> str:
    return f"```text\n{path.read_text(encoding='utf-8').strip()}\n```"


def _deeper(text: str) -> str:
    """Headings one level down, for a page in the middle of another."""
    return links.outside_code(text, lambda prose: re.sub(r"^#", "##", prose, flags=re.MULTILINE)).strip("\n")


def cite(citation: dict[str, Any], address: SiteAddress) -> str:
    """CITATION.cff as a sentence to copy, and as BibTeX."""
    authors = [_author(author) for author in citation["authors"]]
    title, version = citation["title"], citation["version"]
    where = address.url or address.repository_url
    sentence = f"{', '.join(authors)}: *{title}*, version {version}.{' ' + where if where else ''}"
    fields = {"author": " and ".join("{" + author + "}" for author in authors), "title": title, "version": version}
    if where:
        fields["url"] = where
    entry = "\n".join(["@software{mr_denoising_course,", *(f"  {k} = {{{v}}}," for k, v in fields.items()), "}"])
    return (
        f"# How to cite\n\n{citation['message']}\n\n> {sentence}\n\n```bibtex\n{entry}\n```\n\n"
        "Each lab and each lecture names its sources. The data are listed under [data and licences](/licences.md).\n"
    )


def _author(author: dict[str, str]) -> str:
    return author.get("name") or f"{author.get('given-names', '')} {author.get('family-names', '')}".strip()

"""One page a lecture, executed, with its figures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_staff.authoring.card import Card
from course_staff.authoring.source import Address, card_of, lab_sources, read_lecture, title
from website import cache, execution, notebooks, outputs
from website.address import SiteAddress

LONG = 14  # lines of code that a reader passes without folding
MOVES = (
    '<p class="moves">In the notebook this moves: <a href="{name}.ipynb" download>download it</a>, '
    'or <a href="../play/index.html">play here</a>.</p>'
)
INTRODUCTION = """\
# Lectures

Each is a notebook that you can run while you listen. Here they have been run for you. What does a word mean? Look it
up in the [glossary](/glossary.md).
"""


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""
    files = sorted((repository / "lectures").glob("*.py"))
    read = {path.stem: read_lecture(path, Address.of(repository)) for path in files}
    threads = max(1, (os.cpu_count() or 1) // cache.workers()) if cache.workers() > 1 else None
    with ThreadPoolExecutor(cache.workers()) as pool:
        asked = {name: pool.submit(execution.executed, read[name], name, repository, threads) for name in read}
        results = {name: future.result() for name, future in asked.items()}
    (source / "lectures").mkdir(parents=True, exist_ok=True)
    address = SiteAddress.of(repository)
    for name, notebook in results.items():
        notebooks.place(nbformat.writes(read[name]), source, f"lectures/{name}")
        page(notebook, name, source, cache.folder(repository), address)
        nbformat.write(notebook, source / "lectures" / f"{name}.ipynb")
    cache.tidy(cache.folder(repository) / outputs.PICTURES)
    found = {path.stem: card_of(path) for path in lab_sources(repository)}
    cards = {name: card for name, card in found.items() if card is not None}
    index = overview({name: title(notebook) for name, notebook in read.items()}, cards)
    (source / "lectures" / "index.md").write_text(index, encoding="utf-8")


def page(notebook: NotebookNode, name: str, source: Path, kept: Path, address: SiteAddress) -> None:
    """Make an executed lecture its page. source: Sphinx's folder. kept: where pictures are cached."""
    notebooks.show(notebook, "lectures", name, address)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if "setup" in cell.metadata.get("tags", []):
            cell.outputs = []  # what it says of the machine is of no use to a reader
            notebooks.fold(cell, "Show the first cell, which finds the course’s library")
        elif notebooks.lines(cell) > LONG:
            notebooks.fold(cell, f"Show the code, {notebooks.lines(cell)} lines")
        outputs.clean(cell, source / "_extra" / "lectures" / name, kept, MOVES.format(name=name))
    notebook.metadata.pop("widgets", None)


def overview(titles: Mapping[str, str], cards: Mapping[str, Card]) -> str:
    """The page of all lectures, each with the labs that build on it. titles: of lectures; cards: of labs, by name."""
    lines = [INTRODUCTION, "| lecture | labs that build on it |", "|---|---|"]
    for name, title_ in titles.items():
        number = name.partition("_")[0]
        labs = [lab for lab, card in cards.items() if number in card.lectures]
        shown = [f"[{lab.removeprefix('lab').partition('_')[0]}](/labs/{lab}.ipynb)" for lab in labs]
        lines.append(f"| [{title_}](/lectures/{name}.ipynb) | {', '.join(shown)} |")
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *titles, "```", ""])

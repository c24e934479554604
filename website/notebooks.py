"""What pages of labs and lectures share: ways to open the notebook, folded cells, links of their texts."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from nbformat import NotebookNode

from website import links
from website.address import SiteAddress

BADGE = re.compile(r" ?\[!\[Open in (\w+)\]\([^)]*\)\]\(([^)]*)\)")


def show(notebook: NotebookNode, folder: str, name: str, address: SiteAddress) -> None:
    """Make the texts of a notebook those of a page: links to pages, and at its head the ways to open it.

    folder: of the notebook in the repository. name: of its file, which lies beside the page.
    """
    first = next(cell for cell in notebook.cells if cell.cell_type == "markdown")
    places = BADGE.findall(first.source)
    first.source = with_head(BADGE.sub("", first.source), ways(name, dict(places)))
    for cell in notebook.cells:
        cell.pop("attachments", None)
        if cell.cell_type == "markdown":
            cell.source = links.rewritten(cell.source, folder, address)


def ways(name: str, places: dict[str, str]) -> str:
    """The buttons as HTML. places: such as "Colab", with the address that opens the notebook there."""
    button = '<li><a class="btn btn-sm {kind}" href="{target}"{more}>{words}</a></li>'
    kind = "btn-outline-primary" if places else "btn-primary"
    items = [
        button.format(kind="btn-primary", target=escape(target), more="", words=f"Open in {place}")
        for place, target in places.items()
    ]
    items.append(button.format(kind=kind, target=f"{name}.ipynb", more=" download", words="Download the notebook"))
    return "\n".join(['<ul class="open-notebook">', *items, "</ul>"])


def with_head(text: str, head: str) -> str:
    """A text with something below its first heading."""
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{head}\n\n{rest.strip(chr(10))}".rstrip("\n")


def fold(cell: NotebookNode, words: str) -> None:
    """Fold the code of a cell below a button with these words."""
    tags = [*cell.metadata.get("tags", []), "hide-input"]
    cell.metadata["tags"] = tags
    cell.metadata["mystnb"] = {"code_prompt_show": words, "code_prompt_hide": f"Hide{words.removeprefix('Show')}"}


def lines(cell: NotebookNode) -> int:
    """How many lines of code a cell has."""
    return cell.source.count("\n") + 1


def place(text: str, source: Path, page: str) -> None:
    """Put a notebook beside its page, for who wants to run it."""
    target = source / "_extra" / f"{page}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")

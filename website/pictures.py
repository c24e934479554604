"""The picture of each lab: drawn by the lab's own solution, run up to the cell with the tag `picture`, and kept.

The profile is that of the build. What a figure shows and says comes from the lab, so nothing here can be out of date.
"""

from __future__ import annotations

import base64
import html
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from course_staff.authoring import source
from course_staff.authoring.picture import tagged
from course_staff.authoring.source import Address
from website import cache
from website.panels import card_picture

WIDEST = 800
HEAVIEST, HEAVIEST_CARD = 60_000, 30_000  # bytes
PATIENCE = 1800  # seconds for a cell

_SHOWN = re.compile(r'<img width="(\d+)"[^>]*? alt="([^"]*)" src="data:image/png;base64,([^"]+)"')


@dataclass(frozen=True)
class Picture:
    """Files by their way from the start page, the size at which the figure is shown, and what it says.

    finding: the title of the figure. words: all of it, its alternative text.
    """

    figure: str
    card: str
    size: tuple[int, int]
    finding: str
    words: str


def pictures(repository: Path, source_folder: Path) -> dict[str, Picture]:
    """Write two files a lab into `_static/pictures`; returns them by the lab's name. A lab without the tag has none."""
    folder = source_folder / "_static" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for path in source.lab_sources(repository):
        notebook = source.read_lab(path, Address.of(repository))
        tag = tagged(notebook)
        if tag is None:
            continue
        drawn, width, words = _drawn(repository, path.stem, notebook, tag.cell)
        figure = Image.open(drawn).convert("RGB")
        size = min(width, WIDEST), round(figure.height / figure.width * min(width, WIDEST))
        sharp = figure.resize((min(figure.width, WIDEST), round(figure.height * min(1, WIDEST / figure.width))))
        (folder / f"{path.stem}.webp").write_bytes(webp(sharp, HEAVIEST))
        (folder / f"{path.stem}_card.webp").write_bytes(webp(card_picture(figure, tag.panels), HEAVIEST_CARD))
        way = f"_static/pictures/{path.stem}"
        found[path.stem] = Picture(f"{way}.webp", f"{way}_card.webp", size, finding(words), words)
    return found


def finding(words: str) -> str:
    """The title of a figure, which is how its words begin; with a second sentence where the first is a mere name."""
    sentences = [sentence.rstrip(".") for sentence in words.split(". ")]
    return sentences[0] if len(sentences[0]) > 40 or len(sentences) == 1 else ". ".join(sentences[:2])


def _drawn(repository: Path, name: str, notebook: NotebookNode, cell: int) -> tuple[io.BytesIO, int, str]:
    """The figure as a PNG, its width on the page, and its words; executed unless it is there from before."""
    cells = [code for code in notebook.cells[: cell + 1] if code.cell_type == "code"]
    kept = (
        cache.folder(repository) / "pictures" / f"{name}_{cache.key(repository, *(code.source for code in cells))}.html"
    )
    if not kept.is_file():
        begun = time.monotonic()
        shown = _shown(repository, name, notebook, cells)
        print(f"picture of {name}: {time.monotonic() - begun:.0f} s", flush=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        for old in kept.parent.glob(f"{name}_*.html"):
            old.unlink()
        kept.write_text(shown, encoding="utf-8")
    return read(kept.read_text(encoding="utf-8"))


def read(page: str) -> tuple[io.BytesIO, int, str]:
    """Of a figure as `viz` shows it, an HTML picture: the PNG, its width on the page, and its words.

    Raises ValueError where there is none.
    """
    found = _SHOWN.search(page)
    if found is None:
        raise ValueError("picture: this is no figure of `viz`")
    return io.BytesIO(base64.b64decode(found[3])), int(found[1]), html.unescape(found[2])


def _shown(repository: Path, name: str, notebook: NotebookNode, cells: list[NotebookNode]) -> str:
    """The last figure of the last cell, as JupyterLab gets it: an HTML picture. Raises what a cell raises."""
    notebook.cells = cells
    folder = repository / "labs" / name
    client = NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources={"metadata": {"path": folder}})
    client.execute()
    pages = [str(output.get("data", {}).get("text/html", "")) for output in cells[-1].outputs]
    figures = [page for page in pages if _SHOWN.search(page)]
    if not figures:
        raise ValueError(f"{name}: the cell with the tag `picture` shows no figure of `viz`")
    return figures[-1]


def webp(image: Image.Image, heaviest: int) -> bytes:
    """As good as the weight allows."""
    for quality in range(90, 0, -8):
        with io.BytesIO() as file:
            image.save(file, format="webp", quality=quality, method=4)
            if file.tell() <= heaviest or quality <= 8:
                return file.getvalue()
    raise AssertionError("unreachable")

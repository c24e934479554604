"""The picture of each lab: drawn by the lab's own solution, run up to the cell with the tag `picture`, and kept.

The profile is that of the build. What a figure shows and says comes from the lab, so nothing here can be out of date.
"""

from __future__ import annotations

import base64
import html
import io
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

from course_staff.authoring import source
from course_staff.authoring.picture import tagged
from course_staff.authoring.source import Address
from website import cache, execution
from website.panels import card_picture

WIDEST = 800
HEAVIEST, HEAVIEST_CARD = 60_000, 30_000  # bytes

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
    address = Address.of(repository)
    labs = {path.stem: source.read_lab(path, address) for path in source.lab_sources(repository)}
    tags = {name: tag for name, notebook in labs.items() if (tag := tagged(notebook))}
    threads = max(1, (os.cpu_count() or 1) // cache.workers()) if cache.workers() > 1 else None
    with ThreadPoolExecutor(cache.workers()) as pool:
        asked = {name: pool.submit(_drawn, repository, name, labs[name], tags[name].cell, threads) for name in tags}
        drawn = {name: read(future.result()) for name, future in asked.items()}
    (source_folder / "_static" / "pictures").mkdir(parents=True, exist_ok=True)
    return {name: _written(source_folder, name, *drawn[name], tags[name].panels) for name in tags}


def _written(folder: Path, name: str, png: bytes, width: int, words: str, panels: tuple[int, ...]) -> Picture:
    """Both files of a lab. width: of the figure on the page of a notebook."""
    figure = Image.open(io.BytesIO(png)).convert("RGB")
    try:
        card = card_picture(figure, panels)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    shown = min(width, WIDEST)
    sharp = min(figure.width, WIDEST)
    found = Picture(
        figure=f"_static/pictures/{name}.webp",
        card=f"_static/pictures/{name}_card.webp",
        size=(shown, round(figure.height / figure.width * shown)),
        finding=finding(words),
        words=words,
    )
    whole = figure.resize((sharp, round(figure.height / figure.width * sharp)))
    (folder / found.figure).write_bytes(webp(whole, HEAVIEST))
    (folder / found.card).write_bytes(webp(card, HEAVIEST_CARD))
    return found


def finding(words: str) -> str:
    """The title of a figure, which is how its words begin; with a second sentence where the first is a mere name."""
    sentences = [sentence.rstrip(".") for sentence in words.split(". ")]
    return sentences[0] if len(sentences[0]) > 40 or len(sentences) == 1 else ". ".join(sentences[:2])


def _drawn(repository: Path, name: str, notebook: NotebookNode, cell: int, threads: int | None) -> str:
    """The figure as an HTML picture; drawn unless it is there from before."""
    cells = [code for code in notebook.cells[: cell + 1] if code.cell_type == "code"]
    key = cache.key(repository, *(code.source for code in cells))

    def draw() -> str:
        begun = time.monotonic()
        shown = _shown(repository, name, notebook, cells, threads)
        print(f"picture of {name}: {time.monotonic() - begun:.0f} s", flush=True)
        return shown

    return cache.kept(repository, "labs", name, key, draw)


def read(page: str) -> tuple[bytes, int, str]:
    """Of a figure as `viz` shows it, an HTML picture: the PNG, its width on the page, and its words.

    Raises ValueError where there is none.
    """
    found = _SHOWN.search(page)
    if found is None:
        raise ValueError("picture: this is no figure of `viz`")
    return base64.b64decode(found[3]), int(found[1]), html.unescape(found[2])


def _shown(repository: Path, name: str, notebook: NotebookNode, cells: list[NotebookNode], threads: int | None) -> str:
    """The last figure of the last cell, as JupyterLab gets it: an HTML picture."""
    notebook.cells = cells
    outputs = execution.run(notebook, name, repository, threads).cells[-1].outputs
    figures = [page for output in outputs if _SHOWN.search(page := output.get("data", {}).get("text/html", ""))]
    if not figures:
        raise ValueError(f"{name}: the cell with the tag `picture` shows no figure of `viz`")
    return figures[-1]


def webp(image: Image.Image, heaviest: int) -> bytes:
    """As good as the weight allows."""
    data = b""
    for quality in range(90, 0, -8):
        with io.BytesIO() as file:
            image.save(file, format="webp", quality=quality, method=4)
            data = file.getvalue()
        if len(data) <= heaviest:
            break
    return data

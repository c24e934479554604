"""What a cell printed and drew, made fit for a page: figures as files, no bars of progress, no widgets."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
from html import escape
from pathlib import Path

from nbformat import NotebookNode

from course_lib.files import write_whole
from website import cache

WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURE = re.compile(r'<img (?P<rest>[^>]*)src="data:image/png;base64,(?P<data>[^"]+)"(?P<more>[^>]*)>')
_BAR = re.compile(r"\d+%\|")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PICTURES = "figures"  # folder of the cache
QUALITY = 88  # of WebP with loss, where that is smaller than without: noise


def clean(cell: NotebookNode, page: Path, kept: Path, moves: str) -> None:
    """Replace the outputs of an executed cell.

    page: the page without its suffix, beside which the folder of its pictures lies. kept: where pictures are cached.
    moves: HTML, said below a picture that moves in the notebook.
    """
    shown = [output for output in cell.outputs if _worth_showing(output)]
    for output in shown:
        if output.output_type == "stream":
            output.text = _printed(output.text)
        else:
            _still(output, page, kept, moves)
    cell.outputs = [output for output in shown if output.get("text") or output.get("data")]


def _worth_showing(output: NotebookNode) -> bool:
    """Whether it is more than a warning, a bar of progress, or what a bar left behind."""
    if output.output_type == "stream":
        return output.name == "stdout" and bool(_printed(output.text).strip())
    if output.output_type not in ("display_data", "execute_result"):
        return False
    text = output.data.get("text/plain", "")
    return len(output.data) > 1 or bool(text.strip() and not _BAR.search(text))


def _printed(text: str) -> str:
    """What a terminal would show in the end, without bars of progress."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in _ANSI.sub("", text).split("\n")]
    return "\n".join(line for line in lines if not _BAR.search(line))


def _still(output: NotebookNode, page: Path, kept: Path, moves: str) -> None:
    """A picture in place of a widget, a file in place of a picture."""
    data = output.data
    lively = data.pop(WIDGET, None) is not None
    html = data.get("text/html", "")
    if "image/png" in data and not _PICTURE.search(html):
        words = escape(data.get("text/plain", ""))
        html = f'<img alt="{words}" src="data:image/png;base64,{"".join(data["image/png"].split())}">'
    if html:
        text = _PICTURE.sub(lambda found: _as_file(found, page, kept), html) + (moves if lively else "")
        output.data = NotebookNode({"text/html": text})
    elif lively and re.match(r"\w+\(", data.get("text/plain", "")):  # the name of a widget's class says nothing
        output.data = NotebookNode({"text/html": moves})
    output.metadata = NotebookNode()


def _as_file(found: re.Match[str], page: Path, kept: Path) -> str:
    """The tag of a picture that lies beside the page, and is loaded when the reader comes to it."""
    folder = page.with_name(f"{page.name}_files")
    content = base64.b64decode(found["data"])
    picture = as_webp(content, kept)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(picture, folder / picture.name)
    attributes = " ".join(f"{found['rest']} {found['more']}".split())
    if "width=" not in attributes:
        width, height = _size(content)
        attributes += f' width="{width}" height="{height}" style="max-width: 100%; height: auto"'
    return f'<img {attributes} loading="lazy" decoding="async" src="{folder.name}/{picture.name}">'


def as_webp(png: bytes, kept: Path) -> Path:
    """The file of a picture, smaller by a factor; kept, for it takes a while.

    Curves and text are smallest without loss, noisy images with a loss that is not seen at twice the page's sharpness.
    """
    from PIL import Image

    target = kept / PICTURES / f"{hashlib.sha256(png + bytes([QUALITY])).hexdigest()[:16]}.webp"
    if not cache.used(target):
        with Image.open(io.BytesIO(png)) as opened:
            image = opened.convert("RGB")
        files = []
        for options in ({"lossless": True, "quality": 50}, {"quality": QUALITY}):
            with io.BytesIO() as file:
                image.save(file, format="webp", method=4, **options)
                files.append(file.getvalue())
        write_whole(target, min(files, key=len))
    return target


def _size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])

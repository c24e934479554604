"""The reference of the library: a page a package, an entry a public name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from website.docstrings import lab_pages, links
from website.faces import LIBRARY, OPEN, SUBJECTS, Entry, Face, faces
from website.restructured import first_sentence, inline, rst

INTRODUCTION = """\
Every public name of ``course_lib``, the library that the labs build toward. In a lab you write a thing by hand; here is
what it becomes.

.. code-block:: python

    from course_lib import noise

    noisy = noise.rician(image, 0.1)

Search for a name as you import it: ``noise.rician``, ``DataConsistency``. Under each entry stand its source and the lab
that teaches it.

.. _arrays:

``Array`` in a signature is a numpy array or a torch tensor, and what comes back is of the same kind. ``AnyArray`` is
either of them.
"""


def write(repository: Path, source: Path) -> None:
    """Write these pages into `source`, the folder that Sphinx reads."""
    folder = source / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    pages = Pages(faces(), lab_pages(f"labs/{path.name}" for path in (repository / "labs").glob("lab*")))
    (folder / "index.rst").write_text(pages.first(), encoding="utf-8")
    for face in pages.faces.values():
        (folder / f"{face.name}.rst").write_text(pages.page(face), encoding="utf-8")


@dataclass(frozen=True)
class Pages:
    """The pages as text.

    Attributes:
        faces: all packages and modules by name.
        labs: {number: document} of the labs.
    """

    faces: Mapping[str, Face]
    labs: Mapping[str, str]

    def first(self) -> str:
        """All packages, with a line each."""
        blocks = [_title("Reference", "="), INTRODUCTION.strip()]
        for heading, subjects in SUBJECTS.items():
            blocks += [_title(heading, "-"), self._list("Package", subjects)]
        return "\n\n".join([*blocks, _contents([one for subjects in SUBJECTS.values() for one in subjects])]) + "\n"

    def page(self, face: Face) -> str:
        """What a package or module says of itself, a table of its names, an entry each."""
        name = f"{LIBRARY}.{face.name}"
        link = links(name, importlib.import_module(name))
        blocks = [
            _title(face.name, "="),
            f".. py:module:: {name}",
            f".. code-block:: python\n\n    {_import(face.name)}",
            rst(face.docstring, link=link, labs=self.labs).strip(),
        ]
        files = [one for one in self.faces if face.name in OPEN and one.startswith(f"{face.name}.")]
        if files:
            blocks += [self._list("Module", files), _contents(files)]
        if len(face.entries) > 1:
            rows = [(f":py:obj:`{entry.name} <{entry.full}>`", self._summary(entry)) for entry in face.entries]
            blocks.append(_table("Name", rows))
        if face.elsewhere:
            handed_on = ", ".join(f":py:obj:`{name} <{full}>`" for name, full in face.elsewhere.items())
            blocks.append(f"You can import these from here, too: {handed_on}.")
        return "\n\n".join([*blocks, *(self._entry(entry) for entry in face.entries)]) + "\n"

    def _entry(self, entry: Entry) -> str:
        if entry.kind == "data":  # autodoc looks for the comment where the name is handed on, not where it is written
            text = rst(entry.docstring, link=links(entry.full, entry.found), labs=self.labs).strip()
            lines = [f".. py:data:: {entry.name}", *_value(entry.found), "", *text.splitlines()]
            return "\n    ".join(lines).replace("\n    \n", "\n\n")
        members = [f"    :members: {', '.join(entry.members)}", "    :member-order: bysource"] if entry.members else []
        return "\n".join([f".. auto{entry.kind}:: {entry.full}", *members])

    def _summary(self, entry: Entry) -> str:
        return inline(first_sentence(entry.docstring), link=links(entry.full, entry.found), labs=self.labs)

    def _list(self, head: str, names: list[str] | tuple[str, ...]) -> str:
        """A table of packages or modules."""
        rows = []
        for name in names:
            full = f"{LIBRARY}.{name}"
            link = links(full, importlib.import_module(full))
            text = inline(first_sentence(self.faces[name].docstring), link=link, labs=self.labs)
            rows.append((f":doc:`{name} <{name}>`", text))
        return _table(head, rows)


def _value(found: object) -> list[str]:
    """A short value is shown; a long one, or one of this machine, is not."""
    shown = repr(found)
    return [] if len(shown) > 100 or re.search(r"[<\n]|Path\(", shown) else [f":value: {shown}"]


def _import(face: str) -> str:
    package, _, file = face.rpartition(".")
    return f"from {LIBRARY}.{package} import {file}" if package else f"from {LIBRARY} import {face}"


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def _contents(documents: list[str]) -> str:
    return "\n    ".join([".. toctree::", ":hidden:", "", *documents]).replace("    \n", "\n")


def _table(head: str, rows: list[tuple[str, str]]) -> str:
    lines = [".. list-table::", "    :header-rows: 1", "    :widths: 30 70", "    :class: names", ""]
    for name, text in [(head, "What it is" if head == "Name" else "What it holds"), *rows]:
        lines += [f"    * - {name}", f"      - {text}"]
    return "\n".join(lines)

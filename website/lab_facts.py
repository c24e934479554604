"""What the site says of each lab in short: all of it read from the lab's source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from course_staff.authoring import source
from course_staff.authoring.card import Card
from course_staff.authoring.source import Address, SourceError

_QUESTION = re.compile(r"\*\*The question of this lab:\s*(.+?)\*\*", re.DOTALL)


@dataclass(frozen=True)
class LabFacts:
    """A lab in a few words. name: of its notebook and its page; number: such as "00b"."""

    name: str
    title: str
    question: str
    points: float
    card: Card

    @property
    def number(self) -> str:
        return self.name.removeprefix("lab").partition("_")[0]

    @property
    def topic(self) -> str:
        """The title without "Lab 04: "."""
        return re.sub(r"^Lab \w+: ", "", self.title)

    @property
    def page(self) -> str:
        """Where its page lies, from the start page."""
        return f"labs/{self.name}.html"


def lab_facts(repository: Path) -> list[LabFacts]:
    """All labs in order. Raises SourceError for one without a card or a question."""
    address = Address.of(repository)
    return [_facts(path, source.read_lab(path, address)) for path in source.lab_sources(repository)]


def lecture_pages(repository: Path) -> dict[str, tuple[str, str]]:
    """Of each lecture by its number: its page, from the start page, and its title."""
    paths = sorted((repository / "lectures").glob("*_*.py"))
    titles = {path.stem: source.title(source.read_lecture(path, Address.of(repository))) for path in paths}
    return {name.partition("_")[0]: (f"lectures/{name}.html", title) for name, title in titles.items()}


def _facts(path: Path, notebook: NotebookNode) -> LabFacts:
    card = source.card_of(path)
    question = _QUESTION.search(notebook.cells[0].source)
    if card is None or question is None:
        raise SourceError(f"{path.name}: the website needs a card, and a line '**The question of this lab: …**'")
    words = " ".join(question[1].split())
    points = sum(exercise.points for exercise in source.exercises(notebook, path))
    return LabFacts(path.stem, source.title(notebook), words[0].upper() + words[1:], points, card)

"""What students must not see, looked for on the pages of the site, however it has been set there.

A page breaks lines, drops the marks of Markdown and colours code, so what is compared is the words, in their order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from course_staff.publishing.leaks import secret_lines

#: Fewer words in a row stand in many places by chance: `return loss, model`.
FEWEST = 4
#: These folders are read by students, or are meant for everybody. The rest of the repository keeps its secrets.
PUBLIC = ("course_lib", "docs", "lectures")


def secrets(root: Path, students: Iterable[str]) -> dict[tuple[str, ...], str]:
    """The words of each secret line -> that line. students: the texts of what students get, notebooks and all."""
    texts = [path.read_bytes() for path in public_files(root)]
    lines = secret_lines(root, texts)
    told = Shingles([*students, *(data.decode(errors="ignore") for data in texts)])
    found = {words(line): line for line in lines}
    return {key: line for key, line in found.items() if len(key) >= FEWEST and key not in told}


def public_files(root: Path) -> list[Path]:
    """Texts that are no secret: the library, the lectures, the handbooks."""
    inside = [path for name in PUBLIC for path in (root / name).rglob("*")]
    readable = (".py", ".md", ".json", ".js", ".toml")
    return [path for path in (*inside, *root.glob("*.md")) if path.is_file() and path.suffix in readable]


def words(text: str) -> tuple[str, ...]:
    """Words and numbers in small letters; all marks go."""
    return tuple(re.findall(r"[^\W_]+", text.lower()))


class Shingles:
    """Texts in which a row of words is found fast."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = [words(text) for text in texts]
        self._places: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for number, text in enumerate(self._texts):
            for start in range(len(text) - FEWEST + 1):
                self._places.setdefault(text[start : start + FEWEST], []).append((number, start))

    def __contains__(self, row: tuple[str, ...]) -> bool:
        places = self._places.get(row[:FEWEST], ())
        return any(self._texts[number][start : start + len(row)] == row for number, start in places)


def leaked(texts: Mapping[str, str], secret: Mapping[tuple[str, ...], str]) -> list[str]:
    """Where a secret line stands, a line each. texts: name of a page or file -> all its text."""
    found = []
    for name, text in texts.items():
        shingles = Shingles([text])
        found += [f"{name}: {line[:100]}" for row, line in secret.items() if row in shingles]
    return found


def strings(notebook: str) -> str:
    """All texts in a notebook, or in other JSON, one below the other."""
    return "\n".join(_strings(json.loads(notebook)))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)

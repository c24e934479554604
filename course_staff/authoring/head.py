"""What `{{head}}` becomes in a lab: time, what comes before it with links, and what the student will do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from course_staff.authoring.card import Card


def head(card: Card, root: Path) -> str:
    """The head as Markdown; its links lead from the folder of a lab, here and in the students' copy.

    Raises ValueError, which begins with the field, for a lab or lecture that `root` does not have.
    """
    labs = [f"[{title}](../{name}/{name}.ipynb)" for name, title in named(root, "labs", card.labs)]
    lectures = [f"[{title}](../../lectures/{name}.ipynb)" for name, title in named(root, "lectures", card.lectures)]
    before = [f"{what}: {listed(links)}." for what, links in (("Labs", labs), ("Lectures", lectures)) if links]
    if card.mathematics:
        before.append(f"Mathematics: {card.mathematics}.")
    words = (
        " Words: the [glossary](../../lectures/glossary.md)." if (root / "lectures" / "glossary.md").is_file() else ""
    )
    computing = _computing(card.compute_minutes)
    return "\n".join(
        [
            f"**Time.** About {card.time}. On 2 CPU cores the cells compute for {computing} in all,"
            f" and need at most {card.memory} of memory.",
            "",
            f"**Before this lab.** {' '.join(before) or 'Nothing: you can begin here.'}{words}",
            "",
            "**In this lab you will**",
            "",
            *(f"- {objective}" for objective in card.objectives),
        ]
    )


def named(root: Path, kind: str, numbers: Sequence[str]) -> list[tuple[str, str]]:
    """The notebook's name and title of each number. kind: "labs" or "lectures"."""
    folder, before = (root / "solutions", "lab") if kind == "labs" else (root / "lectures", "")
    sources = sorted(path for path in folder.glob(f"{before}*_*.py") if not path.stem.endswith(".wrong"))
    found = {path.stem.removeprefix(before).partition("_")[0]: path for path in sources}
    for number in numbers:
        if number not in found:
            raise ValueError(f"{kind}: there is none with the number {number!r}; there are: {', '.join(found)}")
    return [(found[number].stem, _title(found[number])) for number in numbers]


def _title(path: Path) -> str:
    heading = re.search(r"^# # (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return heading[1].strip() if heading else path.stem


def listed(items: Sequence[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return " and ".join(part for part in (", ".join(items[:-1]), items[-1]) if part)


def _computing(minutes: float) -> str:
    if minutes <= 1:
        return "less than a minute" if minutes < 1 else "about a minute"
    return f"about {minutes:g} minutes"

"""The README's table of the sources' systems: every function, lab and test in it exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLE = re.search(
    r"<!-- systems:begin -->\n(.*?)<!-- systems:end -->", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
)
ROWS = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in (TABLE[1].splitlines() if TABLE else [])]
HEAD, ROWS = ROWS[0], ROWS[2:]
LABS = {path.name[3:].split("_")[0] for path in (ROOT / "labs").glob("lab*")}


def found(name: str) -> bool:
    """Whether `course_lib.NAME` is a module, or a public name of one."""
    parts = f"course_lib.{name}".split(".")
    for count in range(len(parts), 1, -1):
        try:
            thing = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            thing = getattr(thing, part, None)
        return thing is not None
    return False


def test_its_columns():
    assert HEAD == ["system", "source", "lab", "in the library", "held by", "published", "measured"]
    assert all(len(row) == len(HEAD) for row in ROWS)
    assert {letter for row in ROWS for letter in row[1].split(", ")} == set("ABCD")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_what_a_row_names_exists(row):
    names = re.findall(r"`([\w.]+)`", row[3])
    assert names and all(map(found, names)), row[3]
    labs = row[2].split(", ")
    assert set(labs) <= LABS
    tests = re.findall(r"\]\((tests/[\w/]+\.py)\)", row[4])
    assert tests and all((ROOT / test).exists() for test in tests), row[4]
    # the test is one of this system: it uses something of the module that the row names
    words = {word for name in names for word in name.split(".")}
    text = "".join((ROOT / test).read_text(encoding="utf-8") for test in tests)
    assert any(re.search(rf"\b{word}\b", text) for word in words)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_lab_uses_what_a_row_names(row):
    sources = [path for lab in row[2].split(", ") for path in (ROOT / "labs").glob(f"lab{lab}_*/*.ipynb")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    names = {name.split(".")[-1] for name in re.findall(r"`([\w.]+)`", row[3])}
    assert any(re.search(rf"\b{name}\b", text) for name in names), names

"""`scripts/lengths.py`: it counts what a student sees, and no lab passes a limit."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

import nbformat.v4 as v4

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("lengths")


def test_the_labs_lie_within_the_limits(script):
    found = script.lengths(ROOT)
    assert not any(one.passed() for one in found), "\n".join(line for one in found for line in one.passed())
    assert all(one.words and one.code and one.tests and one.points for one in found)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("# A title\n\nTwo **bold words** - and a dash: `x = 1` is code, $a + b$ a formula.", 14),
        ("| a | table |\n|---|---|\n| of | numbers |", 0),
        ("```python\nx = 1\n```\nAfter it.", 2),
        ("$$ x = 1 $$\n[a link](https://here/there) ![picture](one.png)<br>", 2),
        ("- one\n- two\n1. three", 4),
    ],
)
def test_words_are_those_that_are_read(script, text, count):
    assert script.words(text) == count


def test_what_is_collapsed_or_derived_counts_apart(script):
    setup = v4.new_code_cell("x = 1\n" * 40, metadata={"tags": ["setup"]})
    mine = v4.new_code_cell("x = 1\n" * 40, metadata={"tags": ["my", "experiment"]})
    answer = v4.new_code_cell("x\n\ny", metadata={"nbgrader": {"solution": True, "grade": False}})
    test = v4.new_code_cell("z\n" * 35, metadata={"nbgrader": {"solution": False, "grade": True, "points": 2}})
    written = v4.new_markdown_cell("Because.", metadata={"nbgrader": {"solution": True, "grade": True, "points": 3}})
    notebook = v4.new_notebook(cells=[setup, answer, test, written, mine])
    found = script.length_of("lab99", notebook, 90)
    assert found == script.Length("lab99", words=1, code=3, tests=35, cell=3, line=1, points=5, minutes=90)
    assert found.passed() == []


def test_each_limit_is_told(script):
    found = script.Length("lab99", words=2201, code=451, tests=999, cell=31, line=101, points=5, minutes=None)
    told = found.passed()
    assert len(told) == 4 and told[0] == "lab99: 2201 words of prose, at most 2200"
    assert not script.Length("lab99", words=2200, code=450, tests=0, cell=30, line=100, points=5, minutes=1).passed()

"""The page of a lab is its student version: nothing of a solution, code of exercises folded."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_staff.authoring.build import derive
from course_staff.publishing.leaks import leaks, secret_lines
from website import labs, notebooks
from website.address import SiteAddress

ROOT = Path(__file__).resolve().parents[2]
NAME = "lab02_convolutional_autoencoder"
NOWHERE = SiteAddress("", "", "main")


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> str:
    derived = derive(ROOT, tmp_path_factory.mktemp("derived"), [NAME])
    return derived[Path("labs", NAME, f"{NAME}.ipynb")]


@pytest.fixture(scope="module")
def page(student):
    return nbformat.reads(labs.page(student, NAME, NOWHERE), as_version=4)


def test_no_line_of_a_solution_is_on_the_page(page):
    public = [path.read_bytes() for folder in ("course_lib", "lectures") for path in (ROOT / folder).rglob("*.py")]
    secret = secret_lines(ROOT, public)
    assert len(secret) > 1000
    assert leaks([("page.ipynb", nbformat.writes(page).encode())], secret) == []
    planted = new_code_cell(next(line for line in sorted(secret) if len(line) > 40))
    page_with_one = nbformat.from_dict({**page, "cells": [*page.cells, planted]})
    assert leaks([("page.ipynb", nbformat.writes(page_with_one).encode())], secret)


def test_an_authors_mark_stops_the_page():
    notebook = new_notebook(cells=[new_markdown_cell("# Lab\n\n### BEGIN EXPLANATION\nx\n### END EXPLANATION")])
    with pytest.raises(ValueError, match="lab99_x: the student version holds '### BEGIN EXPLANATION'"):
        labs.page(nbformat.writes(notebook), "lab99_x", NOWHERE)


def test_exercises_are_folded_and_experiments_are_not(page):
    folded = {
        cell.metadata.mystnb.code_prompt_show for cell in page.cells if "hide-input" in cell.metadata.get("tags", [])
    }
    answers = [cell for cell in page.cells if "raise NotImplementedError" in cell.source]
    assert answers and all("hide-input" in cell.metadata.tags for cell in answers)
    assert len([words for words in folded if words.startswith("Show the test of ")]) == len(answers)
    open_ = [cell for cell in page.cells if cell.cell_type == "code" and "hide-input" not in cell.metadata.tags]
    assert open_ and not any(cell.outputs for cell in page.cells if cell.cell_type == "code")


def test_the_head_offers_the_notebook_and_what_it_needs(page):
    head = page.cells[0].source
    assert head.startswith("# Lab 02: ") and f'href="{NAME}.ipynb" download' in head
    assert "In this lab you will" in head and "](/lectures/01_autoencoders.ipynb)" in head
    assert "colab" not in head and not re.search(r"\]\(\.\.?/", "".join(cell.source for cell in page.cells))


def test_badges_become_buttons_without_a_picture_from_elsewhere():
    badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.example/x?a=1)"
    notebook = new_notebook(cells=[new_markdown_cell(f"# Lab\n\n{badge} {badge.replace('Colab', 'Binder')}\n\nText")])
    notebooks.show(notebook, "labs/lab99_x", "lab99_x", NOWHERE)
    text = notebook.cells[0].source
    assert "![" not in text and "badge.svg" not in text and text.endswith("Text")
    assert ">Open in Colab</a>" in text and ">Open in Binder</a>" in text


def test_the_page_of_all_labs_leaves_lectures_to_their_own_page():
    start = (
        "# Start here\n\n| lab |\n|---|\n\n## How a lab works\n\nRun.\n\n## Lectures\n\n- [L](/lectures/00_x.ipynb)\n"
    )
    text = labs.overview(start, ["lab00_x", "lab01_y"])
    assert text.startswith("# Labs\n") and "## How a lab works\n\nRun." in text
    assert "lectures" not in text.lower() and text.endswith("\nlab00_x\nlab01_y\n```\n")

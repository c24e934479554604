"""The tag on the cell that draws a lab's picture: read, refused where it is wrong, and never given to students."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")

from course_staff.authoring import source
from course_staff.authoring.handed_out import HandedOut
from course_staff.authoring.picture import Tagged, is_picture, tagged
from course_staff.authoring.source import Address, SourceError

ADDRESS = Address("OWNER/NAME", "main")
HEAD = "# %% [markdown]\n# # Lab 91: Small\n\n"


def lab(tmp_path: Path, text: str) -> nbformat.NotebookNode:
    (tmp_path / "solutions").mkdir(exist_ok=True)
    path = tmp_path / "solutions" / "lab91_small.py"
    path.write_text(HEAD + text)
    return source.read_lab(path, ADDRESS)


@pytest.mark.parametrize("tag, panels", [("picture", ()), ("picture 2", (2,)), ("picture 1 14", (1, 14))])
def test_the_tag_names_a_cell_and_its_panels(tmp_path: Path, tag: str, panels: tuple[int, ...]) -> None:
    notebook = lab(tmp_path, f'# %%\nx = 1\n\n# %% tags=["experiment", "{tag}"]\nx\n')
    assert tagged(notebook) == Tagged(2, panels)
    assert notebook.cells[2].source == "x"


def test_a_lab_may_have_none(tmp_path: Path) -> None:
    assert tagged(lab(tmp_path, '# %% tags=["experiment"]\nx = 1\n')) is None


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('# %% tags=["experiment", "picture 0"]\nx = 1\n', "expected the tag 'picture'"),
        ('# %% tags=["experiment", "picture one"]\nx = 1\n', "got 'picture one'"),
        ('# %% tags=["picture"]\nx = 1\n', "on a code cell with the tag 'experiment'"),
        ('# %% [markdown] tags=["experiment", "picture"]\n# x\n', "on a code cell with the tag 'experiment'"),
        ('# %% tags=["experiment", "picture"]\nx = 1\n\n' * 2, "one cell of a lab has this tag; here 2 have it"),
    ],
)
def test_a_wrong_tag_is_refused_with_the_name_of_the_file(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=re.escape("lab91_small.py: picture: ") + f".*{re.escape(complaint)}"):
        lab(tmp_path, text)


def test_students_do_not_get_the_tag() -> None:
    cell = nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["experiment", "picture 1 4"]})
    other = nbformat.v4.new_code_cell("y = 1", metadata={"tags": ["experiment", "pictures-of-mine"]})
    notebook = nbformat.v4.new_notebook(cells=[cell, other])
    given, _ = HandedOut().preprocess(notebook, {"nbgrader": {"notebook": "lab91_small"}})
    assert given.cells[0].metadata["tags"] == ["experiment", "raises-exception"]
    assert given.cells[1].metadata["tags"] == ["experiment", "pictures-of-mine", "raises-exception"]


def test_a_tag_that_only_begins_alike_is_another() -> None:
    assert is_picture("picture 1 4") and not is_picture("pictures-of-mine")

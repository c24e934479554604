"""A lab's picture is drawn again when what it stands on has changed, and only then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("nbgrader")

from course_lib import viz
from website import cache, pictures

LAB = """\
# %% [markdown]
# # Lab 91: Small

# %%
x = BEFORE

# %% tags=["experiment", "picture TAG"]
x

# %% tags=["experiment"]
y = AFTER
"""


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The cells of each drawing, in place of a kernel; a repository with one lab in tmp_path."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "OWNER/NAME"\nbranch = "main"\n')
    (tmp_path / "solutions").mkdir()
    figure = viz.gallery([np.eye(64), np.ones((64, 64)) / 2], titles=["left", "right"], title="Right is grey")
    found: list[list[str]] = []

    def shown(repository: Path, name: str, notebook: object, cells: list, threads: int | None) -> str:
        found.append([cell.source for cell in cells])
        return figure._repr_mimebundle_()["text/html"]

    monkeypatch.setattr(pictures, "_shown", shown)
    return found


def picture(repository: Path, before: str = "1", after: str = "1", tag: str = "2 1") -> pictures.Picture:
    text = LAB.replace("BEFORE", before).replace("AFTER", after).replace("TAG", tag)
    (repository / "solutions" / "lab91_small.py").write_text(text)
    return pictures.pictures(repository, repository / "source")["lab91_small"]


def test_the_cells_up_to_the_tag_are_run_once(tmp_path: Path, drawn: list[list[str]]) -> None:
    for after in ("1", "2"):
        picture(tmp_path, after=after)
    picture(tmp_path, tag="1")  # other panels of the same figure
    assert drawn == [["x = 1", "x"]]


def test_they_run_again_where_code_or_profile_has_changed(
    tmp_path: Path, drawn: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path)
    picture(tmp_path, before="2")
    assert drawn == [["x = 1", "x"], ["x = 2", "x"]]
    assert len(list((tmp_path / "cache" / "labs").iterdir())) == 1, "what is out of date is not kept"
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    picture(tmp_path, before="2")
    assert len(drawn) == 3


def test_both_files_are_written_and_light(tmp_path: Path, drawn: list[list[str]]) -> None:
    found = picture(tmp_path)
    assert found.finding == "Right is grey. left"
    whole, card = (tmp_path / "source" / name for name in (found.figure, found.card))
    assert whole.stat().st_size <= pictures.HEAVIEST and card.stat().st_size <= pictures.HEAVIEST_CARD
    assert Image.open(whole).width <= pictures.WIDEST
    pixels = np.asarray(Image.open(card).convert("L"))
    assert abs(pixels[100, 100] - 128) < 4, "the second panel comes first"


def test_a_wrong_panel_names_the_lab(tmp_path: Path, drawn: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="lab91_small: picture: there is no panel 3"):
        picture(tmp_path, tag="3")

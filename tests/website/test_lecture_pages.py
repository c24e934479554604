"""Lectures are executed once, and their outputs made fit for a page."""

from __future__ import annotations

import base64
import io
import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from website import cache, execution, lectures, outputs
from website.address import SiteAddress

MOVES = "<p>It moves in the notebook.</p>"


def png(size=(60, 40), colour="red") -> str:
    with io.BytesIO() as file:
        Image.new("RGB", size, colour).save(file, format="png")
        return base64.b64encode(file.getvalue()).decode()


def cleaned(tmp_path, *given):
    cell = new_code_cell("x", outputs=list(given))
    outputs.clean(cell, tmp_path / "site" / "02_noise", tmp_path / "cache", MOVES)
    return cell.outputs


def test_a_figure_becomes_a_file_beside_the_page_and_keeps_its_words(tmp_path):
    html = f'<img width="30" height="20" style="height: auto" alt="PSNR, 20 dB" src="data:image/png;base64,{png()}">'
    (output,) = cleaned(
        tmp_path, new_output("display_data", data={"text/html": html, "image/png": png(), "text/plain": "w"})
    )
    assert list(output.data) == ["text/html"]
    tag = output.data["text/html"]
    assert 'alt="PSNR, 20 dB"' in tag and 'width="30"' in tag and 'loading="lazy"' in tag and "base64" not in tag
    file = tmp_path / "site" / re.search(r'src="([^"]+)"', tag)[1]
    with Image.open(file) as image:
        assert image.format == "WEBP" and image.size == (60, 40)


def test_a_bare_picture_has_its_size_and_its_words(tmp_path):
    (output,) = cleaned(tmp_path, new_output("display_data", data={"image/png": png(), "text/plain": "two <curves>"}))
    tag = output.data["text/html"]
    assert 'alt="two &lt;curves&gt;"' in tag and 'width="60" height="40"' in tag


def test_a_widget_becomes_its_still_picture_and_a_word_that_it_moves(tmp_path):
    html = f'<img alt="noise" src="data:image/png;base64,{png()}">'
    view = {"version_major": 2, "version_minor": 0, "model_id": "1"}
    with_picture, without, questions = cleaned(
        tmp_path,
        new_output("display_data", data={outputs.WIDGET: view, "text/html": html, "text/plain": "Box()"}),
        new_output("display_data", data={outputs.WIDGET: view, "text/plain": "VBox(children=())"}),
        new_output("display_data", data={outputs.WIDGET: view, "text/plain": "1. What is twice x?"}),
    )
    assert "02_noise_files/" in with_picture.data["text/html"] and with_picture.data["text/html"].endswith(MOVES)
    assert dict(without.data) == {"text/html": MOVES}
    assert dict(questions.data) == {"text/plain": "1. What is twice x?"}


def test_no_bar_of_progress_and_no_warning_is_frozen_on_the_page(tmp_path):
    bar = "epoch 1:  50%|█████     | 1/2 [00:01<00:01]"
    given = [
        new_output("stream", name="stderr", text="UserWarning: x\n"),
        new_output("stream", name="stdout", text=f"{bar}\r\x1b[A\rPSNR 20 dB\n"),
        new_output("stream", name="stdout", text=f"{bar}\n"),
        new_output("display_data", data={"text/plain": bar}),
        new_output("display_data", data={"text/plain": ""}),
    ]
    (printed,) = cleaned(tmp_path, *given)
    assert printed.text == "PSNR 20 dB\n"


def test_noise_shrinks_with_loss_and_flat_colour_without(tmp_path):
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(noise).save(file, format="png")
        noisy = file.getvalue()
    small = outputs.as_webp(noisy, tmp_path)
    assert small.stat().st_size < 0.8 * len(noisy)
    with Image.open(outputs.as_webp(base64.b64decode(png()), tmp_path)) as flat:
        assert set(flat.convert("RGB").get_flattened_data()) == {(255, 0, 0)}


def test_pictures_that_nobody_uses_go_after_a_month(tmp_path):
    old, used, new = (tmp_path / name for name in ("old", "used", "new"))
    for path in (old, used, new):
        path.touch()
    for path in (old, used):
        os.utime(path, (0, 0))
    assert cache.used(used) and not cache.used(tmp_path / "none")
    cache.tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "used"]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    (tmp_path / "course_lib" / "noise").mkdir(parents=True)
    (tmp_path / "course_lib" / "noise" / "rice.py").write_text("sigma = 1\n")
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    cache.library.cache_clear()
    yield tmp_path
    cache.library.cache_clear()


def test_the_key_changes_with_text_profile_and_any_file_of_the_library(repository, monkeypatch):
    def key(*parts):
        cache.library.cache_clear()
        return cache.key(repository, *parts)

    keys = [key("a"), key("b"), key("a", ""), key("ab"), key("a", "b")]
    (repository / "course_lib" / "noise" / "rice.py").write_text("sigma = 2\n")
    keys.append(key("a"))
    (repository / "course_lib" / "noise" / "data.npz").write_bytes(b"\x00")
    keys.append(key("a"))
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    keys.append(key("a"))
    assert len(set(keys)) == len(keys)
    (repository / "course_lib" / "__pycache__").mkdir()
    (repository / "course_lib" / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert key("a") == keys[-1]


def test_a_lecture_is_executed_once(repository, monkeypatch):
    runs = []

    def run(notebook, name, *_):
        runs.append(name)
        return notebook

    monkeypatch.setattr(execution, "run", run)
    first, second = (new_notebook(cells=[new_code_cell(text)]) for text in ("1", "2"))
    for notebook in (first, first, second, second):
        assert execution.executed(notebook, "00_x", repository).cells[0].source == notebook.cells[0].source
    assert runs == ["00_x", "00_x"]
    assert len(list((repository / "kept" / "lectures").iterdir())) == 1, "the stale one is gone"


def test_a_cell_that_fails_is_named_with_its_lecture(repository):
    notebook = new_notebook(cells=[new_code_cell("import os"), new_code_cell("noise = 1\nnoise / 0")])
    with pytest.raises(execution.LectureError) as caught:
        execution.executed(notebook, "05_sampling", repository)
    assert re.search(r"05_sampling: .*\n    noise = 1\n    noise / 0\nZeroDivisionError: ", str(caught.value))
    assert not [path for path in (repository / "kept").rglob("*") if path.is_file()], "a failed run is not kept"


def test_long_code_is_folded_and_what_the_machine_is_stays_away(tmp_path):
    cells = [
        new_markdown_cell("# Lecture 99: X\n\nText with a [word](glossary.md)."),
        new_code_cell("start()", metadata={"tags": ["setup"]}, outputs=[new_output("stream", text="2 cores")]),
        new_code_cell("\n".join("x" * 30)),
        new_code_cell("short()", outputs=[new_output("stream", text="1\n")]),
    ]
    notebook = new_notebook(cells=cells, metadata={"widgets": {}})
    lectures.page(notebook, "99_x", tmp_path / "source", tmp_path / "cache", SiteAddress("", "", "main"))
    head, setup, long, short = notebook.cells
    assert "](/glossary.md)" in head.source and 'href="99_x.ipynb" download' in head.source
    assert setup.outputs == [] and "widgets" not in notebook.metadata
    assert long.metadata.mystnb.code_prompt_show == "Show the code, 30 lines"
    assert "tags" not in short.metadata and short.outputs[0].text == "1\n"
    nbformat.validate(notebook)

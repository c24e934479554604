"""The autograded notebook holds text and pictures, and nothing that runs where an instructor opens it."""

import json
import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("nbgrader")

import nbformat
from nbconvert import HTMLExporter

from course_staff.marking.autograded import MAX_BYTES, autograded_notebook, harmless_text
from course_staff.marking.lab import Lab
from course_staff.marking.restore import Restored

LAB = Lab("lab", ({"cell_type": "markdown", "id": "intro", "metadata": {}, "source": "<b>theirs</b>"},), ())
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea><svg onload=alert(1)>",
    "<!--><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVa\tScRiPt:alert(1))",
    "[x](&#106;avascript&colon;alert(1))",
    "<javascript:alert(1)>",
    "[x](javascript\\:alert(1))",
    "[x]: javascript\\:alert(1)\n\n[x]",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](data:text/html;base64,PHNjcmlwdD4=)",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\def\\a{javascript}\\href{\\a:alert(1)}{x}$",
]


def made(cells, outputs=None, messages=None):
    """The notebook of some cells, each given as (type, source)."""
    full = []
    for number, (kind, source) in enumerate(cells):
        cell = {"cell_type": kind, "id": f"c{number}", "metadata": {}, "source": source}
        full.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    runs = {cell["id"] for cell in full if cell["cell_type"] == "code"}
    text = autograded_notebook(Restored(full, runs), LAB, outputs or {}, messages or {})
    nbformat.validate(nbformat.reads(text, as_version=4))
    return text


def page(text):
    return HTMLExporter(template_name="basic").from_notebook_node(nbformat.reads(text, as_version=4))[0]


class Tags(HTMLParser):
    """What a browser sees in a page: tags, names of attributes, and the schemes of addresses."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.schemes = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            self.attributes.add(name)
            if name in ("href", "src"):
                address = re.sub(r"[\x00-\x20]", "", value or "")
                self.schemes |= {
                    match[1].lower() for match in [re.match(r"([A-Za-z][\w+.-]*):", address, re.A)] if match
                }


def test_the_parser_of_these_tests_sees_attacks():
    assert Tags("<a href='&#106;ava\tscript&colon;x'><script>").schemes == {"javascript"}
    assert "script" in Tags("<p><script>").tags and "onerror" in Tags("<img onerror=x>").attributes


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_a_student_writes_runs_in_the_page(attack, kind):
    shown = page(made([(kind, attack)]))
    found = Tags(shown)
    assert found.tags <= {"div", "p", "h1", "em", "strong", "code", "pre", "a", "img", "main", "body"}
    assert found.attributes <= {"class", "id", "href", "src", "alt", "title"}
    assert found.schemes <= {"", "https"}
    assert not re.search(r"\\(href|csname)", shown)


@pytest.mark.parametrize(
    "text", ["a < b and b > c", "$a &= b$, x & y", "`if a <3:`", "# Heading\n\n- **bold** [link](https://a.b/c?d=1&e)"]
)
def test_ordinary_text_stays_as_it_is(text):
    assert harmless_text(text) == text


@pytest.mark.parametrize("attack", ATTACKS)
def test_harmless_text_reads_as_before(attack):
    assert harmless_text(attack).replace("\u200b", "") == attack


def test_the_instructors_own_html_is_left_alone():
    cell = {"cell_type": "markdown", "id": "intro", "metadata": {}, "source": "<b>theirs</b>"}
    text = autograded_notebook(Restored([cell]), LAB, {}, {})
    assert json.loads(text)["cells"][0]["source"] == "<b>theirs</b>"


@pytest.mark.parametrize(
    "written",
    [
        "![a](attachment:a.png)",
        "![a](attachment\\:a.png)",
        "![a][b]\n\n[b]: attachment:a.png",
        "![a](<attachment:a b>)",
    ],
)
def test_a_picture_that_is_not_there_does_not_keep_the_page_from_opening(written):
    page(made([("markdown", f"My answer. {written}")]))


def test_a_picture_that_is_there_is_shown():
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
    cell = {
        "cell_type": "markdown",
        "id": "c",
        "metadata": {},
        "source": "![a](attachment:a.png) ![b](attachment:b.png)",
    }
    text = autograded_notebook(Restored([cell | {"attachments": {"a.png": {"image/png": dot}}}], set()), LAB, {}, {})
    assert f"data:image/png;base64,{dot}" in page(text) and "attachment:b.png" not in text


def test_outputs_keep_plain_text_and_pictures_only():
    data = {
        "text/html": "<script>alert(1)</script>",
        "application/javascript": "alert(1)",
        "image/svg+xml": "<svg onload=alert(1)>",
        "text/latex": "$x$",
        "text/markdown": "<script>",
        "image/png": "aGVsbG8=\n",
        "image/jpeg": '"><script>alert(1)</script>',
        "text/plain": "<b>plain</b>",
    }
    outputs = {
        "c0": [
            {"output_type": "display_data", "data": data, "metadata": {"x": 1}},
            {"output_type": "execute_result", "data": {"text/html": "<b>"}, "metadata": {}, "execution_count": 99},
            {"output_type": "stream", "name": "stdout", "text": "<script>alert(2)</script>\x00\ud800"},
            {"output_type": "error", "ename": "<i>", "evalue": "<i>", "traceback": ["<script>alert(3)</script>"]},
        ]
    }
    text = made([("code", "1")], outputs)
    shown = json.loads(text)["cells"][0]["outputs"]
    assert shown[0]["data"] == {"image/png": "aGVsbG8=\n", "text/plain": "<b>plain</b>"}
    assert shown[1]["data"] == {"text/plain": "[left out: text/html]"} and shown[1]["execution_count"] == 1
    assert "<script>alert" not in page(text)
    text.encode()


def test_a_test_that_failed_without_an_error_shows_its_message():
    cell = {"cell_type": "code", "id": "a_test", "metadata": {"nbgrader": {"grade_id": "a_test"}}, "source": "pass"}
    restored = Restored([cell | {"outputs": [], "execution_count": None}], {"a_test"})
    text = autograded_notebook(restored, LAB, {}, {"a_test": "wrong <b>"})
    (output,) = json.loads(text)["cells"][0]["outputs"]
    assert output["output_type"] == "error" and output["evalue"] == "wrong <b>"


def test_the_largest_outputs_go_first_and_errors_stay():
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}
    large = {"output_type": "stream", "name": "stdout", "text": "x" * MAX_BYTES}
    small = {"output_type": "stream", "name": "stdout", "text": "small"}
    text = made([("code", "1"), ("code", "2")], {"c0": [large, error], "c1": [small]})
    one, two = json.loads(text)["cells"]
    assert len(text) < MAX_BYTES * 0.1
    assert [output["output_type"] for output in one["outputs"]] == ["stream", "error"]
    assert two["outputs"] == [small]


def test_long_sources_are_cut_when_nothing_else_helps():
    text = made([("code", "# " + "x" * 900_000) for _ in range(4)])
    assert len(text) < MAX_BYTES * 1.1

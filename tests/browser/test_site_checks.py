"""What test_site.py trusts can fail: it finds planted solutions, dead links, other hosts, pictures without words."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from site_pages import broken_links, nameless_pictures, outside_loads, read_pages
from site_secrets import leaked, secrets, words

from course_staff.authoring.source import lab_sources

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME", "EXPLANATION")


@pytest.fixture(scope="module")
def secret():
    return secrets(ROOT, [])


def write(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    return folder.resolve()


def first_secret(secret, block: str) -> str:
    """A line that stands in such a block of a lab, as its source has it."""
    for path in lab_sources(ROOT):
        for found in re.findall(rf"### BEGIN {block}\n(.*?)### END {block}", path.read_text(encoding="utf-8"), re.S):
            for line in found.splitlines():
                if words(line) in secret:
                    return line.strip().removeprefix("# ")
    raise AssertionError(f"no lab has a secret line in a block {block}")


def coloured(line: str) -> str:
    """A line as Sphinx shows it: each word in a span of its own, Markdown's marks gone, a break somewhere."""
    pieces = re.sub(r"^- (?=\d)|[`*]", "", line).split(" ")
    return "<pre>" + "\n".join(f'<span class="n">{html.escape(piece)}</span>' for piece in pieces) + "</pre>"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_planted_solution_is_found(tmp_path, secret, block):
    line = first_secret(secret, block)
    site = write(tmp_path, clean="<p>nothing to see</p>", planted=f"<h1>Lab</h1>{coloured(line)}<p>after it</p>")
    found = leaked({name: page.text for name, page in read_pages(site).items()}, secret)
    assert found and all(told.startswith("planted.html") for told in found), line


def test_a_planted_wrong_answer_is_found(tmp_path, secret):
    path = sorted((ROOT / "solutions").glob("*.wrong.py"))[0]
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if words(line) in secret)
    assert leaked({"a page": line}, secret)


def test_what_students_may_read_is_no_secret(secret):
    line = first_secret(secret, "SOLUTION")
    assert words(line) not in secrets(ROOT, [f"an example: {line} and so on"])


def test_dead_links_and_anchors_are_found(tmp_path):
    one = (
        '<a href="two.html#there">right</a> <a href="two.html#gone">x</a> <a href="three.html">x</a> <a href="#">x</a>'
    )
    two = """<h2 id="there">There</h2> <img src="nowhere.png" alt="x"> <a href="../outside.html">x</a>
        <a href="/one.html">right</a> <a href="https://example.org/three.html">not ours</a>"""
    site = write(tmp_path, one=one, two=two)
    broken, count = broken_links(site, read_pages(site))
    assert [line.split(": ")[1] for line in broken] == ["three.html", "two.html#gone", "../outside.html", "nowhere.png"]
    assert count == 7


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<img src="//img.example.org/badge.svg" alt="x">',
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<div style="background: url(https://example.org/a.png)"></div>',
        "<style>@import 'https://example.org/a.css';</style>",
        '<img srcset="a.png 1x, https://example.org/a.png 2x" alt="x">',
    ],
)
def test_what_another_host_would_be_asked_for_is_found(tmp_path, body):
    site = write(tmp_path, one=body, two='<a href="https://example.org">a link asks for nothing</a>')
    found = outside_loads(site, read_pages(site).values())
    assert len(found) == 1 and found[0].startswith("one.html")


def test_style_sheets_are_read_too(tmp_path):
    site = write(tmp_path, one="")
    (site / "look.css").write_text(
        '@font-face { src: url("https://example.org/a.woff2") } p { background: url(a.png) }'
    )
    assert outside_loads(site, []) == ["look.css: https://example.org/a.woff2"]


@pytest.mark.parametrize("words_", ['alt="figure_3.png"', 'alt="3f2a9c0d1e4b5a6978"', 'alt="output_12_0"', ""])
def test_a_picture_without_words_is_found(tmp_path, words_):
    site = write(tmp_path, one=f'<img src="a.png" {words_}><img src="b.png" alt="a head"><img src="c.png" alt="">')
    assert len(list(nameless_pictures(read_pages(site)))) == 1

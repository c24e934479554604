"""What the site adds to Sphinx: descriptions, a 404 page for any depth, the sitemap; and the server that shows it."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request

from docutils import nodes

from website import extension, server


def test_a_description_is_the_first_real_sentence_and_ends_at_a_word():
    words = "The question of this lab: when a number says that an image is better, is it? " * 4
    doctree = nodes.document(None, None)
    for text in ("Short.", words):
        doctree += nodes.paragraph(text, text)
    found = extension.description(doctree)
    assert len(found) <= extension.LONGEST and found.endswith("…") and words.startswith(found[:-1])
    assert words[len(found) - 1] == " ", "cut between words"
    assert extension.description(nodes.document(None, None)) == ""


def test_the_404_page_finds_its_files_from_any_depth():
    page = (
        '<html data-content_root="./"><link href="_static/a.css"><a href="#main">m</a><a href="index.html">s</a>'
        '<a href="https://x.org">x</a><script src="./searchindex.js"></script><form action="search.html"></form>'
    )
    assert extension.from_anywhere(page, "/name/") == (
        '<html data-content_root="/name/"><link href="/name/_static/a.css"><a href="#main">m</a>'
        '<a href="/name/index.html">s</a><a href="https://x.org">x</a>'
        '<script src="/name/searchindex.js"></script><form action="/name/search.html"></form>'
    )


def test_the_sitemap_names_every_page():
    text = extension.sitemap("https://owner.github.io/name/", ["index", "labs/lab00_x"])
    assert "<loc>https://owner.github.io/name/labs/lab00_x.html</loc>" in text and text.count("<loc>") == 2


def test_the_server_shows_the_site_below_its_path_and_the_404_page_elsewhere(tmp_path):
    (tmp_path / "index.html").write_text("start")
    (tmp_path / "404.html").write_text("not here")
    with server.server(tmp_path, "/name/", port=0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{running.server_address[1]}"
        assert urllib.request.urlopen(f"{address}/name/").read() == b"start"
        for missing in ("/name/labs/deep/x.html", "/", "/other/index.html"):
            try:
                urllib.request.urlopen(address + missing)
            except urllib.error.HTTPError as error:
                assert error.code == 404 and error.read() == b"not here", missing
            else:
                raise AssertionError(missing)
        running.shutdown()

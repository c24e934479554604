"""What the site adds to Sphinx: files beside the pages, MathJax, descriptions, the social card, sitemap, a 404 page."""

from __future__ import annotations

import re
import shutil
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from website.address import SiteAddress
from website.social_card import SIZE, draw

CARD = "_static/social_card.png"
LONGEST = 160  # characters of a description that a search engine shows


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it."""
    app.connect("config-inited", _files_of_the_source)
    app.connect("html-page-context", _describe)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _files_of_the_source(app: Sphinx, config: Config) -> None:
    """What pages' makers put into _static goes there; what lies in _extra stands beside the pages."""
    for name, setting in (("_static", config.html_static_path), ("_extra", config.html_extra_path)):
        if Path(app.srcdir, name).is_dir():
            setting.append(str(Path(app.srcdir, name)))


def _describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """What search engines and messengers show of a page."""
    words = description(doctree) if doctree is not None else ""
    name = re.sub(r"<[^>]+>", "", context.get("title") or "")
    base = app.config.html_baseurl
    # a messenger needs the whole address; before the site has one, the way from this page
    image = urljoin(base, CARD) if base else "../" * page.count("/") + CARD
    properties = {
        "og:type": "website",
        "og:site_name": app.config.html_title,
        "og:title": name,
        "og:description": words,
        "og:image": image,
        "og:image:width": str(SIZE[0]),
        "og:image:height": str(SIZE[1]),
        "og:image:alt": app.config.html_title,
        "og:url": urljoin(base, f"{page}.html") if base else "",
    }
    tags = [f'<meta property="{key}" content="{escape(text)}">' for key, text in properties.items() if text]
    tags.append('<meta name="twitter:card" content="summary_large_image">')
    if words and 'name="description"' not in context.get("metatags", ""):
        tags.insert(0, f'<meta name="description" content="{escape(words)}">')
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


def description(doctree: nodes.document) -> str:
    """The first sentence or two of a page, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        words = " ".join(paragraph.astext().split())
        if len(words) > 40 and isinstance(paragraph.parent, (nodes.section, nodes.document)):
            cut = words if len(words) <= LONGEST else words[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
            return cut
    return ""


def _finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    _copy_mathjax(out / "_static" / "mathjax")
    draw(out / CARD)
    _drop_unused(out / "_static")
    if (out / "404.html").is_file():
        root = SiteAddress.of(Path(app.confdir).parent).root
        (out / "404.html").write_text(from_anywhere((out / "404.html").read_text(), root))
    if app.config.html_baseurl:
        pages = sorted(app.env.found_docs - {"404"})
        (out / "sitemap.xml").write_text(sitemap(app.config.html_baseurl, pages))


def _copy_mathjax(target: Path) -> None:
    """The one file that pages load, its fonts, and the few macros that it fetches when a formula needs them."""
    package = find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise RuntimeError("MathJax is not here: install the extra `site`")
    mathjax = Path(package.origin).parent / "static" / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(mathjax / "tex-chtml.js", target)
    for part in ("output/chtml/fonts/woff-v2", "input/tex/extensions"):
        shutil.copytree(mathjax / part, target / part, dirs_exist_ok=True)


def _drop_unused(static: Path) -> None:
    """Half of the site's bytes, which no page asks for: maps for the theme's authors, and icons as a script."""
    for path in {*static.rglob("*.map"), *static.glob("scripts/fontawesome.js*"), *static.glob("*macros.html")}:
        path.unlink()


def from_anywhere(page: str, root: str) -> str:
    """A page whose links begin at the site's root, for it is shown in place of whatever is missing, at any depth."""
    page = re.sub(r'(\b(?:href|src|action)=")(?![a-z]+:|[/#])(?:\./)?', rf"\g<1>{root}", page)
    return page.replace('data-content_root="./"', f'data-content_root="{root}"')


def sitemap(base: str, pages: list[str]) -> str:
    """The list of all pages for search engines."""
    rows = [f"  <url><loc>{escape(urljoin(base, page + '.html'))}</loc></url>" for page in pages]
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return "\n".join([head, *rows, "</urlset>", ""])

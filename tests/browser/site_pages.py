"""The pages of a built site, read without a browser: what they load, where their links lead, what they say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: What a browser fetches by itself, or may: tag -> attributes.
LOADS = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
LOADING_LINKS = {"stylesheet", "icon", "shortcut", "preload", "modulepreload", "prefetch", "manifest", "preconnect"}
#: What does not part the word before it from the word after it.
INLINE = {"a", "abbr", "b", "code", "em", "i", "kbd", "mark", "small", "span", "strong", "sub", "sup"}
IN_STYLES = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")
FILE_NAME = re.compile(r"\.(png|webp|jpe?g|svg|gif)$|^[0-9a-f]{16,}|^output_\d+", re.IGNORECASE)


@dataclass
class Page:
    """One page: file, anchors, addresses that it loads by itself, addresses that it leads to, pictures, words."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    pictures: list[dict[str, str | None]] = field(default_factory=list)
    text: str = ""


def read_pages(site: Path) -> dict[str, Page]:
    """All pages by their path inside the site."""
    return {path.relative_to(site).as_posix(): read_page(path) for path in sorted(site.rglob("*.html"))}


def read_page(path: Path) -> Page:
    reader = _Reader(Page(path))
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    reader.page.text = "".join(reader.words)
    return reader.page


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.words: list[str] = []
        self._inside = ""  # a script or a style, which nobody reads

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        page = self.page
        page.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        for name in LOADS.get(tag, ()):
            if value := given.get(name):
                page.loads += [part.split()[0] for part in value.split(",")] if name == "srcset" else [value]
        relation = set((given.get("rel") or "").split())
        if tag == "link" and relation & LOADING_LINKS and given.get("href"):
            page.loads.append(given["href"] or "")
        if tag == "a" and given.get("href"):
            page.links.append(given["href"] or "")
        if tag == "form" and given.get("action"):
            page.links.append(given["action"] or "")
        if tag == "img":
            page.pictures.append(given)
        page.loads += in_styles(given.get("style") or "")
        self._inside = tag if tag in ("script", "style") else ""
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self._part(tag)

    def _part(self, tag: str) -> None:
        if tag not in INLINE:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.page.loads += in_styles(data)
        elif not self._inside:
            self.words.append(data)


def in_styles(text: str) -> list[str]:
    """The addresses that a style sheet loads."""
    return [first or second for first, second in IN_STYLES.findall(text)]


def is_outside(address: str) -> bool:
    """Whether a browser would ask another host for it."""
    return bool(urlsplit(address).netloc)


def outside_loads(site: Path, pages: Iterable[Page]) -> list[str]:
    """What pages and style sheets would fetch from another host, a line each."""
    found = [f"{page.path.relative_to(site)}: {address}" for page in pages for address in page.loads]
    for path in site.rglob("*.css"):
        found += [f"{path.relative_to(site)}: {address}" for address in in_styles(path.read_text(encoding="utf-8"))]
    return [line for line in found if is_outside(line.split(": ", 1)[1])]


def broken_links(site: Path, pages: dict[str, Page], root: str = "/") -> tuple[list[str], int]:
    """Links and loads inside the site that lead nowhere, a line each, and how many were looked at.

    root: the path of the site on its host; the page for what is missing names others by it.
    """
    broken, count = [], 0
    for name, page in pages.items():
        for address in {*page.links, *page.loads}:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = _target(site, page, unquote(parts.path), root)
            if target is None or not target.is_file():
                broken.append(f"{name}: {address}: no such file")
            elif parts.fragment and target.suffix == ".html":
                other = pages[target.relative_to(site).as_posix()]
                if unquote(parts.fragment) not in other.anchors:
                    broken.append(f"{name}: {address}: no such anchor")
    return sorted(broken), count


def _target(site: Path, page: Page, path: str, root: str) -> Path | None:
    """The file of the site that a link of this page means; None where it leaves the site."""
    if not path:
        return page.path
    at = site / path.removeprefix(root) if path.startswith("/") else page.path.parent / path
    at = at.resolve()
    if not at.is_relative_to(site):
        return None
    return at / "index.html" if at.is_dir() else at


def nameless_pictures(pages: dict[str, Page]) -> Iterator[str]:
    """Pictures without an alternative text, or with one that only names a file."""
    for name, page in pages.items():
        for picture in page.pictures:
            words = picture.get("alt")
            if words is None or FILE_NAME.search(words.strip()):
                yield f"{name}: {picture.get('src')} is called {words!r}"

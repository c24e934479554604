"""Links between the repository's texts, rewritten for the site: to a page where there is one, to GitHub, or no link."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from website.address import SiteAddress

# Files that have a page of their own: path in the repository -> source of the page. Labs and lectures: `page_of`.
PAGES = {
    "README.md": "index.md",
    "labs/START.md": "labs/index.md",
    "labs/EXERCISES.md": "labs/index.md",
    "labs": "labs/index.md",
    "lectures": "lectures/index.md",
    "lectures/glossary.md": "glossary.md",
    "INSTRUCTORS.md": "instructors.md",
    "BENCHMARKS.md": "benchmarks.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "docs/decisions.md": "decisions.md",
    "CITATION.cff": "cite.md",
    "LICENSE": "licences.md",
    "LICENSE-texts": "licences.md",
    "course_lib/data/samples/README.md": "licences.md",
    "course_lib/models/trained/README.md": "licences.md",
}
_LAB = re.compile(r"labs/(lab\w+)/\1\.ipynb")
_LECTURE = re.compile(r"lectures/(\d\w+)\.(?:ipynb|py)")

# Code is masked before links are looked for: fenced blocks, then spans.
_CODE = re.compile(
    r"^( *)(`{3,}|~{3,})[^\n]*\n.*?^\1\2[^\n]*$|(?<!`)(`+)(?!`).+?(?<!`)\3(?!`)", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_MASKED = re.compile("\x00(\\d+)\x00")


def page_of(path: str) -> str | None:
    """The source of the page that shows a file of the repository; None where there is none."""
    path = path.rstrip("/")
    if lab := _LAB.fullmatch(path):
        return f"labs/{lab[1]}.ipynb"
    if lecture := _LECTURE.fullmatch(path):
        return f"lectures/{lecture[1]}.ipynb"
    return PAGES.get(path)


def rewritten(text: str, folder: str, address: SiteAddress) -> str:
    """Markdown whose relative links lead to pages of the site.

    folder: of the repository, in which the text lies; "" for its root.
    """
    return outside_code(text, lambda prose: _LINK.sub(lambda link: _link(link, folder, address), prose))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Markdown with its prose changed, and its code as it was."""
    code: list[str] = []

    def mask(found: re.Match[str]) -> str:
        code.append(found[0])
        return f"\x00{len(code) - 1}\x00"

    return _MASKED.sub(lambda found: code[int(found[1])], change(_CODE.sub(mask, text)))


def _link(link: re.Match[str], folder: str, address: SiteAddress) -> str:
    picture, words, target = link.groups()
    if re.match(r"[a-z]+:|#|/", target):
        return link[0]
    path, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(folder, path))
    page = page_of(path)
    if page and not picture:
        return f"[{words}](/{page}{'#' + anchor if anchor else ''})"
    if address.repository_url and not path.startswith(".."):
        return f"{picture}[{words}]({address.file(path)})"
    return words if picture or "\x00" in words or "`" in words else f"`{words}`"


def section(text: str, heading: str) -> str:
    """The part of a Markdown text below a heading such as "## Cite", up to the next of its level; without comments."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ValueError(f"there is no heading {heading!r}: the site takes the text below it")
    return re.sub(r"^<!-- [a-z]+:(begin|end) -->\n", "", found[1], flags=re.MULTILINE).strip("\n")


def read(repository: Path, path: str, address: SiteAddress) -> str:
    """A Markdown file of the repository, its links rewritten."""
    text = (repository / path).read_text(encoding="utf-8")
    return rewritten(text, posixpath.dirname(path), address)

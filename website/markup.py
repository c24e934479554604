"""Mends HTML that Sphinx writes and readers stumble over: an extension, `"website.markup"` in `extensions`.

A signature on several lines comes as a list that describes nothing, which a screen reader announces as one; and from
the source of a name that several modules offer, the way back to its entry may lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_SIGNATURE = re.compile(r'(<span class="sig-paren">\(</span>)\s*<dl>(.*?)</dl>', re.DOTALL)
_BACK = re.compile(r'<a class="viewcode-back" href="(?P<page>[^"#]*/)?(?P<file>[^"#/]+)\.html#(?P<name>[^"]+)">.*?</a>')


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls once."""
    app.connect("html-page-context", _mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _mend(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    if "body" not in context:
        return
    if page.startswith("_modules/"):
        places: dict[str, dict[str, str]] = {}
        for name, entry in app.env.domains.python_domain.objects.items():
            places.setdefault(entry.docname.rpartition("/")[2], {})[name] = entry.node_id
        context["body"] = with_ways_back(context["body"], places)
    else:
        context["body"] = with_lines(context["body"])


def with_lines(body: str) -> str:
    """A page's body with the parameters of long signatures as lines, not as a list."""
    return _SIGNATURE.sub(lambda found: found[1] + _parameters(found[2]), body)


def _parameters(items: str) -> str:
    lines = items.replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f'<span class="sig-lines">{lines.strip()}</span>'


def with_ways_back(body: str, places: Mapping[str, Mapping[str, str]]) -> str:
    """A page of source code whose ways back lead to entries. places: file of a page -> full name -> anchor."""

    def mended(found: re.Match[str]) -> str:
        entries = places.get(found["file"], {})
        # "course_lib.data.brains.cut" may stand as "course_lib.data.planes.cut", and a method as "….Class.method"
        parts = found["name"].split(".")
        for start in range(len(parts)):
            own = ".".join(parts[start:])
            for name, anchor in entries.items():
                if name == own or (start and name.endswith(f".{own}")):
                    return found[0].replace(f"#{found['name']}", f"#{anchor}")
        return ""

    return _BACK.sub(mended, body)

"""What Sphinx makes of the docstrings of `course_lib`: an extension, `"website.docstrings"` in `extensions`.

A single backtick is code, or a link where it names something public; "lab 04" is a link where the site has the lab.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from sphinx.util.nodes import make_refnode

from website.faces import LIBRARY, faces
from website.restructured import Link, rst

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment

# Where Array is explained: page and anchor.
ARRAYS = ("reference/index", "arrays")

# How entries look. They stand here, because the pages of `website.reference` lean on them.
SETTINGS: dict[str, Any] = {
    "add_module_names": False,
    "autodoc_inherit_docstrings": False,
    "autodoc_preserve_defaults": True,
    "autodoc_type_aliases": {},  # with them Sphinx writes Sequence[TypeAliasForwardRef('Array')]
    "autodoc_typehints": "signature",
    "autodoc_typehints_format": "short",
    "python_maximum_signature_line_length": 88,
    "python_use_unqualified_type_names": True,
}


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls once."""
    app.connect("config-inited", _set)
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _sign)
    app.connect("missing-reference", _array)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _set(app: Sphinx, config: Config) -> None:
    for name, value in SETTINGS.items():
        setattr(config, name, value)


def _process(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    labs = lab_pages(app.env.found_docs)
    lines[:] = rst("\n".join(lines), link=links(name, found), labs=labs).splitlines()


def _sign(
    app: Sphinx, what: str, name: str, found: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A list or dict that is made anew each time is an empty one."""
    shown = re.sub(
        r"\b(list|dict)(\[[^=]*\]) = <factory>",
        lambda kind: f"{kind[1]}{kind[2]} = {'[]' if kind[1] == 'list' else '{}'}",
        signature or "",
    )
    return shown or signature, returns


def _array(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> nodes.Node | None:
    """`Array` in a signature leads to the sentence that explains it."""
    if node.get("reftarget", "").rpartition(".")[2] not in ("Array", "AnyArray") or ARRAYS[0] not in env.found_docs:
        return None
    return make_refnode(app.builder, node["refdoc"], *ARRAYS, content)


def lab_pages(documents: Iterable[str]) -> dict[str, str]:
    """{"04": "labs/lab04_noise_and_classics"} of the labs among the documents of a site."""
    found = (re.fullmatch(r"labs/lab(\d\d[a-z]?)_\w+", document) for document in documents)
    return {match[1]: match[0] for match in found if match}


def links(name: str, found: Any) -> Link:
    """Make the function that says what a name in backticks means in one docstring.

    Args:
        name: full name of what the docstring belongs to, as "course_lib.noise.rician".
        found: the object itself; its own parameters and fields are no links.

    Returns:
        `f("metrics.psnr")` is "course_lib.metrics.psnr", `f("sigma")` None.
    """
    known = public_names()
    own = _own(found)
    pages = {f"{LIBRARY}.{face}" for face in faces()}
    parts = name.split(".")
    around = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]

    def meaning(text: str) -> str | None:
        if text.split(".")[0] in own:
            return None
        candidates = [text, *(f"{package}.{text}" for package in around)]
        if "." not in text and not inspect.ismodule(found):
            # `data` is a package where packages are spoken of, and a variable elsewhere
            candidates = [one for one in candidates if one not in pages]
        full = next((known[one] for one in candidates if one in known), None)
        return None if full == name else full

    return meaning


@cache
def public_names() -> dict[str, str]:
    """{full name, or capitalised name that only one thing has: full name of what it means}."""
    entries = [entry for face in faces().values() for entry in face.entries]
    names = {f"{LIBRARY}.{face}": f"{LIBRARY}.{face}" for face in faces()}
    names |= {
        f"{LIBRARY}.{face.name}.{name}": full for face in faces().values() for name, full in face.elsewhere.items()
    }
    for entry in entries:
        names[entry.full] = entry.full
        names |= {f"{entry.full}.{member}": f"{entry.full}.{member}" for member in entry.members}
    capitalised = [entry.name for entry in entries if entry.name[0].isupper()]
    return names | {entry.name: entry.full for entry in entries if capitalised.count(entry.name) == 1}


def _own(found: Any) -> set[str]:
    """What an object calls its parameters and fields."""
    names = set(getattr(found, "__annotations__", {})) if inspect.isclass(found) else set()
    try:
        return names | set(inspect.signature(found).parameters)
    except (TypeError, ValueError):
        return names

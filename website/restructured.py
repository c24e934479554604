"""A docstring in the form of this library, as reStructuredText.

They are written for an editor and for `help()`: sections as `tests/test_docstrings.py` has them, code in single
backticks, whatever stands further in is code. This takes the place of napoleon, which reads a type out of "The loss:
one number" and only one argument out of "sigma, parts: …".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

#: What a name in backticks means: its full name, or None where it is only code.
Link = Callable[[str], str | None]

SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises):$|(Source|Lab): (.*)")
ENTRY = re.compile(r"(\S.*?): +(\S.*)")
# ``literal``, :role:`name` and `code`; a link of reStructuredText ends with an underscore.
CODE = re.compile(r"``.+?``|`[^`]+`__?(?!\w)|(?::[\w:]+:)?`[^`]+`")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
LABS = re.compile(r"\b[Ll]abs? \d\d[a-z]?\b(?:(?:, | and | or | to )\d\d[a-z]?\b)*")
NUMBER = re.compile(r"\b\d\d[a-z]?\b")
EMPHASIS = r"(?<![\w*])(?:\*\w[^*]*(?<=\S)\*|\*\*\w[^*]*(?<=\S)\*\*)(?![\w*])"


def rst(docstring: str, *, link: Link, labs: Mapping[str, str]) -> str:
    """Turn a docstring into reStructuredText.

    Args:
        docstring: cleaned of its indent.
        link: what a name in backticks means.
        labs: {number: document} of the labs that have pages.

    Returns:
        The prose, then a list of fields: Parameters, Returns, Raises, Source, Lab.
    """
    prose, sections = split(docstring)
    fields = "\n".join(_field(name, lines, link, labs) for name, lines in sections)
    return "\n\n".join(part for part in (_prose(prose, link, labs), fields) if part) + "\n"


def split(docstring: str) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The lines of the prose, and (section, its lines) in their order."""
    prose: list[str] = []
    sections: list[tuple[str, list[str]]] = []
    for line in docstring.splitlines():
        head = SECTION.fullmatch(line)
        if head:
            sections.append((head[1] or head[2], [head[3]] if head[3] else []))
        elif sections:
            sections[-1][1].append(line)
        else:
            prose.append(line)
    return prose, sections


def first_sentence(docstring: str) -> str:
    """What a table says of a name."""
    paragraph = _join("\n".join(split(docstring)[0]).strip().partition("\n\n")[0].splitlines())
    sentence = re.match(r".*?[.?!](?= [A-Z`]|$)", paragraph)
    return sentence[0] if sentence else paragraph


def entries(lines: list[str]) -> list[tuple[str, list[str]]]:
    """(names, what they are and the points of a list below it) of a section with lines `    names: what`."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        entry = ENTRY.fullmatch(line.strip())
        if not line.startswith(" " * 8) and entry:
            found.append((entry[1], [entry[2]]))
        elif found and line.strip().startswith("- "):
            found[-1][1].append(line.strip().removeprefix("- "))
        elif found and line.strip():
            found[-1][1][-1] += f" {line.strip()}"
    return found


def inline(text: str, *, link: Link, labs: Mapping[str, str]) -> str:
    """Turn one paragraph into reStructuredText.

    Args:
        text: on one line.
        link, labs: as for `rst`.

    Returns:
        Code and links where the backticks are, links where labs are named; all else means what it says.
    """
    parts, place = [], 0
    for code in CODE.finditer(text):
        parts += [_words(text[place : code.start()], labs), _code(code[0], link)]
        place = code.end()
    parts.append(_words(text[place:], labs))
    for at in range(1, len(parts), 2):  # reStructuredText sees no code right beside a letter
        parts[at - 1] += "\\ " if re.search(r"[^\s(\[]$", parts[at - 1]) else ""
        parts[at + 1] = ("\\ " if re.match(r"[^\s.,;:!?)\]]", parts[at + 1]) else "") + parts[at + 1]
    # "J. Smith" or "- 1" at the beginning is no list
    return re.sub(r"^(\w{1,4})([.)] )|^([-+•] )", r"\1\\\2\3", "".join(parts))


def escape(text: str, *, but: str = r"(?!)") -> str:
    """Stars, bars, quotes and the like as they are; what matches `but` keeps its meaning."""
    return re.sub(rf"({but})|([*|\"\\]|_(?!\w))", lambda found: found[1] or f"\\{found[2]}", text)


def _field(name: str, lines: list[str], link: Link, labs: Mapping[str, str]) -> str:
    text = partial(inline, link=link, labs=labs)
    if name in ("Args", "Attributes", "Raises") and (found := entries(lines)):
        items = [f":{'Parameters' if name == 'Args' else name}:"]
        for names, (what, *points) in found:
            items.append(f"    * **{escape(names)}** -- {text(what)}")
            items += ["", *(f"      * {text(point)}" for point in points), ""] if points else []
        return "\n".join(items)
    if name == "Lab":
        return f":Lab: {_numbers(inline(_join(lines), link=link, labs={}), labs)}"
    return f":{name}: {text(_join(lines))}"


def _prose(lines: list[str], link: Link, labs: Mapping[str, str]) -> str:
    """Paragraphs; one that stands further in is code or a formula."""
    blocks = []
    for paragraph in re.split(r"\n(?:[ \t]*\n)+", "\n".join(lines).strip("\n")):
        if paragraph.startswith("    "):
            blocks.append(f".. code-block:: python\n\n{paragraph}")
        elif paragraph.startswith("- "):
            points = re.split(r"^- ", paragraph, flags=re.MULTILINE)[1:]
            blocks.append("\n".join(f"* {inline(_join(point.splitlines()), link=link, labs=labs)}" for point in points))
        else:
            blocks.append(inline(_join(paragraph.splitlines()), link=link, labs=labs))
    return "\n\n".join(blocks)


def _join(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())


def _code(code: str, link: Link) -> str:
    if code.startswith("``") or code.endswith("_"):
        return code
    text = code[code.index("`") + 1 : -1].removeprefix("~")
    name = text.removesuffix("()")
    full = link(name) if NAME.fullmatch(name) else None
    return f":py:obj:`{text} <{full}>`" if full else f"``{text}``"


def _words(text: str, labs: Mapping[str, str]) -> str:
    return LABS.sub(lambda found: _numbers(found[0], labs), escape(text, but=EMPHASIS))


def _numbers(text: str, labs: Mapping[str, str]) -> str:
    """Numbers of labs as links; "lab 04" is one link."""
    alone = re.fullmatch(r"[Ll]ab (\d\d[a-z]?)", text)
    if alone:
        return _lab(text, alone[1], labs)
    return NUMBER.sub(lambda number: _lab(number[0], number[0], labs), text)


def _lab(text: str, number: str, labs: Mapping[str, str]) -> str:
    return f":doc:`{text} </{labs[number]}>`" if number in labs else text

"""One student's feedback as an HTML page that runs nothing and fetches nothing.

Code and outputs are escaped; written answers go through nbconvert's Markdown and then through a list of allowed tags,
without links and pictures from elsewhere; of rich outputs only PNG and JPEG pictures are shown. Should something slip
through, the page's Content-Security-Policy still forbids scripts and any address.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from course_staff.gradebook.marks import number
from course_staff.marking.notebook import cells_of
from course_staff.reports.html import HEAD, STYLE

if TYPE_CHECKING:
    from course_staff.gradebook.marks import CellMark, Mark
    from course_staff.marking.grade import Graded
    from course_staff.marking.lab import GradedCell, Lab

LONGEST = 20_000  # characters of code
WRITTEN = 12_000  # characters of a written answer: about four pages
OUTPUT = 4_000  # characters of one output
PICTURE = 1_000_000  # bytes
HIDDEN_LINE = 12  # characters of a line of a hidden test below which it gives nothing away
_TAGS = {"p", "br", "hr", "em", "strong", "b", "i", "del", "sub", "sup", "code", "pre", "blockquote", "ul", "ol", "li"}
_TAGS |= {"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
_MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_COLOURS = re.compile(r"\x1b\[[0-9;:?]*[A-Za-z]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_STYLE = """\
body { max-width: 54rem } section { border: 1px solid #d5dae3; border-radius: 6px; padding: .2rem 1rem 1rem; margin: 1rem 0 }
section h2 { margin: .6rem 0 } section h2 b { float: right; font-weight: 600 } h3 { font-size: .95rem; margin: .8rem 0 .2rem }
pre { background: #f6f8fa; padding: .5rem .7rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 }
pre.error { background: #fdf0f0 } p.right { color: #14692b } p.wrong { color: #b3121d; white-space: pre-wrap; overflow-wrap: anywhere }
div.written { border-left: 3px solid #d5dae3; padding-left: .8rem; overflow-wrap: anywhere }
div.comment { background: #eef5ff; border-left: 4px solid #3b6ea8; padding: .3rem .8rem; margin-top: .6rem }
img { max-width: 100% } details { margin-top: .6rem } summary { cursor: pointer; color: #556 }
"""  # noqa: E501


def page(
    lab: Lab, mark: Mark, graded: Graded | None, reasons: list[str], explained: dict[str, str] | None = None
) -> str:
    """The whole page. reasons: why files of the student were rejected. explained: exercise -> Markdown."""
    name = " ".join(part for part in (mark.first, mark.last) if part) or mark.student
    parts = [
        HEAD.format(title=f"{escape(lab.name)}: {escape(name)}", style=STYLE + _STYLE + _highlighting()),
        f"<body>\n<h1>{escape(lab.name)}</h1>\n<p>{escape(name)}</p>",
    ]
    parts += [f'<p class="note">Not graded: {_text(reason)}</p>' for reason in reasons]
    if graded is not None and graded.rejected:
        parts.append(f'<p class="note">Your file could not be graded: {_text(graded.rejected)}</p>')
    elif graded is not None:
        parts += [_total(mark), *_sections(lab, mark, graded, explained or {})]
    return "\n".join([*parts, "</body>\n</html>\n"])


def _total(mark: Mark) -> str:
    words = f"<p><b>{number(mark.mark)} of {number(mark.points)} points</b>"
    if mark.penalty:
        days = f"{mark.days_late} day{'' if mark.days_late == 1 else 's'} late"
        words += f": {number(mark.raw)} for your answers, {number(mark.penalty)} taken off ({days})"
    if any(cell.waits for cell in mark.cells.values()):
        words += ". Your teacher has not graded all of it yet"
    return words + "</p>"


def _sections(lab: Lab, mark: Mark, graded: Graded, explained: dict[str, str]) -> list[str]:
    hidden = _hidden_lines(lab)
    cells = cells_of(graded.notebook)
    answers = {meta["grade_id"]: (source, cell) for meta, source, cell in cells if meta.get("solution")}
    parts = []
    for item in lab.graded:
        source, cell = answers.get(item.exercise, ("", {}))
        more = explained.get(item.exercise, "")
        parts.append(_exercise(item, mark.cells.get(item.name), source, cell, graded.messages, hidden, more))
    stopped = [
        (source, cell)
        for meta, source, cell in cells
        if not meta.get("grade") and not meta.get("solution") and _errors(cell)
    ]
    if stopped:
        parts.append("<h2>Other cells that stopped with an error</h2>")
        parts += [f"<section>\n{_code(source)}\n{_outputs(cell, hidden)}</section>" for source, cell in stopped[:20]]
    return parts


def _exercise(
    item: GradedCell,
    mark: CellMark | None,
    source: str,
    cell: dict,
    messages: dict[str, str],
    hidden: frozenset[str],
    explanation: str,
) -> str:
    score = None if mark is None else mark.score
    shown = "waits for your teacher" if score is None else f"{number(score)} of {number(item.points)}"
    message = _forget(messages.get(item.name, ""), hidden)
    parts = [f"<section>\n<h2>{escape(item.exercise)} <b>{shown}</b></h2>"]
    if not item.by_hand and score is not None:
        if score >= item.points:
            parts.append('<p class="right">Right.</p>')
        else:
            parts.append(f'<p class="wrong">{_text(message[:OUTPUT]) or "Not right."}</p>')
    elif message:
        parts.append(f"<p>{_text(message[:OUTPUT])}</p>")
    parts.append("<h3>Your answer</h3>")
    if not source.strip():
        parts.append("<p>There is none.</p>")
    elif cell.get("cell_type") == "code":
        parts += [_code(source), _outputs(cell, hidden)]
    else:
        parts.append(f'<div class="written">{_markdown(source)}</div>')
    if item.scheme and mark is not None and not mark.waits:
        parts.append(f"<h3>How it is marked</h3>\n{_markdown(item.scheme)}")
    if mark is not None and mark.comment:
        parts.append(f'<div class="comment"><b>Your teacher:</b> {_markdown(mark.comment)}</div>')
    if explanation:
        parts.append(f"<h3>Explanation</h3>\n{_markdown(explanation)}")
    if not item.by_hand:
        parts.append(f"<details><summary>The test, as you have it</summary>\n{_code(item.source)}</details>")
    return "\n".join([*parts, "</section>"])


def _hidden_lines(lab: Lab) -> frozenset[str]:
    """The lines that students must not see: of hidden tests, and the expressions of hidden values."""
    lines = set()
    for item in lab.graded:
        seen = {line.strip() for line in item.source.splitlines()}
        lines |= {line.strip() for line in item.full_source.splitlines()} - seen
        lines |= {value.expression.strip() for value in item.values}
    return frozenset(line for line in lines if len(line) >= HIDDEN_LINE)


def _forget(text: str, hidden: frozenset[str]) -> str:
    for line in sorted(hidden, key=lambda line: (-len(line), line)):
        text = text.replace(line, "[not shown]")
    return text


def _text(text: str) -> str:
    return escape(_CONTROLS.sub("\ufffd", _COLOURS.sub("", text)))


@lru_cache(maxsize=64)  # the tests are the same for all
def _code(source: str) -> str:
    """Highlighted by nbconvert, which escapes it."""
    from nbconvert.filters import Highlight2HTML

    source = source if len(source) <= LONGEST else source[:LONGEST] + "\n# (the rest is not shown)"
    try:
        return Highlight2HTML()(_CONTROLS.sub("\ufffd", source)).strip()
    except Exception:  # whatever a student's text does to a lexer, the page must come
        return f"<pre>{_text(source)}</pre>"


def _markdown(source: str) -> str:
    import bleach
    from nbconvert.filters import markdown2html

    if len(source) > WRITTEN:  # some tables take time that grows with the square
        source = source[:WRITTEN] + "\n\n(The rest is not shown.)"
    source = _CONTROLS.sub("\ufffd", source)
    try:
        return bleach.clean(markdown2html(source), tags=_TAGS, attributes={}, protocols=[], strip=True).strip()
    except Exception:  # as above; nesting too deep, for one
        return f"<pre>{_text(source)}</pre>"


def _errors(cell: dict) -> list[dict]:
    return [output for output in _list(cell.get("outputs")) if output.get("output_type") == "error"]


def _outputs(cell: dict, hidden: frozenset[str]) -> str:
    parts = []
    for output in _list(cell.get("outputs"))[:50]:
        kind = output.get("output_type")
        if kind == "stream":
            parts.append(_printed(output.get("text"), hidden))
        elif kind == "error":
            text = "\n".join(map(str, output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]))
            parts.append(_printed(text, hidden, kind="error"))
        elif isinstance(output.get("data"), dict):
            parts.append(_picture(output["data"]) or _printed(output["data"].get("text/plain"), hidden))
    return "\n".join(part for part in parts if part)


def _printed(value: Any, hidden: frozenset[str], kind: str = "") -> str:
    text = value if isinstance(value, str) else "".join(map(str, _list(value, str)))
    if not text.strip():
        return ""
    text = _forget(_COLOURS.sub("", text), hidden)
    if len(text) > OUTPUT:
        text = text[: OUTPUT // 2] + "\n… (not all is shown) …\n" + text[-OUTPUT // 2 :]
    return f'<pre class="{kind}">{_text(text)}</pre>'


def _picture(data: dict) -> str:
    """A PNG or JPEG that is one, and not too big."""
    for kind, magic in _MAGIC.items():
        encoded = data.get(kind)
        if not isinstance(encoded, str) or len(encoded) > 4 * PICTURE / 3:
            continue
        try:
            raw = base64.b64decode("".join(encoded.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        if raw.startswith(magic):
            return f'<p><img src="data:{kind};base64,{base64.b64encode(raw).decode()}" alt="your picture"></p>'
    return ""


def _list(value: Any, kind: type = dict) -> list:
    """The items that are of a kind: an output may be anything."""
    return [item for item in value if isinstance(item, kind)] if isinstance(value, list) else []


@cache
def _highlighting() -> str:
    from pygments.formatters import HtmlFormatter

    return HtmlFormatter().get_style_defs(".highlight")

"""The report as one HTML page: no script, nothing from elsewhere, every text escaped; it prints well."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from course_staff.gradebook.marks import BY_HAND, GRADED, MISSING, REJECTED, number
from course_staff.reports.html import HEAD, STYLE

if TYPE_CHECKING:
    from course_staff.reports.contents import Report, Row, Trouble


def page(report: Report) -> str:
    """The whole page."""
    parts = [
        HEAD.format(title=f"Report: {escape(report.lab)}", style=STYLE),
        f"<body>\n<h1>{escape(report.lab)}</h1>",
        _how(report.run),
        *(f'<p class="note">{escape(note)}</p>' for note in report.notes),
        _figures(report),
        _histogram(report),
        _exercises(report.exercises),
        _unnamed(report),
        _look(report),
        _students(report),
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _how(run: dict) -> str:
    """How it was graded; loud where there was no sandbox."""
    if not run:
        return '<p class="how">How it was graded is not known: there is no run.json.</p>'
    parts = []
    if run.get("started"):
        parts.append(f"graded {_time(run['started'])}")
    if isinstance(run.get("seconds"), (int, float)):
        parts.append(f"in {run['seconds']:.0f} s")
    if run.get("dask"):
        parts.append(f"by Dask at {run['dask']}")
    elif run.get("workers"):
        parts.append(f"by {run['workers']} worker{'' if run['workers'] == 1 else 's'}")
    if not run.get("unsafe"):
        how = run.get("sandbox") or "bubblewrap"
        cold = ", a fresh process for each submission, which is slower" if run.get("warm") is False else ""
        cold += f": {run['why_cold']}" if cold and run.get("why_cold") else ""
        parts.append(f"each submission in a sandbox ({how}){cold}")
    if run.get("late_penalty"):
        parts.append(f"late: {run['late_penalty']:.0%} of the mark for each started day")
    words = f'<p class="how">{escape("; ".join(map(str, parts)))}</p>'
    if run.get("interrupted"):
        words += '\n<p class="note">The run was interrupted: not all is graded. <code>--resume</code> goes on.</p>'
    if run.get("unsafe"):
        words = (
            '<p class="unsafe">UNSAFE: graded without a sandbox. Every submission ran with the rights of the person who'
            " graded, and could read the solution and change files and marks.</p>\n" + words
        )
    return words


def _time(text: str) -> str:
    """2026-11-21T14:24:32Z as people write it."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (TypeError, ValueError):
        return str(text)


def _figures(report: Report) -> str:
    marks = report.marks
    figures = [("students", str(len(report.rows)), ""), ("graded", str(report.count(GRADED)), "")]
    for status in (BY_HAND, MISSING, REJECTED):
        bad = "bad" if status == REJECTED and report.count(status) + len(report.unnamed) else ""
        count = report.count(status) + (len(report.unnamed) if status == REJECTED else 0)
        figures.append(("wait for a person" if status == BY_HAND and count != 1 else status, str(count), bad))
    if marks:
        figures.append((f"mean of {number(report.points)} points", f"{statistics.fmean(marks):.1f}", ""))
        figures.append(("median", f"{statistics.median(marks):.1f}", ""))
        figures.append(("least – most", f"{number(round(marks[0], 1))} – {number(round(marks[-1], 1))}", ""))
    waits = report.count(BY_HAND)
    if waits and marks:
        whose = "The mark of 1 submission is" if waits == 1 else f"The marks of {waits} submissions are"
        note = f"{whose} still without the points that a person gives."
        return _figure_list(figures) + f'\n<p class="note">{note}</p>'
    return _figure_list(figures)


def _figure_list(figures: list[tuple[str, str, str]]) -> str:
    items = "".join(f'<li class="{bad}"><b>{escape(value)}</b> {escape(name)}</li>' for name, value, bad in figures)
    return f'<ul class="figures">{items}</ul>'


def _histogram(report: Report) -> str:
    """How many students have which mark, in ten to twenty bars over whole points."""
    if not report.marks or not report.points:
        return ""
    step = max(1, round(report.points / 15))
    count = int(report.points // step) + 1
    bars = [0] * count
    for mark in report.marks:
        bars[min(count - 1, int(mark // step))] += 1
    width, height, tallest = 34, 110, max(bars)
    parts = []
    for position, students in enumerate(bars):
        size = round(height * students / tallest)
        low, high = position * step, min(position * step + step - 1, report.points)
        label = f"{low}" if step == 1 else f"{low}–{high:g}"
        x = position * width
        parts.append(f'<rect x="{x + 3}" y="{height + 16 - size}" width="{width - 6}" height="{size}" fill="#3b6ea8"/>')
        if students:
            parts.append(f'<text x="{x + width / 2}" y="{height + 12 - size}" text-anchor="middle">{students}</text>')
        parts.append(f'<text x="{x + width / 2}" y="{height + 31}" text-anchor="middle">{label}</text>')
    total = count * width
    return (
        f'<h2>Marks</h2>\n<svg width="{total}" height="{height + 40}" viewBox="0 0 {total} {height + 40}" role="img">'
        f"<title>Number of students with each mark, of {number(report.points)} points</title>{''.join(parts)}</svg>"
    )


def _exercises(exercises: list[Trouble]) -> str:
    """The exercises, hardest first."""
    rows = []
    for item in sorted(exercises, key=lambda item: (item.share is None, item.share or 0, item.exercise)):
        common = [
            f"<li><b>{count} {'student' if count == 1 else 'students'}</b>: {escape(words)}</li>"
            for words, count in item.mistakes[:6]
        ]
        rest = sum(count for _, count in item.mistakes[6:])
        common += [f"<li>{rest} more, otherwise</li>"] if rest else []
        rows.append(
            f"<tr><td>{escape(item.exercise)}{' <small>by hand</small>' if item.by_hand else ''}</td>"
            f'<td class="n">{number(item.points)}</td><td class="n">{_percent(item.full)}</td>'
            f'<td class="n">{_percent(item.share)}</td><td class="words">{_list(common)}</td></tr>'
        )
    head = '<th>exercise</th><th class="n">points</th><th class="n">full points</th><th class="n">mean</th>'
    return (
        f"<h2>Exercises, hardest first</h2>\n<table><thead><tr>{head}<th>what went wrong</th></tr></thead>\n<tbody>"
        + "\n".join(rows)
        + "</tbody></table>"
    )


def _list(items: list[str]) -> str:
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _unnamed(report: Report) -> str:
    if not report.unnamed:
        return ""
    rows = "\n".join(
        f'<tr class="rejected"><td class="words">{escape(file)}</td><td class="words">{escape(reason)}</td></tr>'
        for file, reason in report.unnamed
    )
    head = "<thead><tr><th>file</th><th>why it was rejected</th></tr></thead>"
    return f"<h2>Files that belong to no student</h2>\n<table>{head}\n<tbody>{rows}</tbody></table>"


def _look(report: Report) -> str:
    """What a person should look at: code that may meddle with the check, and answers that are right only with it."""
    rows = "\n".join(
        f'<tr><td class="who">{escape(row.student)}</td><td class="words">'
        f"{_list([f'<li>{escape(item)}</li>' for item in row.look])}</td></tr>"
        for row in report.rows
        if row.look
    )
    if not rows:
        return ""
    head = "<thead><tr><th>student</th><th>what stands there</th></tr></thead>"
    caption = (
        "Code that may change how tests run, read from its text, and tests that passed only with other cells around"
        " their answer. It is a lead, and took no point by itself: read the cells, and talk to the student."
    )
    return f"<h2>Look at these</h2>\n<table><caption>{caption}</caption>{head}\n<tbody>{rows}</tbody></table>"


def _students(report: Report) -> str:
    names = "".join(f'<th class="n">{escape(name.removesuffix("_test"))}</th>' for name in report.cells)
    head = f'<th>student</th><th class="n">mark</th>{names}<th class="n">seconds</th><th class="n">MB</th>'
    rows = "\n".join(_student(row, report.cells) for row in report.rows)
    return (
        "<h2>Students</h2>\n<table><caption>A missing or rejected submission has no mark: that is not 0 points until a"
        f" person says so. ? waits for a person.</caption>\n<thead><tr>{head}<th>what went wrong</th></tr></thead>"
        f"\n<tbody>{rows}</tbody></table>"
    )


def _student(row: Row, names: list[str]) -> str:
    mark = row.mark
    who = escape(row.student) + (f"<br><small>{escape(row.name)}</small>" if row.name else "")
    value = f"<b>{number(mark.mark)}</b>" if mark.mark is not None else f"<small>{escape(mark.status)}</small>"
    if mark.penalty and mark.mark is not None:
        value += f"<br><small>−{number(mark.penalty)} late</small>"
    cells = []
    for name in names:
        cell = mark.cells.get(name)
        if cell is None:
            cells.append("<td></td>")
        elif cell.score is None:
            cells.append('<td class="n waits">?</td>')
        else:
            kind = "n waits" if cell.waits else "n" if cell.score else "n zero"
            cells.append(f'<td class="{kind}">{number(cell.score)}</td>')
    seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
    megabytes = "" if row.megabytes is None else f"{row.megabytes:.0f}"
    told = [*row.words, *(["look at this: see above"] if row.look else [])]
    words = _list([f"<li>{escape(item)}</li>" for item in told])
    kind = {MISSING: "missing", REJECTED: "rejected"}.get(mark.status, "")
    return (
        f'<tr class="{kind}"><td class="who">{who}</td><td class="n">{value}</td>{"".join(cells)}'
        f'<td class="n">{seconds}</td><td class="n">{megabytes}</td><td class="words">{words}</td></tr>'
    )

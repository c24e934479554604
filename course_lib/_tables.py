"""One table of results, written as Markdown, LaTeX or HTML. What the numbers mean is `evaluation`'s business."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "±": r"$\pm$", "×": r"$\times$", "∞": r"$\infty$", "–": "--", "−": "$-$",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}",  # a bracket after the end of a row would be its argument
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows of text cells, the first one a name.

    Attributes:
        header: a name for each column.
        rows: the cells as text, row after row.
        bold: the (row, column) of the best values.
        caption: what stands with the table.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    bold: frozenset[tuple[int, int]]
    caption: str

    def markdown(self) -> str:
        """Aligned as text and, by GitHub and Jupyter, as a table; the caption stands below."""
        header = [_markdown(cell) for cell in self.header]
        rows = self._cells(_markdown, "**{}**")
        widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]
        rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
        lines = [
            "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |"
            for row in (header, rule, *rows)
        ]
        return "\n".join([*lines, "", _markdown(self.caption)])

    def latex(self) -> str:
        """A `table` environment that needs no package."""
        rows = [_latex(cell) for cell in self.header], *self._cells(_latex, r"\textbf{{{}}}")
        lines = [" & ".join(row) + r" \\" for row in rows]
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_latex(self.caption)}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(self.header) - 1)}}}",
                r"\hline",
                lines[0],
                r"\hline",
                *lines[1:],
                r"\hline",
                r"\end{tabular}",
                r"\end{table}",
            ]
        )

    def html(self) -> str:
        """A `<table>` with its caption, names left and numbers right."""
        lines = [
            "<table>",
            f'<caption style="caption-side: bottom; text-align: left">{html.escape(self.caption)}</caption>',
            "<thead>",
            _html_row("th", [html.escape(cell) for cell in self.header]),
            "</thead>",
            "<tbody>",
            *(_html_row("td", row) for row in self._cells(html.escape, "<b>{}</b>")),
            "</tbody>",
            "</table>",
        ]
        return "\n".join(lines)

    def _cells(self, escape: Callable[[str], str], bold: str) -> list[list[str]]:
        return [
            [bold.format(escape(cell)) if (i, j) in self.bold else escape(cell) for j, cell in enumerate(row)]
            for i, row in enumerate(self.rows)
        ]


class ShownAsTable:
    """What shows itself as the table that `_table()` makes: in a notebook, in text, on paper."""

    def _table(self) -> Table:
        raise NotImplementedError

    def markdown(self) -> str:
        """The table as Markdown."""
        return self._table().markdown()

    def latex(self) -> str:
        """The same as a LaTeX `table`; it needs no package."""
        return self._table().latex()

    def html(self) -> str:
        """The same as an HTML table."""
        return self._table().html()

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:  # a saved notebook keeps this beside the HTML: a table, no dump of tensors
        return self.markdown()


def decimals(values: Sequence[float]) -> int:
    """How many digits after the point a column needs: 2 for decibels, 3 for SSIM, more for a small error."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=1.0)
    if largest >= 10 or largest == 0:
        return 2
    return min(3 + max(0, -math.floor(math.log10(largest)) - 1), 9)


def number(value: float, digits: int) -> str:
    """A number as text; an infinite PSNR (no error at all) is ∞."""
    if math.isnan(value):
        return "–"
    return f"{value:.{digits}f}" if math.isfinite(value) else ("∞" if value > 0 else "−∞")


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]$~])", r"\\\1", " ".join(text.split()))


def _latex(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))


def _html_row(tag: str, cells: Sequence[str]) -> str:
    first, *rest = cells
    numbers = "".join(f'<{tag} style="text-align: right">{cell}</{tag}>' for cell in rest)
    return f'<tr><{tag} style="text-align: left">{first}</{tag}>{numbers}</tr>'

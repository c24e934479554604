"""What `leaderboard` found: one ranked table, the tables behind it, and pictures, as text and as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_lib._tables import ShownAsTable, Table, number
from course_lib.evaluation import NOISY, Comparison
from course_lib.models._card import Card

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REGIONS = ("brain", "whole image")
METRICS = {"PSNR": 2, "SSIM": 3}  # and their digits
BASELINE = "BM3D"
TAKEN = (NOISY, "noisy", "clean")


@dataclass(frozen=True, repr=False)
class Leaderboard(ShownAsTable):
    """What `leaderboard.evaluate` found; the last line of a cell shows the ranked table.

    Attributes:
        comparisons: {noise: `evaluation.Comparison`}: noisy, BM3D's forms, then the models, best first; empty where no
            file was a model.
        cards: {model: its card}, best first.
        refused: {file: why}.
        seed: of the noise.
        baselines: {noise: names of BM3D's forms}.
        heads: the name of the head that each slice comes from, in the slices' order.
    """

    comparisons: dict[str, Comparison]
    cards: dict[str, Card]
    refused: dict[str, str]
    seed: int
    baselines: Mapping[str, tuple[str, ...]]
    heads: tuple[str, ...] = ()

    @classmethod
    def ranked(
        cls,
        comparisons: dict[str, Comparison],
        cards: Mapping[str, Card],
        refused: dict[str, str],
        seed: int,
        baselines: Mapping[str, tuple[str, ...]],
        heads: tuple[str, ...] = (),
    ) -> Leaderboard:
        """The same with the best model first, everywhere."""
        board = cls(comparisons, dict(cards), refused, seed, baselines, heads)
        order = sorted(cards, key=board.score, reverse=True)
        return cls(
            {
                kind: _reordered(comparison, [NOISY, *baselines.get(kind, ()), *order])
                for kind, comparison in comparisons.items()
            },
            {name: cards[name] for name in order},
            refused,
            seed,
            baselines,
            heads,
        )

    def score(self, name: str) -> float:
        """What ranks: PSNR inside the brain in dB, the mean over the noises; names as for `value`."""
        return sum(self.value(name, kind, "PSNR", "brain") for kind in self.comparisons) / len(self.comparisons)

    def value(self, name: str, kind: str, metric: str = "PSNR", region: str = "brain") -> float:
        """Mean over slices, then heads, under one noise: of a model, or of "BM3D", which has the best of its forms."""
        # a head counts as much as another, however many slices it has
        comparison, heads = self.comparisons[kind], np.array(self.heads)
        rows = [heads == head for head in dict.fromkeys(self.heads)] or [slice(None)]
        scores = [comparison.per_slice(form, metric, region) for form in self._forms(name, kind)]
        return max(float(np.mean([score[some].mean() for some in rows])) for score in scores)

    def csv(self) -> str:
        """The same for a spreadsheet: a header, then a line for each row, numbers as measured."""
        lines = io.StringIO(newline="")
        writer = csv.writer(lines, lineterminator="\n")
        measured = [f"{kind} {metric} {region}" for kind, metric, region in self._columns()]
        writer.writerow(["rank", "model", "architecture", "parameters", "init", "score", *measured, "seconds a slice"])
        for rank, name in self._rows():
            card = self.cards.get(name)
            about = ["", "", ""] if card is None else [card.architecture, card.parameters, card.init]
            values = [f"{self.value(name, *column):.6g}" for column in self._columns()]
            writer.writerow([rank, name, *about, f"{self.score(name):.6g}", *values, f"{self._seconds(name):.3g}"])
        return lines.getvalue()

    def value_of_head(self, name: str, kind: str, head: str, metric: str = "PSNR", region: str = "brain") -> float:
        """As `value`, over the slices of one head: a name of `heads`."""
        rows = np.array(self.heads) == head
        if not rows.any():
            raise ValueError(f"head: expected one of {', '.join(dict.fromkeys(self.heads)) or 'none'}, got {head!r}")
        comparison = self.comparisons[kind]
        forms = self._forms(name, kind)
        return max(float(comparison.per_slice(form, metric, region)[rows].mean()) for form in forms)

    def by_head(self, kind: str, metric: str = "PSNR", region: str = "brain") -> Table:
        """A row a head, a column a method, under one noise; below them the mean and the standard deviation over heads.

        People differ: what a method gains on one head says little, what it gains on each of them says more.

        Args:
            kind: of noise.
            metric: "PSNR" or "SSIM".
            region: "brain" or "whole image".

        Returns:
            The table; of BM3D's forms, the best for each head.
        """
        names = [NOISY, *([BASELINE] if self.baselines.get(kind) else []), *self.cards]
        heads = list(dict.fromkeys(self.heads))
        values = np.array([[self.value_of_head(name, kind, head, metric, region) for name in names] for head in heads])
        rows = [
            [head, *(number(value, METRICS[metric]) for value in row)] for head, row in zip(heads, values, strict=True)
        ]
        bold = {(row, 1 + int(column)) for row, column in enumerate(values.argmax(axis=1))}
        if len(heads) > 1:
            rows.append(["mean", *(number(value, METRICS[metric]) for value in values.mean(axis=0))])
            rows.append(["sd", *(number(value, METRICS[metric]) for value in values.std(axis=0, ddof=1))])
        caption = (
            f"{kind.capitalize()} noise: {metric}, {region}, mean over the slices of each head; {len(heads)} heads."
        )
        if len(self.baselines.get(kind, ())) > 1:
            caption += f" {BASELINE}: the best of its forms for each head."
        return Table(["head", *names], rows, frozenset(bold), caption)

    def heads_csv(self) -> str:
        """A line for each head, noise and method, numbers as measured."""
        lines = io.StringIO(newline="")
        writer = csv.writer(lines, lineterminator="\n")
        columns = [(region, metric) for region in REGIONS for metric in METRICS]
        writer.writerow(["head", "slices", "noise", "model", *(f"{metric} {region}" for region, metric in columns)])
        for head in dict.fromkeys(self.heads):
            for kind in self.comparisons:
                for name in (NOISY, *([BASELINE] if self.baselines.get(kind) else []), *self.cards):
                    values = [self.value_of_head(name, kind, head, metric, region) for region, metric in columns]
                    writer.writerow([head, self.heads.count(head), kind, name, *(f"{value:.6g}" for value in values)])
        return lines.getvalue()

    def report(self) -> str:
        """Everything as Markdown: the ranked table, what was refused, the cards' words, each noise, and each head."""
        parts = ["# Leaderboard", self.markdown()]
        if self.refused:
            refusals = list(self.refused.items())
            parts.append(
                Table(["refused", "why"], refusals, frozenset(), "These files are not in the tables.").markdown()
            )
        if self.cards:
            rows = [
                [name, card.data, card.noise, "–" if card.seed is None else str(card.seed), (card.commit or "–")[:12]]
                for name, card in self.cards.items()
            ]
            caption = "As the cards say: their makers' word, not checked here."
            header = ["model", "trained on", "noise", "seed", "commit"]
            parts.append(Table(header, rows, frozenset(), caption).markdown())
        for kind, comparison in self.comparisons.items():
            parts += [f"## {kind.capitalize()} noise", comparison.markdown()]
            if len(set(self.heads)) > 1:
                parts.append("This table has means over all slices; the next one has means over heads.")
                parts.append(self.by_head(kind).markdown())
        return "\n\n".join(parts) + "\n"

    def panel(self, kind: str = "gaussian", *, best: int = 8, title: str | None = None) -> Figure:
        """One slice under this noise: noisy, BM3D, and the `best` models, each with its difference map below."""
        if kind not in self.comparisons:
            raise ValueError(f"kind: expected one of {', '.join(self.comparisons) or 'no noise'}, got {kind!r}")
        comparison = self.comparisons[kind]
        shown = ["clean", "noisy", *self.baselines.get(kind, ()), *list(self.cards)[:best]]
        pictures = {name: comparison.pictures[name] for name in shown}
        title = title or f"{kind.capitalize()} noise, slice {comparison.kept[0]}"
        return replace(comparison, pictures=pictures).panel(title=title)

    def write(self, folder: str | Path) -> list[Path]:
        """Write leaderboard.md, leaderboard.csv, NOISE.png and, of several heads, heads.csv into a folder.

        Args:
            folder: made where it is not there.

        Returns:
            The paths of the files.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        texts = {"leaderboard.md": self.report(), "leaderboard.csv": self.csv()}
        if len(set(self.heads)) > 1:
            texts["heads.csv"] = self.heads_csv()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        for kind in self.comparisons:
            self.panel(kind).savefig(folder / f"{kind}.png")
        return [folder / name for name in (*texts, *(f"{kind}.png" for kind in self.comparisons))]

    def _table(self) -> Table:
        header = ["rank", "model", "architecture", "parameters", "init", "score (dB)"]
        header += [f"{kind.capitalize()} {metric}, {region}" for kind, metric, region in self._columns()]
        rows = []
        for rank, name in self._rows():
            card = self.cards.get(name)
            about = ["–"] * 3 if card is None else [card.architecture, f"{card.parameters:,}", card.init]
            values = [number(self.value(name, *column), METRICS[column[1]]) for column in self._columns()]
            rows.append([rank or "–", name, *about, number(self.score(name), 2), *values, f"{self._seconds(name):.2g}"])
        bold = set()
        for column in range(5, len(header)):
            best = max((float(row[column]) for row in rows), default=0.0)
            bold |= {(place, column) for place, row in enumerate(rows) if float(row[column]) == best}
        return Table([*header, "s / slice"], rows, frozenset(bold), self._caption())

    def _caption(self) -> str:
        if not self.comparisons:
            return "No file was a model."
        noises = " and ".join(
            comparison.caption.partition("Noise: ")[2].partition(", seed")[0]
            for comparison in self.comparisons.values()
        )
        slices = len(next(iter(self.comparisons.values())).per_slice(NOISY))
        heads = max(1, len(set(self.heads)))  # who evaluates a tensor names none
        whose = "this head's" if heads == 1 else "these heads'"
        among = f" of {heads} heads, each of which counts as much as another" if heads > 1 else ""
        text = (
            f"Score: PSNR inside the brain, mean over the noises. {slices} slices{among}; noise: {noises}; seed"
            f" {self.seed}. PSNR in dB; SSIM of Wang et al. 2004. Outputs clipped to [0, 1], noisy images not. A small"
            f" difference may be {whose} own. Init: as the card says."
        )
        forms = max((len(self.baselines.get(kind, ())) for kind in self.comparisons), default=0)
        if forms > 1:
            text += f" {BASELINE} under Rician noise: the best of its {forms} corrected forms, in each column anew."
        return text

    def _columns(self) -> list[tuple[str, str, str]]:
        return [(kind, metric, region) for kind in self.comparisons for region in REGIONS for metric in METRICS]

    def _rows(self) -> list[tuple[str, str]]:
        """(rank, name), best first; BM3D stands among them without a rank."""
        names = [*self.cards, *([BASELINE] if self.comparisons and self.baselines else [])]
        ranks = {name: str(place) for place, name in enumerate(self.cards, 1)}
        return [(ranks.get(name, ""), name) for name in sorted(names, key=self.score, reverse=True)]

    def _forms(self, name: str, kind: str) -> tuple[str, ...]:
        return self.baselines[kind] if name == BASELINE and kind in self.baselines else (name,)

    def _seconds(self, name: str) -> float:
        found = [each.seconds[form] for kind, each in self.comparisons.items() for form in self._forms(name, kind)]
        return sum(found) / len(found)


def merged(comparisons: Sequence[Comparison]) -> Comparison:
    """Comparisons of different methods on the same noisy images as one."""
    first = comparisons[0]
    values = {
        region: {
            metric: {name: array for each in comparisons for name, array in each.values[region][metric].items()}
            for metric in by_metric
        }
        for region, by_metric in first.values.items()
    }
    seconds = {name: value for each in comparisons for name, value in each.seconds.items()}
    pictures = {name: value for each in comparisons for name, value in each.pictures.items()}
    return replace(first, values=values, seconds=seconds, pictures=pictures)


def names_of(paths: Sequence[Path]) -> dict[str, Path]:
    """A short name for each file, all different, that no table, spreadsheet or picture can take for a command."""
    stems = [clean(path.stem) for path in paths]
    named: dict[str, Path] = {}
    for stem, path in zip(stems, paths, strict=True):
        name = stem if stems.count(stem) == 1 else f"{clean(path.parent.name)}/{stem}"
        wanted, count = name, 1
        while name in named or name in TAKEN or name.startswith(BASELINE):
            count += 1
            name = f"{wanted} ({count})" if not wanted.startswith(BASELINE) else f"model {wanted} ({count})"
        named[name] = path
    return named


def one_line(text: str, longest: int = 400) -> str:
    """A message for a table or a terminal: one line, printable, not too long."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def clean(name: str) -> str:
    """A file's name for a table or a spreadsheet, which might take some for a command."""
    kept = "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in name)
    # a spreadsheet takes what begins with a minus for a formula
    return kept.strip(" .-_")[:40] or "model"


def _reordered(comparison: Comparison, order: Sequence[str]) -> Comparison:
    values = {
        region: {metric: {name: by_name[name] for name in order} for metric, by_name in by_metric.items()}
        for region, by_metric in comparison.values.items()
    }
    return replace(comparison, values=values)

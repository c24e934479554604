"""What `evaluation` found: results that show themselves as tables and figures."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib._checks import check_count
from course_lib._tables import ShownAsTable, Table, decimals, number
from course_lib.viz import method_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The first row of a table of denoisers.
NOISY = "noisy (not clipped)"
#: The first row of a table of reconstructions.
ZERO_FILLED = "zero-filled"
UNITS = {"PSNR": " (dB)", "SNR": " (dB)"}


@dataclass(frozen=True, repr=False)
class Comparison(ShownAsTable):
    """What `compare` or `compare_reconstructions` found; the last line of a cell shows it as a table, mean ± sd.

    Attributes:
        values: {region: {metric: {method: array (repeats, slices)}}}; the first method is the noisy or zero-filled
            image.
        seconds: {method: seconds a slice}.
        kept: the slices whose pictures are kept.
        pictures: {"clean", "noisy" and each method: tensor (len(kept), C, H, W)}, not clipped, of the first seed;
            reconstructions have no "noisy", and may be complex.
        caption: all that a reader of the table has to know.
        published, lower_is_better: as given to `compare`.
    """

    values: dict[str, dict[str, dict[str, np.ndarray]]]
    seconds: dict[str, float]
    kept: tuple[int, ...]
    pictures: dict[str, torch.Tensor]
    caption: str
    published: Mapping[str, Mapping[str, float]]
    lower_is_better: tuple[str, ...]

    @property
    def methods(self) -> list[str]:
        """The names of the rows; the first one is the noisy or zero-filled image."""
        return [*next(iter(next(iter(self.values.values())).values()))]

    def per_slice(self, method: str, metric: str = "PSNR", region: str | None = None) -> np.ndarray:
        """One value a slice, averaged over the repeats: what a paired test needs.

        Args:
            method, metric: names in the table.
            region: None is the first one.

        Returns:
            (slices,), in units of the metric.

        Raises:
            ValueError: a name that is not in the table.
        """
        return _entry(self.values, method, metric, region).mean(axis=0)

    def mean(self, method: str, metric: str = "PSNR", region: str | None = None) -> float:
        """Mean over slices. Names as for `per_slice`."""
        return float(self.per_slice(method, metric, region).mean())

    def sd(self, method: str, metric: str = "PSNR", region: str | None = None) -> float:
        """Standard deviation over slices, that of a sample (divided by slices - 1); nan for one slice."""
        return _sd(self.per_slice(method, metric, region))

    def panel(
        self,
        image: int | None = None,
        *,
        columns: int = 5,
        difference_range: float | None = None,
        title: str | None = None,
        frame: int = 0,
        window: tuple[float, float] | None = None,
    ) -> Figure:
        """One slice under all methods, each with its difference map below, `columns` of them to a row.

        PSNR and SSIM are those of the whole slice. Of complex images the magnitude is shown.

        Args:
            image: the number of the slice, one of `kept`; None is the first of them.
            columns: how many pictures stand in a row.
            difference_range: where the maps saturate; by default 99.5 % of the methods' pixels fit in.
            title: of the figure.
            frame: of a film (T, H, W), the one to show.
            window: (low, high), the values that are black and white; `viz.window(clean)` fits it to a head.

        Returns:
            The figure.

        Raises:
            ValueError: a slice that was not kept.

        Source: attention U-Net deck, Fig. 4.
        Lab: 04.
        """
        image = self.kept[0] if image is None and self.kept else image
        if image not in self.kept:
            raise ValueError(f"image: expected one of the kept slices {list(self.kept)}, got {image!r}")
        frames = self.pictures["clean"].shape[1]
        if check_count(frame, "frame", low=0) >= frames:
            raise ValueError(f"frame: expected a number below {frames}, got {frame}")
        place = self.kept.index(image)
        shown = {name: pictures[place, frame] for name, pictures in self.pictures.items()}
        if "noisy" not in shown:  # reconstructions: what is scored is the magnitude
            shown = {name: picture.abs() for name, picture in shown.items()}
        arrays = {name: picture.cpu().numpy() for name, picture in shown.items()}
        title = title or f"slice {image}" + (f", frame {frame}" if frames > 1 else "")
        return method_panel(
            arrays.pop("clean"), arrays, columns=columns, difference_range=difference_range, title=title, window=window
        )

    def _table(self) -> Table:
        names = self.methods + [name for name in self.published if name not in self.methods]
        several = len(self.values) > 1
        header, columns = ["method"], []
        bold: set[tuple[int, int]] = set()

        def add(title: str, cells: list[str], means: list[float], metric: str) -> None:
            header.append(title)
            columns.append(cells)
            sign = -1 if metric in self.lower_is_better else 1
            best = max((sign * value for value in means if not math.isnan(value)), default=math.nan)
            bold.update((row, len(columns)) for row, value in enumerate(means) if sign * value == best)

        for region, by_metric in self.values.items():
            for metric, by_method in by_metric.items():
                one = {name: array.mean(axis=0) for name, array in by_method.items()}  # (repeats, slices) -> (slices,)
                digits = decimals([values.mean() for values in one.values()])
                means = [round(float(one[name].mean()), digits) if name in one else math.nan for name in names]
                cells = [_mean_and_sd(one[name], digits) if name in one else "–" for name in names]
                add(f"{metric}{UNITS.get(metric, '')}" + (f", {region}" if several else ""), cells, means, metric)
        for metric in dict.fromkeys(metric for row in self.published.values() for metric in row):
            means = [float(self.published.get(name, {}).get(metric, math.nan)) for name in names]
            cells = ["–" if math.isnan(value) else f"{value:g}" for value in means]
            add(f"{metric}{UNITS.get(metric, '')}, published", cells, means, metric)
        header.append("s / slice")
        columns.append([f"{self.seconds[name]:.2g}" if name in self.seconds else "–" for name in names])
        return Table(header, list(zip(names, *columns, strict=True)), frozenset(bold), self.caption)


@dataclass(frozen=True, repr=False)
class Tuning(ShownAsTable):
    """What `tune` found: use it as `filters.median(noisy, sigma, **tuning.best)`.

    Attributes:
        best: {parameter: value}.
        tried: [({parameter: value}, score, seconds a slice)], the best one first.
        at_edge: the parameters whose best value is the smallest or largest one tried: widen their grid.
        caption: of the table.
    """

    best: dict[str, Any]
    tried: list[tuple[dict[str, Any], float, float]]
    at_edge: tuple[str, ...]
    caption: str

    def _table(self) -> Table:
        digits = decimals([score for _, score, _ in self.tried])
        rows = [
            [*(as_text(value) for value in parameters.values()), number(score, digits), f"{seconds:.2g}"]
            for parameters, score, seconds in self.tried
        ]
        return Table([*self.best, "score", "s / slice"], rows, frozenset({(0, len(self.best))}), self.caption)


@dataclass(frozen=True, repr=False)
class Sweep:
    """What `sweep` found: one `Comparison` for each noise level.

    Attributes:
        levels: the noise levels.
        comparisons: one for each level, in the same order.
    """

    levels: tuple[float, ...]
    comparisons: tuple[Comparison, ...]

    def __repr__(self) -> str:
        levels = ", ".join(map(as_text, self.levels))
        return f"Sweep of {len(self.comparisons[0].seconds)} methods over sigma {levels}: see .figure() and .values()"

    def values(self, method: str, metric: str = "PSNR", region: str | None = None) -> np.ndarray:
        """Means over slices, (repeats, levels): what `viz.curve_with_errors` draws. Names as in `Comparison`."""
        found = [_entry(comparison.values, method, metric, region).mean(axis=1) for comparison in self.comparisons]
        return np.stack(found, axis=1)

    def figure(
        self,
        metric: str = "PSNR",
        region: str | None = None,
        *,
        methods: Collection[str] | None = None,
        title: str | None = None,
    ) -> Figure:
        """A curve for each method (default: all and the noisy image) against the noise level, error bars over seeds."""
        from course_lib import viz

        first = self.comparisons[0]
        names = first.methods if methods is None else methods
        where = next(iter(first.values)) if region is None else region
        return viz.curve_with_errors(
            self.levels,
            {name: self.values(name, metric, region) for name in names},
            xlabel="noise level sigma (data range 1)",
            ylabel=f"{metric}{UNITS.get(metric, '')}, {where}",
            title=title,
        )


def _entry(values: Mapping, method: str, metric: str, region: str | None) -> np.ndarray:
    """The array (repeats, slices) of one method, or a message that says which names there are."""
    for kind, name in (("region", next(iter(values)) if region is None else region), ("metric", metric)):
        if name not in values:
            raise ValueError(f"{kind}: expected one of {', '.join(map(repr, values))}, got {name!r}")
        values = values[name]
    if method not in values:
        raise ValueError(f"method: expected one of {', '.join(map(repr, values))}, got {method!r}")
    return values[method]


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 and np.isfinite(values).all() else math.nan


def _mean_and_sd(values: np.ndarray, digits: int) -> str:
    mean, sd = number(float(values.mean()), digits), _sd(values)
    return mean if math.isnan(sd) else f"{mean} ± {number(sd, digits)}"


def as_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)

"""Is the difference between two methods more than chance? The paired t-test, its effect size, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib._checks import check_number
from course_lib._tables import ShownAsTable, Table, decimals, number
from course_lib.evaluation.results import UNITS, Comparison


@dataclass(frozen=True)
class PairedTest:
    """What `paired_test` found, for the differences d = first - second.

    Attributes:
        count: of pairs.
        difference, sd: mean and standard deviation (of a sample) of d, in units of the values.
        t, p: of the paired t-test, two-sided.
        effect_size: Cohen's d_z = difference / sd, without unit.
        low, high: confidence interval of the mean difference.
    """

    count: int
    difference: float
    sd: float
    t: float
    p: float
    effect_size: float
    low: float
    high: float


def paired_test(first: Any, second: Any, *, confidence: float = 0.95) -> PairedTest:
    """Student's paired t-test of two methods on the same images: is the mean difference 0?

    `t = mean(d) / (sd(d) / √n)` for d = first - second, with n - 1 degrees of freedom. Images differ more than methods
    do: an unpaired test would drown a small, steady difference. The pairs must be independent; slices of one volume are
    not, see `groups` of `paired_tests`.

    Args:
        first, second: one finite value an image, (n,), in the same order, n ≥ 2.
        confidence: of the interval, in (0, 1).

    Returns:
        The test. Equal differences (sd 0): t is infinite and p 0, or, where all are 0, t and p are nan; as in SciPy.

    Raises:
        ValueError: bad input.

    Source: Student 1908; Cohen 1988, d_z; healthy-brain thesis, results.
    Lab: 06.
    """
    from scipy.stats import t as student

    confidence = check_number(confidence, "confidence", low=0, high=1)
    if confidence in (0.0, 1.0):
        raise ValueError(f"confidence: expected a number between 0 and 1, as 0.95, got {confidence:g}")
    first, second = _values(first, "first"), _values(second, "second")
    if first.shape != second.shape or len(first) < 2:
        raise ValueError(f"first and second: expected at least two pairs, got {len(first)} and {len(second)} values")
    d = first - second
    count, mean, sd = len(d), float(d.mean()), float(d.std(ddof=1))
    error = sd / math.sqrt(count)
    t = _ratio(mean, error)
    half = error * float(student.ppf((1 + confidence) / 2, count - 1))
    p = 2 * float(student.sf(abs(t), count - 1))
    return PairedTest(count, mean, sd, t, p, _ratio(mean, sd), mean - half, mean + half)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's correction of m tests made together: the smallest p times m, the next one times m - 1, ...

    Corrected values never fall from one to the next larger p, and are at most 1. Below 0.05, the chance that even one
    of all such findings is false is at most 5 %, however the tests depend on each other.

    Args:
        p_values: (m,) in [0, 1]. nan is a test that could not be made: it stays nan and is not counted in m.

    Returns:
        The corrected values, (m,), in the order given.

    Raises:
        ValueError: bad input.

    Source: Holm 1979.
    Lab: 06.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or np.any((p < 0) | (p > 1)):
        raise ValueError(f"p_values: expected a list of numbers from 0 to 1, got {p_values!r}")
    order = np.argsort(p)  # nan come last
    order = order[: np.count_nonzero(~np.isnan(p))]
    factors = np.arange(len(order), 0, -1)  # m, m - 1, ..., 1
    corrected = np.full(len(p), math.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected


@dataclass(frozen=True, repr=False)
class PairedTests(ShownAsTable):
    """What `paired_tests` found; the last line of a cell shows it as a table, bold where Holm's p < 1 - confidence.

    Attributes:
        reference: the method that the others are tested against.
        metric: what was compared.
        tests: {method: PairedTest of method - reference}.
        means: {method: mean}, the reference's too.
        corrected: {method: Holm's p}.
        confidence: of the intervals.
        caption: of the table.
    """

    reference: str
    metric: str
    tests: dict[str, PairedTest]
    means: dict[str, float]
    corrected: dict[str, float]
    confidence: float
    caption: str

    def _table(self) -> Table:
        unit = UNITS.get(self.metric, "")
        interval = f"{100 * self.confidence:g} % interval"
        header = [
            "method", f"{self.metric}{unit}", f"difference{unit}", "sd", interval, "t", "p", "p (Holm)", "d_z",
        ]  # fmt: skip
        digits = decimals(list(self.means.values()))
        fine = max(decimals([test.difference for test in self.tests.values()]), digits)
        rows = [[self.reference, number(self.means[self.reference], digits), *["–"] * 7]]
        for name, test in self.tests.items():
            rows.append(
                [
                    name,
                    number(self.means[name], digits),
                    _signed(test.difference, fine),
                    number(test.sd, fine),
                    f"{_signed(test.low, fine)} to {_signed(test.high, fine)}",
                    number(test.t, 2),
                    _probability(test.p),
                    _probability(self.corrected[name]),
                    number(test.effect_size, 2),
                ]
            )
        found = frozenset((row, 2) for row, p in enumerate(self.corrected.values(), start=1) if p < 1 - self.confidence)
        return Table(header, rows, found, self.caption)


def paired_tests(
    comparison: Comparison,
    *,
    reference: str,
    metric: str = "PSNR",
    region: str | None = None,
    groups: Sequence[Any] | None = None,
    confidence: float = 0.95,
) -> PairedTests:
    """Every method of a comparison against one of them, image by image, with Holm's correction over the methods.

    The noisy or zero-filled image is left out unless it is the reference. Values are means over the repeats.

    Args:
        comparison: what `compare` found.
        reference: the name of a method.
        metric, region: as in `Comparison.per_slice`.
        groups: the volume (or person) of each slice, (slices,). Slices of one head rise and fall together, so as
            separate pairs they make every p too small; with groups the pairs are the volumes' means.
        confidence: of the intervals; 1 - confidence is where p (Holm) counts as found.

    Returns:
        A test for each method.

    Raises:
        ValueError: bad input, an infinite PSNR among it.

    Source: Holm 1979; healthy-brain thesis, results (dependent t-test).
    Lab: 06.
    """
    where = next(iter(comparison.values)) if region is None else region
    values = {name: comparison.per_slice(name, metric, region) for name in comparison.methods}
    start = comparison.methods[0]
    if reference not in values:
        raise ValueError(f"reference: expected one of {', '.join(map(repr, values))}, got {reference!r}")
    for name, slices in values.items():
        if name != start or reference == start:
            _values(slices, f"{metric} of {name!r}")
    if groups is not None:
        values = {name: _group_means(slices, groups) for name, slices in values.items()}
    others = [name for name in values if name not in (reference, start)]
    if not others:
        raise ValueError(f"comparison: expected at least one method beside the reference {reference!r}, got none")
    tests = {name: paired_test(values[name], values[reference], confidence=confidence) for name in others}
    corrected = holm([test.p for test in tests.values()])
    pairs = f"{len(values[reference])} {'slices' if groups is None else 'volumes (means over their slices)'}"
    caption = (
        f"Paired t-tests, {metric}, {where}, {pairs}: each method minus {reference}. sd: of the differences."
        f" p: two-sided. Holm: corrected for {np.isfinite(corrected).sum()} tests. d_z: mean difference / sd."
        f" Bold: p (Holm) below {1 - confidence:.2g}."
    )
    if groups is None:
        caption += " The slices are taken as independent; slices of one volume are not."
    means = {name: float(values[name].mean()) for name in (reference, *others)}
    return PairedTests(
        reference, metric, tests, means, dict(zip(others, corrected.tolist(), strict=True)), confidence, caption
    )


def _values(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not np.isfinite(array).all():
        got = f"shape {array.shape}" if array.ndim != 1 else "NaN or infinity"
        raise ValueError(f"{name}: expected one finite value an image, (n,), got {got}")
    return array


def _group_means(values: np.ndarray, groups: Sequence[Any]) -> np.ndarray:
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    if index.shape != values.shape:
        raise ValueError(f"groups: expected one volume a slice ({len(values)}), got {np.shape(groups)}")
    return np.bincount(index, values) / np.bincount(index)  # (slices,) -> (volumes,)


def _ratio(mean: float, spread: float) -> float:
    if spread == 0:
        return math.copysign(math.inf, mean) if mean else math.nan
    return mean / spread


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}"


def _probability(p: float) -> str:
    if math.isnan(p):
        return "–"
    return f"{p:.2g}" if p >= 1e-99 else "<1e-99"

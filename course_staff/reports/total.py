"""`course grade total`: one number for each student from the marks of all labs, weighted, and how the class did.

A lab counts by the share of its points that a student has, times its weight. So no lab counts more because it happens
to have more points, unless no weights are given: then each lab weighs what its points are, and the total is their sum.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from course_staff.gradebook.extensions import refresh_penalties
from course_staff.gradebook.marks import BY_HAND, Mark, number, read_marks
from course_staff.reports.export import table

if TYPE_CHECKING:
    from course_staff.course import Course

EMPTY, ZERO = "empty", "0"


@dataclass(frozen=True)
class Row:
    """One student. marks: of each lab. dropped: labs that do not count. total: percent, None if a mark is missing."""

    student: str
    marks: dict[str, Mark]
    dropped: tuple[str, ...] = ()
    total: float | None = None

    @property
    def waits(self) -> bool:
        return any(mark.status == BY_HAND for mark in self.marks.values())


@dataclass
class Total:
    """The class. weights: of the labs that count; left_out: labs of the table of weights that have no marks yet."""

    weights: dict[str, float]
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def as_csv(self) -> str:
        """A row for each student: the marks, what was dropped, the total in percent."""
        labs = list(self.weights)
        header = ["student", "last_name", "first_name", "email", *labs, "dropped", "status", "total_percent"]
        lines: list[list[str]] = [header]
        for row in self.rows:
            one = next(iter(row.marks.values()))
            marks = [number(row.marks[lab].mark) for lab in labs]
            status = "waits for a person" if row.waits else "" if row.total is not None else "a mark is missing"
            who = [row.student, one.last, one.first, one.email]
            lines.append([*who, *marks, " ".join(row.dropped), status, _percent(row.total)])
        return table(lines)

    def statistics(self) -> str:
        """How the class did, in words."""
        lines = [f"{len(self.rows)} students, {', '.join(self._weights())}"]
        for lab in self.weights:
            shares = [100 * share for row in self.rows if (share := _share(row.marks[lab])) is not None]
            missing = len(self.rows) - len(shares)
            lines.append(f"{lab}: {_summary(shares)}; {missing} without a mark")
        totals = [row.total for row in self.rows if row.total is not None]
        lines.append(f"total: {_summary(totals)}; {len(self.rows) - len(totals)} without a total")
        if waiting := [row.student for row in self.rows if row.waits]:
            lines.append(f"written answers wait for a person, their points are not in it: {', '.join(waiting)}")
        if self.left_out:
            lines.append(f"not graded yet, so left out: {', '.join(self.left_out)}")
        return "\n".join(lines)

    def _weights(self) -> list[str]:
        whole = math.fsum(self.weights.values())
        return [f"{lab} {100 * weight / whole:.0f} %" for lab, weight in self.weights.items()]


def total(course: Course, *, weights: dict[str, float] | None = None, drop: int = 0, missing: str = EMPTY) -> Total:
    """The total of each student, over the labs that the gradebook has.

    weights: full name of a lab -> weight; others do not count; None: every lab by its points. drop: so many labs of
    each student do not count, those with the lowest share of their points. missing: of a lab without a mark: "empty"
    leaves the total empty, unless that lab is dropped; "0" counts it as no points. Raises ValueError for a wrong
    argument, RuntimeError where there is no gradebook or nothing in it.
    """
    if drop < 0 or missing not in (EMPTY, ZERO):
        raise ValueError(
            f"expected to drop 0 labs or more and missing marks as 'empty' or '0', got {drop}, {missing!r}"
        )
    with course.gradebook() as gradebook:
        there = sorted(assignment.name for assignment in gradebook.assignments)
        labs = [lab for lab in there if weights is None or lab in weights]
        for lab in labs:
            refresh_penalties(course, gradebook, lab)
        marks = {lab: {mark.student: mark for mark in read_marks(gradebook, lab)} for lab in labs}
    if not labs:
        raise RuntimeError("no lab that counts is graded yet: `course grade run LAB` comes first")
    if drop >= len(labs):
        raise ValueError(f"--drop: {len(labs)} labs are graded, of which one at least must count, got {drop}")
    points = {lab: next(iter(found.values())).points if found else 0.0 for lab, found in marks.items()}
    found = Total({lab: points[lab] if weights is None else weights[lab] for lab in labs})
    found.left_out = sorted(set(weights or ()) - set(labs))
    if not math.fsum(found.weights.values()) > 0:
        raise ValueError("the weights of the labs that are graded add up to nothing")
    for student in sorted(set().union(*marks.values())):
        found.rows.append(_row(student, {lab: marks[lab][student] for lab in labs}, found.weights, drop, missing))
    return found


def read_weights(path: Path, full_name: Callable[[str], str]) -> dict[str, float]:
    """A table with the columns lab and weight. full_name: of a lab from its beginning, or ValueError.

    Raises ValueError that names the row.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the table of weights {path} cannot be read: {error}") from None
    found: dict[str, float] = {}
    for line, row in enumerate(rows, start=2):
        try:
            lab, weight = full_name((row["lab"] or "").strip()), float(row["weight"] or "")
            if not 0 <= weight < math.inf:
                raise ValueError(f"expected a weight of 0 or more, got {weight:g}")
            if lab in found:
                raise ValueError(f"{lab} stands there twice")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}, row {line}: expected the columns lab,weight: {error}") from None
        found[lab] = weight
    if not any(found.values()):
        raise ValueError(f"{path}: expected a row lab,weight for each lab that counts")
    return found


def _row(student: str, marks: dict[str, Mark], weights: dict[str, float], drop: int, missing: str) -> Row:
    shares = {lab: _share(mark) for lab, mark in marks.items()}
    counting = [lab for lab in weights if weights[lab] > 0]
    lowest = sorted(counting, key=lambda lab: (-1.0 if (share := shares[lab]) is None else share, lab))
    dropped = sorted(lowest[: min(drop, len(counting) - 1)])
    kept = [lab for lab in counting if lab not in dropped]
    found = [0.0 if (share := shares[lab]) is None and missing == ZERO else share for lab in kept]
    if any(share is None for share in found):
        return Row(student, marks, tuple(dropped))
    whole = math.fsum(weights[lab] for lab in kept)
    earned = math.fsum(weights[lab] * share for lab, share in zip(kept, found, strict=True) if share is not None)
    return Row(student, marks, tuple(dropped), 100 * earned / whole)


def _share(mark: Mark) -> float | None:
    """Of the lab's points; None without a mark."""
    return None if mark.mark is None or not mark.points else mark.mark / mark.points


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _summary(values: Iterable[float]) -> str:
    """Percent: mean, standard deviation, quartiles and range."""
    found = sorted(values)
    if not found:
        return "no marks"
    words = f"mean {statistics.fmean(found):.1f} %"
    if len(found) > 1:
        first, middle, third = statistics.quantiles(found, method="inclusive")
        words += f", standard deviation {statistics.stdev(found):.1f}, median {middle:.1f}, "
        words += f"quartiles {first:.1f} and {third:.1f}"
    return f"{words}, {found[0]:.1f} to {found[-1]:.1f}, {len(found)} students"

"""Proof of a lab's hidden values: the solution's are the same each time, and a named wrong answer's are others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from nbformat import NotebookNode

from course_staff.authoring.hidden_lines import hidden_seed
from course_staff.authoring.source import hidden_values
from course_staff.marking.hidden_values import matches
from course_staff.proof.kernel import Values
from course_staff.sandbox.inside.plain import Value, decode
from course_staff.sandbox.inside.values import HELPERS

SECRETS = ("course check", "another class", "a third class")  # of classes that do not exist
LIBRARY_ANSWER = "calls_the_library"


def as_read(cell: NotebookNode) -> str:
    """The source of a cell, its hidden values written out as code that reads the names which they need."""
    parameters = ", ".join(["rng", *HELPERS])
    return "\n".join(
        [cell.source, *(f"(lambda {parameters}: {value.expression})" for value in hidden_values(cell.source))]
    )


@dataclass
class _Cell:
    expressions: list[str]
    seeds: list[int]
    expected: dict[int, list[Value | str]] = field(default_factory=dict)  # by seed, from the first run of the solution
    caught: set[str] = field(default_factory=set)  # wrong answers whose values are others


class ValuesProof:
    """Collects the hidden values of one lab, run by run. cells: of the solution; those that are run when grading."""

    def __init__(self, lab: str, cells: list[NotebookNode]):
        self._cells: dict[str, _Cell] = {}
        self._problems: dict[str, None] = {}  # each said once, in order
        for cell in cells:
            values, name = hidden_values(cell.source), cell.metadata.get("nbgrader", {}).get("grade_id", "")
            if values:
                seeds = [hidden_seed(secret, lab, name) for secret in SECRETS]
                self._cells[name] = _Cell([value.expression for value in values], seeds)

    @property
    def count(self) -> int:
        return sum(len(cell.expressions) for cell in self._cells.values())

    @property
    def seeds(self) -> dict[str, list[int]]:
        """For an ordinary run: test cell -> the seed of its hidden inputs."""
        return {name: cell.seeds[:1] for name, cell in self._cells.items()}

    @property
    def many_seeds(self) -> dict[str, list[int]]:
        """For the last run of the solution: the seeds of three classes."""
        return {name: cell.seeds for name, cell in self._cells.items()}

    def seeds_of(self, test: str) -> dict[str, list[int]]:
        """For the run of a wrong answer: only its own test is asked."""
        return {test: self._cells[test].seeds[:1]} if test in self._cells else {}

    def solution(self, run: Values) -> None:
        """Note the values of a run of the solution, in whichever cells: they must be those of every other run."""
        for name, by_seed in run.items():
            cell = self._cells[name]
            for seed, values in by_seed.items():
                got = [decode(value) for value in values]
                for expression, one, other in zip(
                    cell.expressions, cell.expected.setdefault(seed, got), got, strict=True
                ):
                    if isinstance(other, str):
                        self._complain(name, expression, f"the solution gives no value: {other}")
                    elif _not_finite(other.data):
                        self._complain(name, expression, "the solution gives NaN or an infinity, which hides its value")
                    elif (difference := matches(one, other)) is not None:
                        self._complain(
                            name, expression, f"the solution gives another value in another run: {difference}"
                        )

    def wrong_answer(self, test: str, wrong: str, run: Values) -> str | None:
        """What a wrong answer's values are said to be, "" where they are the solution's, None where none are asked."""
        if test not in self._cells:
            return None
        cell = self._cells[test]
        seed = cell.seeds[0]
        got = [decode(value) for value in run.get(test, {}).get(seed, [])]
        pairs = zip(cell.expected.get(seed, []), got, strict=False)
        said = {words: value for expected, value in pairs if (words := matches(expected, value)) is not None}
        if not said:
            return ""
        # a value that cannot be had proves nothing of the expression: it may read a name that is not there
        if wrong != LIBRARY_ANSWER and any(isinstance(value, Value) for value in said.values()):
            cell.caught.add(wrong)
        return next(iter(said)).partition(", your answer gives ")[2]

    def problems(self) -> list[str]:
        """What is not as it must be, in words. To be asked when all runs are done."""
        for name, cell in self._cells.items():
            first, *others = (cell.expected.get(seed, []) for seed in cell.seeds)
            if not first or not all(others):
                self._problems[f"{name}: the hidden values were not computed: is the cell run when grading?"] = None
                continue
            for number, expression in enumerate(cell.expressions):
                if all(matches(first[number], other[number]) is None for other in others):
                    self._complain(
                        name, expression, "the value is the same for other inputs, so a student can write it down"
                    )
            if not cell.caught:
                self._problems[f"{name}: no named wrong answer is caught by the hidden values alone"] = None
        return list(self._problems)

    def _complain(self, test: str, expression: str, words: str) -> None:
        self._problems[f"{test}: hidden value {expression!r}: {words}"] = None


def _not_finite(data: Any) -> bool:
    if isinstance(data, (list, dict)):
        return any(_not_finite(item) for item in (data.values() if isinstance(data, dict) else data))
    return not (data is None or isinstance(data, str)) and not np.isfinite(data).all()

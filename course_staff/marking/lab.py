"""A lab as the grader sees it: the released cells, the instructor's tests with their hidden parts, the expected values.

A `Lab` is plain data, so that it travels to worker processes and to other machines as JSON. It holds the solution:
it never goes into the sandbox as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from course_staff.authoring.author_blocks import MARK_SCHEME, split_block
from course_staff.authoring.hidden_lines import HiddenValue

__all__ = ["EXPERIMENT", "GradedCell", "HiddenValue", "Lab", "is_experiment"]

EXPERIMENT = "experiment"  # the tag of cells that train, draw or play: skipped when grading

GRADER = 1  # part of every digest: raised when the grader's judgement changes, so that no old result is reused


@dataclass(frozen=True)
class GradedCell:
    """One cell that carries points: a test, or an answer that a person grades (`by_hand`).

    name: nbgrader's id of the cell ("ssim_test"). exercise: the id of the answer cell ("ssim"). source: the cell as
    students have it. full_source: with the hidden tests that run in the student's process. seed: of the hidden inputs.
    stub, solution: the answer cell as students got it, and as it should be.
    """

    name: str
    exercise: str
    points: float
    by_hand: bool
    source: str
    full_source: str
    values: tuple[HiddenValue, ...] = ()
    seed: int = 0
    stub: str = ""
    solution: str = ""

    @property
    def has_hidden_tests(self) -> bool:
        """Is there a hidden test that runs in the student's process?"""
        return self.full_source.strip() != self.source.strip()

    @property
    def scheme(self) -> str:
        """How a person marks it, as Markdown: the author's block in the solution of a written question."""
        with contextlib.suppress(ValueError):  # `course check` tells
            return split_block(self.solution, MARK_SCHEME)[0] if self.by_hand else ""
        return ""


@dataclass(frozen=True)
class Lab:
    """All that grading one lab needs.

    cells: of the released notebook, as nbformat 4.5 dicts without outputs; metadata: of that notebook. modules: what
    the instructor's own cells import, directly and while they run. expected: exercise -> the solution's hidden values,
    encoded; canaries: test -> those that prove something (`canaries.py`): both are filled in by `with_expected`, from
    a run of the solution.
    """

    name: str
    cells: tuple[dict[str, Any], ...]
    graded: tuple[GradedCell, ...]
    modules: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, list[str]] = field(default_factory=dict)
    canaries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes whenever a mark could: the cells, the tests, the hidden inputs."""
        fields = asdict(self)
        for filled_in in ("expected", "canaries", "modules"):  # follow from the rest
            del fields[filled_in]
        return hashlib.sha256(json.dumps([GRADER, fields], sort_keys=True).encode()).hexdigest()

    @property
    def points(self) -> float:
        return sum(cell.points for cell in self.graded)

    @property
    def is_complete(self) -> bool:
        """Has `with_expected` filled in what only the solution can tell?"""
        return all(cell.by_hand or cell.name in self.canaries for cell in self.graded)

    def cell(self, name: str) -> GradedCell:
        """The graded cell of that name. Raises KeyError."""
        for cell in self.graded:
            if cell.name == name:
                return cell
        raise KeyError(name)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Lab:
        fields = json.loads(text)
        for cell in fields["graded"]:
            cell["values"] = tuple(HiddenValue(item["expression"], tuple(item["closed"])) for item in cell["values"])
        fields["graded"] = tuple(GradedCell(**cell) for cell in fields["graded"])
        fields["cells"], fields["modules"] = tuple(fields["cells"]), tuple(fields["modules"])
        return cls(**fields)


def is_experiment(cell: dict[str, Any]) -> bool:
    """Is it a cell that graders skip?"""
    return EXPERIMENT in cell["metadata"].get("tags", [])

"""Grade one submission: a pure function of its bytes, the lab and the limits. Needs a sandbox, knows no gradebook."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from course_staff.marking.asking import working_canaries
from course_staff.marking.autograded import autograded_notebook
from course_staff.marking.lab import GradedCell, Lab
from course_staff.marking.marking import NOT_ANSWERED, Marking
from course_staff.marking.notebook import clean
from course_staff.marking.replay import GivenUp, Replay, Step
from course_staff.marking.restore import Rejected, restore
from course_staff.sandbox.inside.plain import encode

if TYPE_CHECKING:
    from course_staff.sandbox.sandbox import Sandbox


@dataclass
class Graded:
    """What grading one submission gave.

    digest: of the submission and the lab. marks: graded cell -> points, None where a person must grade.
    messages: graded cell -> words for the student. fingerprints: failing exercise -> a text that is equal for equal
    mistakes. problems: words for the instructor. look: what a person should look at, marks or no marks.
    notebook: the autograded notebook with outputs. rejected: why it is no
    notebook, in words (then there are no marks).
    """

    student: str
    lab: str
    digest: str
    marks: dict[str, float | None] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak_memory: int = 0
    notebook: str = ""
    rejected: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Graded:
        return cls(**json.loads(text))


def with_expected(lab: Lab, sandbox: Sandbox) -> Lab:
    """Complete a lab by a run of its solution: the hidden values, and the canaries that tell right answers from wrong.

    Raises SourceError where the solution fails a test, or has no hidden value.
    """
    from course_staff.authoring.source import SourceError  # with jupytext, which workers do not need

    steps = Marking(restore(_solution(lab), lab), lab, sandbox, "solution").steps()
    replay = Replay(sandbox, time.monotonic() + sandbox.limits.submission_seconds, usual=True)
    expected: dict[str, list[str]] = {}
    canaries: dict[str, dict[str, Any]] = {}
    try:
        for step in steps:
            if step.test is None:
                replay.run(step)
                continue
            canaries[step.test.name] = found = working_canaries(replay, step.test)
            if not found:
                raise SourceError(f"{lab.name}: the solution fails {step.test.name}: {_told(replay, step.test)}")
        for step in steps:  # at the end, as of a student's notebook
            if step.test is not None and step.test.has_hidden_tests:
                if (done := replay.probe(step.test.full_source)).status != "ok":
                    raise SourceError(
                        f"{lab.name}: the solution fails the hidden tests of {step.test.name}: {done.evalue}"
                    )
            if step.test is not None and step.test.values:
                expected[step.test.exercise] = _expected(replay, lab, step.test)
    except GivenUp as why:
        raise SourceError(f"{lab.name}: the solution cannot be run: {why}") from None
    finally:
        replay.close()
    modules = dict.fromkeys([*lab.modules, *_loaded_by(steps, sandbox)])
    return replace(lab, expected=expected, canaries=canaries, modules=tuple(modules))


def _told(replay: Replay, test: GradedCell) -> str:
    done = replay.probe(test.full_source)
    return done.evalue or done.ename or "when it runs a second time"


def _expected(replay: Replay, lab: Lab, test: GradedCell) -> list[str]:
    """The solution's values, encoded. Raises SourceError."""
    from course_staff.authoring.source import SourceError

    found = replay.values(test)
    for value, got in zip(test.values, found, strict=True):
        if isinstance(got, str):
            raise SourceError(f"{lab.name}: {test.name}: the solution has no value {value.expression!r}: {got}")
    return [encode(got.data).decode("ascii") for got in found if not isinstance(got, str)]


def grade(submission: bytes, lab: Lab, sandbox: Sandbox, *, student: str = "") -> Graded:
    """Grade a submission. Never raises for anything that a submission does; a sandbox that cannot run does raise."""
    if not lab.is_complete:
        raise ValueError(f"expected a lab that `with_expected` has completed, got {lab.name} as it was read")
    start = time.monotonic()
    graded = Graded(student, lab.name, submission_digest(submission, lab))
    try:
        restored = restore(submission, lab)
    except Rejected as why:
        graded.rejected = str(why)
        return graded
    marking = Marking(restored, lab, sandbox, _nonce(graded.digest, lab))
    marking.run()
    for cell in lab.graded:
        if cell.by_hand:
            untouched = cell.exercise in restored.untouched
            graded.marks[cell.name] = 0.0 if untouched else None
            if untouched:
                graded.messages[cell.name] = NOT_ANSWERED
            continue
        verdict = marking.verdicts[cell.name]
        graded.marks[cell.name] = float(cell.points) if verdict.passed else 0.0
        if not verdict.passed:
            graded.messages[cell.name] = clean(verdict.message)
            graded.fingerprints[cell.exercise] = marking.fingerprint(cell)
    graded.problems = [clean(text) for text in [*restored.notes, *marking.problems]]
    graded.look = [clean(text)[:1000] for text in marking.look]
    graded.notebook = autograded_notebook(restored, lab, marking.outputs, graded.messages)
    graded.peak_memory = marking.peak_memory
    graded.seconds = time.monotonic() - start
    return graded


def submission_digest(submission: bytes, lab: Lab) -> str:
    """What `Graded.digest` will be: equal digests mean equal marks, so a stored result may be kept."""
    return hashlib.sha256(hashlib.sha256(submission).digest() + lab.digest.encode()).hexdigest()


def _nonce(digest: str, lab: Lab) -> str:
    """Alike each time that a submission is graded, and unknown to its author, as the seeds are."""
    seeds = ",".join(str(cell.seed) for cell in lab.graded)
    return hashlib.sha256(f"{seeds} {digest}".encode()).hexdigest()


def _solution(lab: Lab) -> bytes:
    """The solution as a submission."""
    answers = {cell.exercise: cell.solution for cell in lab.graded}
    cells = []
    for cell in lab.cells:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cells.append(cell | {"source": answers.get(name, cell["source"])})
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def _loaded_by(steps: list[Step], sandbox: Sandbox) -> list[str]:
    """The modules that the cells load only while they run: loaded once by the fork server, no student waits for them.

    None if anything started a thread, since a process with threads must not fork.
    """
    with sandbox.session() as session:
        session.run("import sys\n_loaded_before = set(sys.modules)")
        for step in steps:
            session.run(step.source)
        shown = session.run(_LIST_MODULES).outputs
    text = "".join(output["text"] for output in shown if output.get("name") == "stdout")
    try:
        names, threads = json.loads(text)
    except ValueError:
        return []
    return names if threads == 1 else []


_LIST_MODULES = """
import json, os, sys
_new = [name for name in sys.modules if name not in _loaded_before]
_specs = {name: getattr(sys.modules[name], "__spec__", None) for name in _new}
_new = [name for name, spec in _specs.items() if spec and spec.origin and spec.name == name]
print(json.dumps([_new, len(os.listdir("/proc/self/task"))]))
"""

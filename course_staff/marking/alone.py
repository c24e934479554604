"""Each answer judged by itself, in a new session that runs its text, what it needs, and nothing else of the notebook.

What a student's other cells did to Python, to the library or to the settings is not there, to nobody's advantage. Where
the names in the text do not tell all that an answer needs, honest work must not lose by it: an answer whose test passed
in the whole notebook is looked at again, with more and more of the notebook around it. One that is right only there, or
only with cells that look like meddling, is shown to a person.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from course_staff.code.suspicion import hints
from course_staff.marking import asking
from course_staff.marking.asking import Finding
from course_staff.marking.lab import GradedCell, Lab
from course_staff.marking.needed import imports_again, names_of_stranger, needed, spoils
from course_staff.marking.replay import GivenUp, Replay, Step

if TYPE_CHECKING:
    from course_staff.sandbox.sandbox import Sandbox
    from course_staff.sandbox.session import CellRun

MEDDLED = (
    "your answer is right only together with cells that change Python, the library or the check itself:"
    " a person will look at it"
)
NOT_ALONE = "its answer is right only with the whole notebook around it"


@dataclass
class Alone:
    """Judges the answers of one notebook. steps: all its cells, in order. answers: exercise -> names of the cells that
    hold its answer. nonce: what is drawn for it. Afterwards `look` has words for a person."""

    lab: Lab
    sandbox: Sandbox
    steps: list[Step]
    answers: dict[str, list[str]]
    nonce: str
    deadline: float
    look: list[str] = field(default_factory=list)
    ran: dict[str, CellRun] = field(default_factory=dict)
    complete: bool = False  # whether nothing is left of the notebook that has not run with the answers
    peak_memory: int = 0
    _hints: dict[str, list[str]] = field(default_factory=dict)
    _plans: dict[str, tuple[list[Step], set[str]]] = field(default_factory=dict)
    _shared: set[str] = field(default_factory=set)

    def together(self, tests: Sequence[GradedCell]) -> dict[str, Finding]:
        """All answers in one session, each test after its answer; those without that lean on what may be meddling.

        Afterwards `ran` holds how the cells ended. Hidden tests and values come last, when no cell is left that could
        show them to anybody.
        """
        self._plans = {test.name: needed(self.steps, test, self.answers.get(test.exercise, [])) for test in tests}
        plans = {name: steps for name, (steps, _) in self._plans.items() if not any(map(self.hints, steps))}
        self._shared = {step.name for steps in plans.values() for step in steps}
        asked = [step.test for step in self.steps if step.test is not None and step.test.name in plans]
        found: dict[str, Finding] = {}
        replay = self._replay(closed=self._closed(plans))
        try:
            for step in self.steps:
                if step.test is None and (step.name in self._shared or not step.student):
                    self.ran[step.name] = replay.run(step)
                elif step.test in asked:
                    before = [other for other in self.steps[: self.steps.index(step)] if other.name in self.ran]
                    for again in imports_again(before):
                        replay.run(again)
                    found[step.test.name] = self._visible(replay, step.test)
            for right in (True, False):  # the failed ones last, so that they end the session of none that is right
                for test in asked:
                    if found[test.name].right == right:
                        found[test.name] = asking.ask_hidden(
                            replay, self.lab, test, found[test.name], self._draw(test, "hidden")
                        )
            self.complete = self._is_complete() and len(asked) == len(tests)
        except GivenUp:
            for test in asked:
                if test.name in found and (test.values or test.has_hidden_tests):
                    del found[test.name]
        finally:
            self._drop(replay)
        return found

    def _visible(self, replay: Replay, test: GradedCell) -> Finding:
        finding = asking.ask_visible(replay, self.lab, test, self._draw(test, "together"))
        if finding.run is not None and finding.run.status == "error":
            finding.run = replay.as_it_is(test.source)  # a student sees the test that was handed out
        return finding

    def _is_complete(self) -> bool:
        """Did all cells of the notebook run there, and a student's as it would have elsewhere?"""
        cells = [step for step in self.steps if step.test is None]
        return all(step.name in self.ran for step in cells) and all(
            self.ran[step.name].status == "ok" for step in cells if step.student
        )

    def again(self, test: GradedCell, finding: Finding | None, *, passed: bool, deadly: set[str]) -> Finding | None:
        """What is true of an answer that was not right together with the others; None where time is over.

        passed: whether the test passed in the whole notebook; deadly: the cells that ended its process.
        """
        steps, names = self._plans[test.name]
        mine = {step.name for step in steps}
        others = [step for step in self.steps if step.name in self._shared - mine and step.student]
        if finding is None or passed or any(spoils(step, names) for step in others):
            finding = self._look(test, steps, "by itself") or finding
        if passed and not (finding and finding.right):
            finding = self._among_others(test, deadly, mine) or finding
        return finding

    def hints(self, step: Step) -> list[str]:
        """What in a student's cell looks like meddling, less what looks so in the lab's own version of it."""
        if not step.student:
            return []
        if step.name not in self._hints:
            modules = self._modules()
            given = [cell.stub + "\n" + cell.solution for cell in self.lab.graded if step.name in self._cells_of(cell)]
            known = {_what(hint) for text in given for hint in hints(text, modules)}
            self._hints[step.name] = [hint for hint in hints(step.source, modules) if _what(hint) not in known]
        return self._hints[step.name]

    def _cells_of(self, cell: GradedCell) -> list[str]:
        return self.answers.get(cell.exercise, [])

    def _modules(self) -> frozenset[str]:
        """The names that the lab's cells import."""
        lab = [step.source for step in self.steps if not step.student and step.test is None]
        return frozenset().union(*(names_of_stranger(source).imports for source in lab))

    def _look(
        self, test: GradedCell, past: list[Step], which: str, *, closed: bool = True, usual: bool = True
    ) -> Finding | None:
        """One answer in sessions of its own: what must pass and what must fail do not meet. None where time is over."""
        shut = self._closed({test.name: past}) if closed else {}
        past = [*past, *(imports_again(past) if usual else [])]
        finding = None
        for ask in (asking.ask_true, asking.ask_false):
            replay = self._replay(past, closed=shut, usual=usual)
            try:
                got = ask(replay, self.lab, test, self._draw(test, f"{which} {ask.__name__}"))
            except GivenUp:
                return finding and Finding(False, asking.ENDED)
            finally:
                self._drop(replay)
            finding = got if finding is None or not got.right else finding
            if not finding.right:
                return finding
        return finding

    def _among_others(self, test: GradedCell, deadly: set[str], mine: set[str]) -> Finding | None:
        """With the cells before it that do not look like meddling; then with all of them, as the student had it."""
        here = next(number for number, step in enumerate(self.steps) if step.test is test)
        before = [step for step in self.steps[:here] if step.name not in deadly]
        meddling = [step for step in before if self.hints(step)]
        start = time.monotonic()
        honest = [step for step in before if step.name in mine or step not in meddling]
        finding = self._look(test, honest, "among others")
        if (finding and finding.right) or time.monotonic() - start > self.sandbox.limits.cell_seconds:
            return finding
        last = self._look(test, before, "as it was", closed=False, usual=False)
        if last is not None and last.right:
            self.look.append(f"{test.name}: {NOT_ALONE}")
            return Finding(False, MEDDLED, last.values) if meddling else last
        return last or finding

    def _closed(self, plans: dict[str, list[Step]]) -> dict[str, list[str]]:
        """For a student's cell, what the tests close that need it: no copy of it can be made before."""
        found: dict[str, list[str]] = {}
        for name, steps in plans.items():
            closed = self.lab.canaries[name]["closed"]
            for step in steps:
                if step.student and closed:
                    found.setdefault(step.name, []).extend(item for item in closed)
        return {name: list(dict.fromkeys(items)) for name, items in found.items()}

    def _replay(self, past: Sequence[Step] = (), *, closed: dict[str, list[str]], usual: bool = True) -> Replay:
        return Replay(self.sandbox, self.deadline, past, closed=closed, usual=usual, patient=usual)

    def _drop(self, replay: Replay) -> None:
        replay.close()
        self.peak_memory = max(self.peak_memory, replay.peak_memory)

    def _draw(self, test: GradedCell, which: str) -> random.Random:
        return random.Random(f"{self.nonce} {test.name} {which}")


def _what(hint: str) -> str:
    """A hint without the line in which it stands."""
    return hint.partition(" (line")[0]

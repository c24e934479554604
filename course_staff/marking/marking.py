"""Run a restored notebook and judge its tests.

First the notebook runs as the student has it, and what it shows is kept. Each test that passes is followed by its
canaries. Hidden tests and values come last, when no cell is left that could show them to anybody; and where one fails,
it is asked again in a new session right after its test: what a student's later cells did to the names is no mistake.
What a student's own cells did to the process (ended it, or used up the time) costs nothing either: then the lab's
cells run once more without them.
"""

from __future__ import annotations

import builtins
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from course_staff.marking import canaries
from course_staff.marking.hidden_values import fingerprint, matches
from course_staff.marking.lab import GradedCell, Lab
from course_staff.marking.replay import GivenUp, Replay, Step
from course_staff.marking.restore import Restored
from course_staff.sandbox.inside.plain import decode
from course_staff.sandbox.session import CellRun

if TYPE_CHECKING:
    from course_staff.sandbox.inside.plain import Value
    from course_staff.sandbox.sandbox import Sandbox

NOT_ANSWERED = "not answered"
UNSEEN = "on inputs that you have not seen, your answer is wrong"
SWITCHED_OFF = "the check was switched off by something in the notebook: it does not fail where it must"
ENDED = "the process ended, or took too long, when the test was run again"
OWN_CELLS_SHARE = 0.6  # of the time: what remains is for the lab's cells alone
_NUMBER = re.compile(r"\d+\.\d+(?:e[-+]?\d+)?", re.IGNORECASE)
_ADDRESS = re.compile(r"0x[0-9a-f]+", re.IGNORECASE)
_CELL = re.compile(r"\(<ipython-input-[^>]*>, line (\d+)\)")  # IPython's name of a cell
_ERROR_NAME = re.compile(r"[A-Za-z]\w{0,60}")


@dataclass
class Verdict:
    """What became of a test. message: for the student; mistake: of two that are equal, the same was done wrong. final:
    False where a run without the student's own cells may still turn out better."""

    passed: bool
    message: str = ""
    mistake: str = ""
    final: bool = True


@dataclass
class Marking:
    """Runs a notebook; afterwards `verdicts` holds one for each test, `outputs` what each cell showed."""

    restored: Restored
    lab: Lab
    sandbox: Sandbox
    nonce: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    values: dict[str, list[Value | str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    peak_memory: int = 0
    check: Callable[[Replay, GradedCell], str] | None = None  # instead of the canaries

    def run(self) -> None:
        """Raises SandboxError where no session can be had; nothing else."""
        start, seconds = time.monotonic(), self.sandbox.limits.submission_seconds
        steps = self.steps()
        own = any(step.own for step in steps)
        replay = Replay(self.sandbox, start + seconds * (OWN_CELLS_SHARE if own else 1))
        try:
            self._run(replay, steps)
            if own and not all(self._is_judged(step) for step in steps):
                self._drop(replay)
                replay = Replay(self.sandbox, start + seconds * 0.9)
                self._run(replay, [step for step in steps if not step.own])
            for step in steps:
                if step.test is not None and step.test.name not in self.verdicts:
                    why = "this test was not reached: other cells ended the process, or used up the time"
                    self.verdicts[step.test.name] = Verdict(False, why, "not reached")
                    self.problems.append(f"{step.name}: was not reached")
            self._hidden(replay, steps, start + seconds)
        finally:
            self._drop(replay)

    def _drop(self, replay: Replay) -> None:
        replay.close()
        self.peak_memory = max(self.peak_memory, replay.peak_memory)

    def steps(self) -> list[Step]:
        """The cells that run, in order."""
        tests = {cell.name: cell for cell in self.lab.graded if not cell.by_hand}
        steps = []
        for cell in self.restored.cells:
            if cell["id"] in self.restored.runs:
                name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
                steps.append(Step(cell["id"], cell["source"], tests.get(name), cell["id"] in self.restored.own))
        return steps

    def _is_judged(self, step: Step) -> bool:
        return step.test is None or (step.test.name in self.verdicts and self.verdicts[step.test.name].final)

    def _run(self, replay: Replay, steps: list[Step]) -> None:
        failed: dict[str, CellRun] = {}  # cells that are no test
        own = any(step.own for step in steps)
        try:
            for step in steps:
                done = replay.run(step)
                self.outputs.setdefault(step.name, done.outputs)
                if done.status in ("timeout", "died"):
                    self._tell(f"{step.name}: {done.evalue}")
                if step.test is None:
                    if done.status != "ok":
                        failed[step.name] = done
                elif not self._is_judged(step):
                    verdict = self._judge(replay, step.test, done, failed.get(step.test.exercise))
                    verdict.final = verdict.final or not own
                    self.verdicts[step.test.name] = verdict
                    self.outputs[step.name] = done.outputs
                    if not verdict.passed:
                        replay.forget(step)
        except GivenUp as why:
            self._tell(f"the notebook was not run to its end: {why}")

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _judge(self, replay: Replay, test: GradedCell, done: CellRun, answer: CellRun | None) -> Verdict:
        if done.status != "ok":
            message = self._words(test, done)
            if answer is not None and message != NOT_ANSWERED:
                message = f"your answer cell stops: {_short(answer)}. The test then says: {message}"
            return Verdict(False, message, _mistake(done), final=done.status == "error")
        trouble = (self.check or self._canaries)(replay, test)
        if trouble:
            self._tell(f"{test.name}: {trouble}")
            return Verdict(False, trouble, trouble, final=trouble != ENDED)
        return Verdict(True)

    def _words(self, test: GradedCell, done: CellRun) -> str:
        if test.exercise in self.restored.untouched:
            return NOT_ANSWERED
        if done.status == "error" and done.ename == "NotImplementedError":
            return f"{NOT_ANSWERED}: the line `raise NotImplementedError(...)` is still there"
        return _short(done)

    def _canaries(self, replay: Replay, test: GradedCell) -> str:
        """What is wrong with a test that passed; empty if nothing is."""
        known = self.lab.canaries[test.name]
        nonce = f"canary {_hash(self.nonce, test.name)}"
        numbers = known["negated"]
        source = canaries.plain(nonce)
        if numbers:
            source = canaries.negated(test.source, numbers[int(_hash("which", nonce), 16) % len(numbers)], nonce)
        done = replay.probe(source)
        if done.status != "ok" and not _is_canary(done, nonce):
            # a right answer may give another result the second time, or something else ended the process just now:
            # then a test that cannot depend on it
            done = replay.probe(canaries.plain(nonce))
        if not _is_canary(done, nonce):
            return ENDED if done.status in ("timeout", "died") else SWITCHED_OFF
        if known["comparing"] and not test.values:
            if _is_canary(replay.probe(canaries.comparing(test.source, nonce) or ""), nonce):
                return "the answer claims to equal whatever it is compared with"
        closed = replay.probe(canaries.closing(test.source) or "") if known["closing"] else None
        if closed is not None and closed.ename != "AnswerFromLibrary":
            if closed.status in ("timeout", "died"):
                return ENDED
            return "the library could not be closed during the check: something in the notebook prevents it"
        return ""

    def _hidden(self, replay: Replay, steps: list[Step], deadline: float) -> None:
        # failed ones last, and only for their fingerprints: none of them may end the session of one that passed
        tests = [step.test for step in steps if step.test is not None]
        for passed in (True, False):
            for test in tests:
                if self.verdicts[test.name].passed == passed and (passed or test.values):
                    if passed:
                        self._check_hidden(replay, steps, test, deadline)
                    elif replay.alive and self._may_be_asked(test):
                        self._ask_for_fingerprint(replay, test)

    def _may_be_asked(self, test: GradedCell) -> bool:
        """Has a failed answer values of its own? One that does not end, or ends the process, is not tried again."""
        touched = test.exercise not in self.restored.untouched
        return touched and self.verdicts[test.name].mistake not in ("timeout", "died", "not reached")

    def _check_hidden(self, replay: Replay, steps: list[Step], test: GradedCell, deadline: float) -> None:
        if not (test.values or test.has_hidden_tests):
            return
        try:
            wrong = self._hidden_trouble(replay, test)
        except GivenUp as why:
            wrong = f"the hidden part of the test could not be run: {why}"
        here = next(number for number, step in enumerate(steps) if step.test is test)
        # an answer may remember how often it was called: hidden tests, which repeat the visible ones, come instead
        before = steps[: here + (not test.has_hidden_tests)]
        looks = [replay.survivors(before), [step for step in before if not step.own]]
        for past in looks[: 2 if any(step.own for step in before) else 1]:
            start = time.monotonic()
            if not wrong or self.check is not None:
                break
            again = Replay(self.sandbox, deadline, past)
            try:
                wrong = self._hidden_trouble(again, test)
            except GivenUp:
                break
            finally:
                self._drop(again)
            if time.monotonic() - start > self.sandbox.limits.cell_seconds:
                break
        if wrong:
            mistake = "" if test.values else "hidden test"
            self.verdicts[test.name] = Verdict(False, wrong, mistake)

    def _hidden_trouble(self, replay: Replay, test: GradedCell) -> str:
        """What is wrong with the hidden part of a test, in words that do not give it away; empty if nothing is."""
        if test.has_hidden_tests:
            done = replay.probe(test.full_source)
            if done.status == "error":
                known = isinstance(getattr(builtins, done.ename, None), type) and done.ename != "AssertionError"
                return UNSEEN + (f" ({done.ename})" if known else "")
            if done.status != "ok":
                return "on inputs that you have not seen, your answer takes too long, or ends the process"
        if test.values:
            self.values[test.name] = got = replay.values(test)
            if self.check is None:
                expected = [decode(text) for text in self.lab.expected[test.exercise]]
                for one, other in zip(expected, got, strict=True):
                    if wrong := matches(one, other):
                        return wrong
        return ""

    def _ask_for_fingerprint(self, replay: Replay, test: GradedCell) -> None:
        try:
            self.values[test.name] = replay.values(test)
        except GivenUp:
            pass

    def fingerprint(self, test: GradedCell) -> str:
        """Equal for submissions that made the same mistake in an exercise."""
        got = self.values.get(test.name)
        return _hash(self.verdicts[test.name].mistake, fingerprint(got) if got else "")


def _is_canary(done: CellRun, nonce: str) -> bool:
    return done.status == "error" and done.ename == "AssertionError" and done.evalue == nonce


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]


def _short(done: CellRun) -> str:
    told = done.ename in ("AssertionError", "AnswerFromLibrary") or done.status != "error"
    name = done.ename if _ERROR_NAME.fullmatch(done.ename) else "error"
    text = done.evalue if told and done.evalue else f"{name}: {done.evalue}".removesuffix(": ")
    return _CELL.sub(r"(line \1 of the cell)", text[:2000])


def _mistake(done: CellRun) -> str:
    """The error, without what differs between two runs of the same mistake: addresses, and the last digits."""
    if done.status != "error":
        return done.status
    text = _NUMBER.sub(lambda found: f"{float(found[0]):.2e}", done.evalue[:2000])
    return f"{done.ename}: {_ADDRESS.sub('0x', text)}"

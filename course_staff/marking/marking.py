"""Run a restored notebook and judge its tests.

Each answer is judged by itself (`alone.py`), with canaries, hidden tests and hidden values, in sessions of which
nothing hidden is ever shown. The notebook also runs as the student has it, and what it shows is kept: with the tests of
those answers that are not yet known to be right. What a student's own cells did to the process (ended it, or used up
the time) costs nothing: then the lab's cells run once more without them. But no test counts because it passed there.
An answer that nobody wrote is not even asked.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from course_staff.marking.alone import Alone
from course_staff.marking.answered import is_answered
from course_staff.marking.asking import SWITCHED_OFF, Finding
from course_staff.marking.hidden_values import fingerprint
from course_staff.marking.lab import GradedCell, Lab
from course_staff.marking.replay import GivenUp, Replay, Step
from course_staff.marking.restore import Restored
from course_staff.sandbox.session import CellRun

if TYPE_CHECKING:
    from course_staff.sandbox.inside.plain import Value
    from course_staff.sandbox.sandbox import Sandbox

NOT_ANSWERED = "not answered"
ALONE_WRONG = "the test passed, but only with the rest of the notebook: by itself, your answer is wrong"
NOBODYS = "not answered: the test passed, but nothing in the notebook answers this exercise"
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
    look: list[str] = field(default_factory=list)  # for a person to look at
    peak_memory: int = 0
    _settled: set[str] = field(default_factory=set)  # tests that the whole notebook need not run

    def run(self) -> None:
        """Raises SandboxError where no session can be had; nothing else."""
        start, seconds = time.monotonic(), self.sandbox.limits.submission_seconds
        steps = self.steps()
        alone = Alone(self.lab, self.sandbox, steps, self.restored.answer_cells, self.nonce, start + seconds)
        tests = [step.test for step in steps if step.test is not None and self._is_answered(step.test, steps, alone)]
        found = alone.together(tests)
        for step in steps:
            if step.test is not None and step.test.name in found:
                self._settle(step.test, step.name, found[step.test.name], complete=alone.complete)
        deadly: set[str] = set()
        if alone.complete:
            self.outputs |= {name: done.outputs for name, done in alone.ran.items()}
            for step in steps:
                if step.test is not None:
                    self.verdicts.setdefault(step.test.name, Verdict(False, NOT_ANSWERED, NOT_ANSWERED))
        else:
            deadly = self._run_whole(steps, start)
        for test in tests:
            # what does not end, or ends the process, is not tried again
            if test.name in self._settled or self.verdicts[test.name].mistake in ("timeout", "died"):
                continue
            finding = found.get(test.name)
            if finding is None or not finding.right:
                finding = alone.again(test, finding, passed=self.verdicts[test.name].passed, deadly=deadly)
            self._take(test, finding or Finding(False, "the time for one submission is over"))
        self._look_at(steps, tests, alone)
        self.peak_memory = max(self.peak_memory, alone.peak_memory)

    def _settle(self, test: GradedCell, cell: str, finding: Finding, *, complete: bool) -> None:
        """Keep what the whole notebook cannot change: the answer is right, or its test does not end.

        complete: whether the whole notebook has run with it, so that there is no other look at it.
        """
        self.values[test.name] = finding.values
        done = finding.run
        if done is None:
            return
        ended = done.status in ("timeout", "died")
        if finding.right or ended or complete:
            self.verdicts[test.name] = self._judge(test, done, None)
            self.outputs[cell] = done.outputs
        if finding.right or ended:
            self._settled.add(test.name)
        if ended:
            self._tell(f"{cell}: {done.evalue}")

    def _run_whole(self, steps: list[Step], start: float) -> set[str]:
        """Run the notebook as the student has it; returns the cells that ended its process."""
        seconds = self.sandbox.limits.submission_seconds
        own = any(step.own for step in steps)
        replay = Replay(self.sandbox, start + seconds * (OWN_CELLS_SHARE if own else 1))
        try:
            self._run(replay, steps)
            deadly = {step.name for step in steps} - {step.name for step in replay.survivors(steps)}
            if own and not all(self._is_judged(step) for step in steps):
                self._drop(replay)
                replay = Replay(self.sandbox, start + seconds * 0.9)
                self._run(replay, [step for step in steps if not step.own])
            for step in steps:
                if step.test is not None and step.test.name not in self.verdicts:
                    why = "this test was not reached: other cells ended the process, or used up the time"
                    self.verdicts[step.test.name] = Verdict(False, why, "not reached")
                    self.problems.append(f"{step.name}: was not reached")
        finally:
            self._drop(replay)
        return deadly

    def _drop(self, replay: Replay) -> None:
        replay.close()
        self.peak_memory = max(self.peak_memory, replay.peak_memory)

    def steps(self) -> list[Step]:
        """The cells that run, in order."""
        of_lab = {cell["id"] for cell in self.lab.cells}
        tests = {cell.name: cell for cell in self.lab.graded if not cell.by_hand}
        steps = []
        for cell in self.restored.cells:
            if cell["id"] in self.restored.runs:
                nbgrader = cell["metadata"].get("nbgrader", {})
                test, own = tests.get(nbgrader.get("grade_id", "")), cell["id"] in self.restored.own
                student = bool(nbgrader.get("solution")) or cell["id"] not in of_lab
                steps.append(Step(cell["id"], cell["source"], test, own, student))
        return steps

    def _is_judged(self, step: Step) -> bool:
        return step.test is None or (step.test.name in self.verdicts and self.verdicts[step.test.name].final)

    def _run(self, replay: Replay, steps: list[Step]) -> None:
        failed: dict[str, CellRun] = {}  # cells that are no test
        own = any(step.own for step in steps)
        try:
            for step in steps:
                if step.test is not None and step.test.name in self._settled:
                    continue
                done = replay.run(step)
                self.outputs.setdefault(step.name, done.outputs)
                if done.status in ("timeout", "died"):
                    self._tell(f"{step.name}: {done.evalue}")
                if step.test is None:
                    if done.status != "ok":
                        failed[step.name] = done
                elif not self._is_judged(step):
                    verdict = self._judge(step.test, done, failed.get(step.test.exercise))
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

    def _judge(self, test: GradedCell, done: CellRun, answer: CellRun | None) -> Verdict:
        """How a test ended in the whole notebook."""
        if done.status == "ok":
            return Verdict(True)
        message = self._words(test, done)
        if answer is not None and message != NOT_ANSWERED:
            message = f"your answer cell stops: {_short(answer)}. The test then says: {message}"
        return Verdict(False, message, _mistake(done), final=done.status == "error")

    def _words(self, test: GradedCell, done: CellRun) -> str:
        if test.exercise in self.restored.untouched:
            return NOT_ANSWERED
        # PyTorch raises NotImplementedError, too, as where an interpolation does not know so many axes
        stub = not done.evalue.strip() or "replace this line" in done.evalue
        if done.status == "error" and done.ename == "NotImplementedError" and stub:
            return f"{NOT_ANSWERED}: the line `raise NotImplementedError(...)` is still there"
        return _short(done)

    def _look_at(self, steps: list[Step], answered: list[GradedCell], alone: Alone) -> None:
        """Gather what a person should look at; an answer that nobody wrote earns nothing."""
        for step in steps:
            if step.student and (found := alone.hints(step)):
                self.look.append(f"{self._place(step)}: {'; '.join(found)}")
            if step.test is not None and step.test not in answered and self.verdicts[step.test.name].passed:
                self.verdicts[step.test.name] = Verdict(False, NOBODYS, "nobody's")
                self.look.append(f"{step.test.name}: its test passed, but its answer cell holds no answer")
        self.look += alone.look

    def _take(self, test: GradedCell, finding: Finding) -> None:
        before = self.verdicts[test.name]
        self.values[test.name] = finding.values
        if finding.right:
            if not before.passed:
                self._tell(f"{test.name}: the test failed in the whole notebook; the answer by itself is right")
                self.outputs.pop(test.name, None)
            self.verdicts[test.name] = Verdict(True)
        elif before.passed:
            words = finding.words or ALONE_WRONG
            if finding.words == SWITCHED_OFF or not finding.words:
                self._tell(f"{test.name}: {words}")
            self.verdicts[test.name] = Verdict(False, words, "" if finding.values else words)

    def _is_answered(self, test: GradedCell, steps: list[Step], alone: Alone) -> bool:
        mine = self.restored.answer_cells.get(test.exercise, [])
        students = [step for step in steps if step.student]
        answers = [step.source for step in students if step.name in mine]
        others = [step.source for step in students if step.name not in mine and not alone.hints(step)]
        return is_answered(test, answers, others)

    def _place(self, step: Step) -> str:
        """Where a cell stands, for a person: an answer by its exercise, others by what they begin with."""
        for exercise, names in self.restored.answer_cells.items():
            if step.name in names:
                return exercise
        return f"own cell ({step.source.strip().split(chr(10))[0][:40]} …)"

    def fingerprint(self, test: GradedCell) -> str:
        """Equal for submissions that made the same mistake in an exercise."""
        got = self.values.get(test.name)
        return _hash(self.verdicts[test.name].mistake, fingerprint(got) if got else "")


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]


def _short(done: CellRun) -> str:
    told = done.ename in ("AssertionError", "AnswerFailed", "AnswerFromLibrary") or done.status != "error"
    name = done.ename if _ERROR_NAME.fullmatch(done.ename) else "error"
    text = done.evalue if told and done.evalue else f"{name}: {done.evalue}".removesuffix(": ")
    return _CELL.sub(r"(line \1 of the cell)", text[:2000])


def _mistake(done: CellRun) -> str:
    """The error, without what differs between two runs of the same mistake: addresses, and the last digits."""
    if done.status != "error":
        return done.status
    text = _NUMBER.sub(lambda found: f"{float(found[0]):.2e}", done.evalue[:2000])
    return f"{done.ename}: {_ADDRESS.sub('0x', text)}"

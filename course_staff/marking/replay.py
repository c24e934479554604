"""A notebook that runs on after its process has died: in a new session, all that had run before is run again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_staff.code.strangers import statements
from course_staff.marking.lab import GradedCell
from course_staff.sandbox.session import CellRun, Session

if TYPE_CHECKING:
    from course_staff.sandbox.inside.plain import Value
    from course_staff.sandbox.sandbox import Sandbox


class GivenUp(Exception):
    """The notebook cannot be run on; says why."""


@dataclass(frozen=True)
class Step:
    """One cell that runs.

    name: its id; test: the graded cell that it is; own: is it a student's own, which no answer needs? student: did a
    student write it, as an answer or beside one?
    """

    name: str
    source: str
    test: GradedCell | None = None
    own: bool = False
    student: bool = False


class Replay:
    """One run of a notebook, over as many sessions as it takes.

    deadline: by `time.monotonic`. past: what a new session runs first. What died or did not end is not run again.
    closed: name of a cell -> what its code may not call. usual: what is asked runs under the settings with which the
    session began. patient: a student's cell that stops at an error is run again, statement by statement.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        deadline: float,
        past: Sequence[Step] = (),
        *,
        closed: Mapping[str, Sequence[str]] | None = None,
        usual: bool = False,
        patient: bool = False,
    ):
        self.past = list(past)
        self._closed, self._usual, self._patient = closed or {}, usual, patient
        self.peak_memory = 0
        self._sandbox, self._deadline = sandbox, deadline
        self._deadly: set[str] = set()
        self._left = sandbox.limits.restarts
        self._session: Session | None = None

    @property
    def alive(self) -> bool:
        return self._session is not None and self._session.alive

    def survivors(self, steps: Sequence[Step]) -> list[Step]:
        """Those of the steps after which the process lived on."""
        return [step for step in steps if step.name not in self._deadly]

    def run(self, step: Step) -> CellRun:
        """Run the next cell. Raises GivenUp.

        A cell of the lab in which the process died has a second try: what killed it may be something else that was
        left behind in the process.
        """
        for again in (not step.own, False):
            session = self._live()
            done = self._step(session, step)
            if done.status != "died" or not again:
                break
            self._forgive(session)
        self.past.append(step)
        if done.status in ("timeout", "died"):
            self._deadly.add(step.name)
            if step.test is not None:
                self._forgive(session)
        return done

    def forget(self, step: Step) -> None:
        """Leave a cell out of all that a new session runs first."""
        self._deadly.add(step.name)

    def probe(self, source: str, closed: Sequence[str] = ()) -> CellRun:
        """Run something that is no cell of the notebook, and is not run again. Raises GivenUp."""
        session = self._live()
        done = session.run(source, seconds=self._seconds(), closed=closed, usual=self._usual)
        self._forgive(session)
        return done

    def as_it_is(self, source: str) -> CellRun:
        """As `probe`, with nothing closed, under the settings that the notebook has made. Raises GivenUp."""
        session = self._live()
        done = session.run(source, seconds=self._seconds())
        self._forgive(session)
        return done

    def values(self, cell: GradedCell) -> list[Value | str]:
        """The values that the grader asks for after a test. Raises GivenUp."""
        session = self._live()
        found = session.values(
            [value.expression for value in cell.values],
            seed=cell.seed,
            closed=cell.values[0].closed,
            seconds=self._seconds(),
            usual=self._usual,
        )
        self._forgive(session)
        return found

    def _forgive(self, session: Session) -> None:
        """Do not count a death: there are few tests, and one must not pay for another."""
        if not session.alive:
            self._left += 1

    def _seconds(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise GivenUp("the time for one submission is over")
        return min(left, self._sandbox.limits.cell_seconds)

    def _step(self, session: Session, step: Step) -> CellRun:
        closed = self._closed.get(step.name, ())
        done = session.run(step.source, seconds=self._seconds(), closed=closed)
        if done.status == "error" and self._patient and step.student:
            for piece in statements(step.source):
                part = session.run(piece, seconds=self._seconds(), closed=closed)
                if part.status in ("timeout", "died"):
                    return part
        return done

    def _live(self) -> Session:
        while self._session is None or not self._session.alive:
            if self._session is not None:
                self._left -= 1
                self._drop()
            if self._left < 0:
                raise GivenUp(f"its process died more than {self._sandbox.limits.restarts} times")
            session = self._session = self._sandbox.session()
            for step in self.past:
                if step.name in self._deadly:
                    continue
                if self._step(session, step).status in ("timeout", "died"):
                    self._deadly.add(step.name)
                if not session.alive:
                    break
        return self._session

    def close(self) -> None:
        """End the session."""
        self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            self.peak_memory = max(self.peak_memory, self._session.peak_memory)
            self._session.close()
            self._session = None

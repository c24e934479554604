"""`course grade run`: grade a class, whatever happens meanwhile.

Each submission is graded by a pure function in a worker, each result is on disk before the next is counted, and the
gradebook is written once, in sorted order. So any number of workers, any order and any interruption give the same.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from course_staff.gradebook import gradebook
from course_staff.gradebook.backup import backup
from course_staff.handin.preflight import read_notebook
from course_staff.handin.records import largest
from course_staff.marking import results
from course_staff.marking.grade import Graded, submission_digest
from course_staff.marking.merge import merged
from course_staff.running import pool
from course_staff.running import state as _state
from course_staff.running.prepare import Uncompleted, prepare_lazily, sandbox_name
from course_staff.running.status import status
from course_staff.running.work import Done, Job, Opens
from course_staff.sandbox.limits import Limits

if TYPE_CHECKING:
    from course_staff.course import Course

__all__ = ["Summary", "prepare_lazily", "run", "status"]

SERVER_NAME = 128  # characters of an id in nbgrader's tables; SQLite takes more
SPARE_SECONDS = 300.0  # beyond what a submission may take, before its worker is taken for dead


@dataclass
class Summary:
    """How a run went. todo: submissions to grade; graded, kept: now, and before; all others by student, with words."""

    lab: str
    todo: int = 0
    graded: int = 0
    kept: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    unsafe: bool = False
    interrupted: bool = False
    backup: Path | None = None

    @property
    def exit_code(self) -> int:
        """0; 1 where a person must look at something; 130 after Ctrl-C."""
        return 130 if self.interrupted else int(bool(self.rejected or self.lost or self.left_out))

    def __str__(self) -> str:
        pace = f", {60 * self.graded / self.seconds:.0f} a minute" if self.graded and self.seconds else ""
        lines = [f"{self.lab}: {self.graded} graded in {self.seconds:.0f} s{pace}"]
        if self.kept:
            lines.append(f"{self.kept} were graded before and are as they were")
        for name, rows in (("rejected", self.rejected), ("NOT graded", self.lost), ("left out", self.left_out)):
            lines += [f"{name}: {student}: {words}" for student, words in rows]
        if self.backup:
            lines.append(f"the gradebook as it was before: {self.backup}")
        if self.unsafe:
            lines.append("UNSAFE: the students' code ran without a sandbox, with your own rights")
        if self.interrupted:
            left = self.todo - self.graded - len(self.lost)
            lines.append(f"interrupted with {left} to go: nothing is lost, the same command with --resume goes on")
        return "\n".join(lines)


def run(
    course: Course,
    lab: str,
    *,
    workers: int | None = None,
    resume: bool = False,
    dask: str | None = None,
    dask_wait: float | None = None,
    students: list[str] | None = None,
    exercise: str | None = None,
    late_penalty: float | None = None,
    unsafe: bool = False,
    cell_seconds: float | None = None,
    submission_seconds: float | None = None,
    progress: bool = True,
) -> Summary:
    """Grade the submissions of a lab and write the gradebook, which is backed up before.

    workers: processes, default one a core. resume: grade only what has no result yet, or has changed; an interrupted
    run goes on with the options that it had. dask: address of a scheduler whose workers grade instead. dask_wait:
    seconds that it may have no worker, default 300. students: only these. exercise: of results that are there, only
    this one is made anew. late_penalty: share of the mark for each started day, default that of the run before, else 0.
    unsafe: no sandbox. cell_seconds, submission_seconds: of a cell and of all together, default 60 and 900. Raises
    ValueError for a wrong argument, RuntimeError where no grading is possible, or another run of this lab is going on.
    """
    _check(workers, late_penalty, dask_wait)
    _check_seconds(cell_seconds, submission_seconds)
    folder = course.grading(lab)
    folder.parent.mkdir(mode=0o700, exist_ok=True)  # marks are for their owner
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            last = _state.read(course, lab)
            state = _state.begin(
                last,
                resume=resume,
                students=students,
                exercise=exercise,
                late_penalty=late_penalty,
                cell_seconds=cell_seconds,
                submission_seconds=submission_seconds,
            )
            all_anew = not resume and state.students is None and state.exercise is None
            state.unsafe = unsafe or last.unsafe and not all_anew  # some results are still of the run without a sandbox
            state.dask, state.workers = dask, workers or pool.cores()
            this = _Run(course, lab, state, last, progress=progress, unsafe=unsafe, dask_wait=dask_wait)
            return this.go(fresh=not resume)
    except Timeout:
        raise RuntimeError(f"another run of {lab} is going on in this folder") from None


class _Run:
    def __init__(
        self,
        course: Course,
        lab: str,
        state: _state.State,
        last: _state.State,
        *,
        progress: bool,
        unsafe: bool,
        dask_wait: float | None,
    ):
        self.course, self.name, self.state, self.last = course, lab, state, last
        self.progress, self.unsafe, self.dask_wait = progress, unsafe, dask_wait
        self.summary = Summary(lab, unsafe=state.unsafe)
        self.most_bytes = largest(course, lab)
        self.info: dict[str, Any] = {}
        self.chosen: dict[str, str] = {}  # student -> digest of submission and lab
        self.submissions: dict[str, str] = {}  # student -> SHA-256 of what is being graded

    def go(self, *, fresh: bool) -> Summary:
        start = time.monotonic()
        handed_in = self._handed_in()
        self.summary.backup = backup(self.course)
        seconds = {"cell_seconds": self.state.cell_seconds, "submission_seconds": self.state.submission_seconds}
        self.lab, work = prepare_lazily(self.course, self.name, **seconds, unsafe=self.unsafe)
        if self.state.exercise not in (None, *(cell.exercise for cell in self.lab.graded)):
            names = ", ".join(cell.exercise for cell in self.lab.graded)
            raise ValueError(f"{self.name} has no exercise {self.state.exercise!r}; there are: {names}")
        self._choose(handed_in)
        todo = list(self.chosen) if fresh else self._left()
        self.state.required |= dict.fromkeys(todo, self.state.id)
        self.state.sandbox = "none" if self.unsafe else sandbox_name()
        _state.write(self.course, self.name, self.state)
        self.summary.todo, self.summary.kept = len(todo), len(self.chosen) - len(todo)
        try:
            self._grade(self._completed(work) if todo else work, todo)
            self._write_gradebook()
        except KeyboardInterrupt:
            self.summary.interrupted = True
        self.summary.seconds = round(time.monotonic() - start, 1)
        self._note_the_end()
        return self.summary

    def _completed(self, work: Opens | Uncompleted) -> Opens:
        """Only where there is something to grade: it takes a sandbox."""
        if isinstance(work, Uncompleted):
            if self.progress:
                print(f"{self.name}: runs the solution first, for a few seconds", file=sys.stderr, flush=True)
            self.lab, work = work.completed()
        return work

    def _handed_in(self) -> list[str]:
        found, possible = self.course.students_with(self.name), []
        if not found:
            raise RuntimeError(f"no {self.name} is collected yet: `course grade collect LAB DIR|ZIP` comes first")
        for student in self.state.students or []:
            if student not in found:
                raise ValueError(f"{student!r} has handed in no {self.name}")
        for student in found if self.state.students is None else sorted(set(self.state.students)):
            try:
                results.result_file(self.course, self.name, student)
                if self.course.sqlite_file is None and len(student) > SERVER_NAME:
                    raise ValueError(f"the gradebook takes ids of up to {SERVER_NAME} characters")
                possible.append(student)
            except ValueError as why:
                self.summary.left_out.append((ascii(student)[1:61], f"rename this folder: {why}"))
        return possible

    def _choose(self, handed_in: list[str]) -> None:
        for student in handed_in:
            if self._read(student) is None:
                continue
            if self.state.exercise is not None and (words := self._no_result(student)):
                self.summary.left_out.append((student, words))
                del self.chosen[student]

    def _left(self) -> list[str]:
        """The students whose submission has no result yet; of the others, those rejected are told again."""
        left = []
        for student, digest in self.chosen.items():
            stored = results.read(self.course, self.name, student)
            if stored is None or not self.state.is_done(student, stored, digest):
                left.append(student)
            elif stored.graded.rejected:
                self.summary.rejected.append((student, stored.graded.rejected))
        return left

    def _read(self, student: str) -> bytes | None:
        """The submission; None where it is none, which is then a result as well: never a mark."""
        path = self.course.submission(student, self.name)
        try:
            if not os.path.lexists(path):
                there = sorted(item.name for item in path.parent.glob("*") if item.name != "timestamp.txt")
                raise ValueError(f"there is no {path.name} in its folder, but {', '.join(there) or 'nothing'}")
            submission = read_notebook(path, self.most_bytes)
            gradebook.submitted_at(self.course, student, self.name)
        except ValueError as why:
            self.chosen.pop(student, None)
            self._store(Graded(student, self.name, "", rejected=str(why)))
            return None
        self.submissions[student] = hashlib.sha256(submission).hexdigest()
        self.chosen[student] = submission_digest(submission, self.lab)  # of what is graded: it may change meanwhile
        return submission

    def _no_result(self, student: str) -> str:
        """Why one exercise alone cannot be made anew."""
        stored = results.read(self.course, self.name, student)
        if stored is None or stored.graded.rejected:
            return "was not graded before: run it without --exercise"
        if stored.submission != self.submissions[student]:
            return "has handed in anew since it was graded: run it without --exercise"
        return ""

    def _jobs(self, todo: list[str]) -> Iterator[Job]:
        for student in todo:
            submission = self._read(student)  # only now: a class would fill the memory
            if submission is not None:
                yield Job(student, submission)

    def _grade(self, work: Opens | Uncompleted, todo: list[str]) -> None:
        if not todo or isinstance(work, Uncompleted):
            return
        # it takes a second, as workers do to start; no daemon thread, for Python should not end within an import
        threading.Thread(target=importlib.import_module, args=("nbgrader.api",)).start()
        with (
            closing(self._pool(work, todo)) as pool_,
            tqdm(total=len(todo), desc=self.name, unit="student", disable=not self.progress) as bar,
        ):
            for done in pool_:
                self._take(done)
                bar.set_postfix(failed=len(self.summary.rejected) + len(self.summary.lost), refresh=False)
                bar.update()

    def _pool(self, work: Opens, todo: list[str]) -> Generator[Done]:
        if self.state.dask:
            from course_staff.running import dask_pool

            wait = dask_pool.WAIT_SECONDS if self.dask_wait is None else self.dask_wait
            return dask_pool.grade_all(work, self._jobs(todo), address=self.state.dask, info=self.info, wait=wait)
        seconds = self.state.submission_seconds * (1 + Limits.restarts) + SPARE_SECONDS
        self.state.workers = min(self.state.workers, len(todo))
        return pool.grade_all(work, self._jobs(todo), workers=self.state.workers, seconds=seconds, info=self.info)

    def _take(self, done: Done) -> None:
        if not done.graded:
            self.summary.lost.append((done.student, done.problem))
            return
        graded = Graded.from_json(done.graded)
        if self.state.exercise is not None and not graded.rejected:
            stored = results.read(self.course, self.name, done.student)
            graded = merged(stored.graded, graded, self.lab, self.state.exercise) if stored else graded
        self._store(graded)
        self.summary.graded += 1

    def _store(self, graded: Graded) -> None:
        if graded.rejected:
            self.summary.rejected.append((graded.student, graded.rejected))
        submission = self.submissions.get(graded.student, "")
        results.save(self.course, self.name, graded, run=self.state.id, submission=submission)

    def _write_gradebook(self) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        done = []
        for student, digest in self.chosen.items():
            stored = results.read(self.course, self.name, student)
            if stored is not None and self.state.is_done(student, stored, digest):
                done.append(stored.graded)
        exercise, late_penalty = self.state.exercise, self.state.late_penalty
        try:
            gradebook.write(self.course, self.lab, done, exercise=exercise, late_penalty=late_penalty)
        except SQLAlchemyError as error:
            why = str(getattr(error, "orig", error)).strip()
            raise RuntimeError(
                f"the gradebook could not be written ({why}): no result is lost, `--resume` writes them"
            ) from error

    def _note_the_end(self) -> None:
        self.summary.rejected.sort()
        self.summary.lost.sort()
        self.state.seconds, self.state.interrupted = self.summary.seconds, self.summary.interrupted
        others = [row for row in self.last.lost if row[0] not in self.submissions]
        self.state.lost = sorted(others + [list(row) for row in self.summary.lost])
        self.state.warm, self.state.why_cold = self.info.get("warm"), self.info.get("why_cold", "")
        _state.write(self.course, self.name, self.state)


def _check(workers: int | None, late_penalty: float | None, dask_wait: float | None) -> None:
    if workers is not None and workers < 1:
        raise ValueError(f"--workers: expected 1 or more, got {workers}")
    if late_penalty is not None and not 0 <= late_penalty <= 1:
        raise ValueError(f"--late-penalty: expected a share between 0 and 1, got {late_penalty}")
    if dask_wait is not None and not dask_wait >= 0:
        raise ValueError(f"--dask-wait: expected a time of 0 or more, got {dask_wait}")


def _check_seconds(cell: float | None, submission: float | None) -> None:
    for option, seconds in (("--cell-seconds", cell), ("--submission-seconds", submission)):
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"{option}: expected a time above 0, got {seconds}")

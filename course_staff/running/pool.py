"""Grade on all cores of this computer: processes that each keep a sandbox, and may die without any mark being lost.

A worker has no gradebook and no results: it gets the bytes of a submission and answers with JSON. One that dies is
replaced, and its submission is given out again; what has cost three workers is given up, and said so.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from course_staff.running.work import ATTEMPTS, Done, Job, Opens, PoolError

STARTS = 8  # deaths of workers in a row, none of which could begin: more are no accident
_PR_SET_PDEATHSIG = 1


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def grade_all(
    work: Opens,
    jobs: Iterable[Job],
    *,
    workers: int,
    seconds: float | None = None,
    info: dict[str, Any] | None = None,
) -> Generator[Done]:
    """Grade `jobs`, in the order in which they are done; each comes out exactly once.

    jobs: taken one by one as workers are free. seconds: that one may take before its worker is taken for dead.
    info: filled with what the workers say of themselves. Closing the generator ends all workers, with all they run.
    """
    with tempfile.TemporaryDirectory(prefix="course-pool-", ignore_cleanup_errors=True) as folder:
        pool = _Pool(work, jobs, workers, seconds, folder, {} if info is None else info)
        try:
            yield from pool.run()
        finally:
            pool.end()


class _Worker:
    def __init__(self, work: Opens, folder: str):
        context = multiprocessing.get_context("spawn")  # a fork would share the gradebook's connection
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs, folder, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.job: tuple[Job, int] | None = None
        self.since = 0.0

    def give(self, job: tuple[Job, int]) -> None:
        self.job, self.since = job, time.monotonic()
        with contextlib.suppress(OSError):  # dead: its end is seen soon
            self.pipe.send((job[0].student, job[0].submission))

    def kill(self) -> None:
        assert self.process.pid is not None, "it was started"
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # it leads a group of its own
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Pool:
    def __init__(
        self,
        work: Opens,
        jobs: Iterable[Job],
        workers: int,
        seconds: float | None,
        folder: str,
        info: dict[str, Any],
    ):
        self.work, self.size, self.seconds, self.folder, self.info = work, workers, seconds, folder, info
        self.fresh = iter(jobs)
        self.again: deque[tuple[Job, int]] = deque()
        self.workers: list[_Worker] = []
        self.failed_starts = 0

    def run(self) -> Iterator[Done]:
        waiting = self._next()
        while waiting or self.again or any(worker.job for worker in self.workers):
            waiting = waiting or self._next()
            while waiting:
                free = next((worker for worker in self.workers if worker.ready and not worker.job), None)
                if free is None:
                    break
                free.give(waiting)
                waiting = self._next()
            if waiting and len(self.workers) < self.size:
                self.workers.append(_Worker(self.work, self.folder))
                continue
            for pipe in wait([worker.pipe for worker in self.workers], self._patience()):
                worker = next(worker for worker in self.workers if worker.pipe is pipe)
                if done := self._heard(worker):
                    yield done
            for worker in [worker for worker in self.workers if self._late(worker)]:
                if done := self._died(worker, f"took more than {self.seconds:g} s and was ended"):
                    yield done

    def end(self) -> None:
        """Stop idle workers politely, so that they tidy up; end the others."""
        for worker in self.workers:
            if worker.ready and not worker.job:
                with contextlib.suppress(OSError):
                    worker.pipe.send(None)
        deadline = time.monotonic() + 5
        for worker in self.workers:
            if worker.ready and not worker.job:
                worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.kill()
        self.workers = []

    def _next(self) -> tuple[Job, int] | None:
        if self.again:
            return self.again.popleft()
        job = next(self.fresh, None)
        return (job, 1) if job is not None else None

    def _patience(self) -> float | None:
        if self.seconds is None:
            return None
        ends = [worker.since + self.seconds for worker in self.workers if worker.job]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _late(self, worker: _Worker) -> bool:
        return bool(self.seconds and worker.job and time.monotonic() > worker.since + self.seconds)

    def _heard(self, worker: _Worker) -> Done | None:
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            return self._died(worker, "died")
        if kind == "ready":
            worker.ready, self.failed_starts = True, 0
            self.info.update(content)
        elif kind == "done":
            assert worker.job is not None, "only who was given a job is done"
            (job, _), worker.job = worker.job, None
            return Done(job.student, content)
        elif kind == "raised":
            return self._died(worker, f"failed: {content}")
        else:  # it could not open its work, so no worker can
            raise PoolError(content)
        return None

    def _died(self, worker: _Worker, how: str) -> Done | None:
        """Clear up after a worker; its submission is given out again, or given up."""
        self.workers.remove(worker)
        worker.kill()
        code = worker.process.exitcode
        if not worker.ready:
            self.failed_starts += 1
            if self.failed_starts >= STARTS:
                raise PoolError(f"{STARTS} workers in a row ended before they could begin (exit code {code})")
        if worker.job is None:
            return None
        job, attempt = worker.job
        if attempt < ATTEMPTS:
            self.again.append((job, attempt + 1))
            return None
        return Done(job.student, problem=f"{ATTEMPTS} workers were lost while grading it; the last one {how}")


def _serve(work: Opens, pipe: Connection, folder: str, parent: int) -> None:
    """The life of a worker process."""
    os.setsid()  # Ctrl-C at the terminal is for the main process alone
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the main process died before it could be tied to it
    tempfile.tempdir = folder
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError), contextlib.ExitStack() as stack:
        try:
            grade = stack.enter_context(work.open())
        except Exception as error:
            pipe.send(("broken", _words(error)))
            return
        pipe.send(("ready", getattr(grade, "info", {})))
        while (job := pipe.recv()) is not None:
            try:
                graded = grade(*job)
            except Exception as error:
                traceback.print_exc()
                pipe.send(("raised", _words(error)))
                return  # whatever it was, a fresh worker has not got it
            pipe.send(("done", graded))


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {error}"

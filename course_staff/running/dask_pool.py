"""Grade on several computers: the same work, given out by a Dask scheduler that is there already.

Each Dask worker gets the lab once and keeps a sandbox for each of its threads; the bytes of submissions go out, JSON
comes back. Each computer needs bubblewrap and the same course_lib, which is checked.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from distributed import Client, KilledWorker, WorkerPlugin, as_completed, get_worker

from course_staff.running.work import ATTEMPTS, Done, Job, Opens, PoolError, code_digest

AHEAD = 2  # submissions given out for each thread, so that none waits for the network
CONNECT_SECONDS = 20


def grade_all(
    work: Opens,
    jobs: Iterable[Job],
    *,
    address: str,
    info: dict[str, Any] | None = None,
) -> Generator[Done]:
    """As `pool.grade_all`, by the workers of the scheduler at `address` ("tcp://10.0.0.1:8786").

    Workers may come, go and be killed meanwhile. Raises PoolError where there is no scheduler, a worker has no sandbox
    or another version of course_lib.
    """
    info = {} if info is None else info
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise PoolError(f"there is no Dask scheduler at {address}: {error}") from error
    name = f"course-{uuid.uuid4().hex}"
    with contextlib.closing(client):
        client.register_plugin(_Holder(name, work, code_digest()))  # also for workers that come later
        try:
            yield from _results(client, name, jobs, info)
        finally:
            with contextlib.suppress(Exception):  # a scheduler that is gone has no plugin any more
                client.unregister_worker_plugin(name)


def _results(client: Client, name: str, jobs: Iterable[Job], info: dict[str, Any]) -> Iterator[Done]:
    fresh, pending, done = iter(jobs), {}, as_completed(loop=client.loop)
    suspects: deque[Job] = deque()  # their workers died, perhaps through another that waited there

    def submit(job: Job, attempt: int, *, alone: bool = False) -> None:
        future = client.submit(_grade, name, job.student, job.submission, key=f"{name}-{uuid.uuid4().hex}", pure=False)
        pending[future] = (job, attempt, alone)
        done.add(future)

    def fill() -> None:
        threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
        while len(pending) < max(1, threads) * AHEAD and (job := next(fresh, None)) is not None:
            submit(job, 1)
        if suspects and not pending:  # one at a time: who kills a worker now has done it
            submit(suspects.popleft(), 1, alone=True)

    try:
        fill()
        while pending:
            future = next(done)
            job, attempt, alone = pending.pop(future)
            try:
                kind, content, said = future.result()
            except KilledWorker:  # Dask itself has tried more than three
                kind, content, said = ("raised" if alone else "suspect"), "they died", {}
                attempt = ATTEMPTS
            except Exception as error:  # lost connections and the like
                kind, content, said = "raised", f"{type(error).__name__}: {error}", {}
                if client.status != "running":
                    raise PoolError("the Dask scheduler is gone: nothing is lost, `--resume` goes on") from error
            info.update(said)
            if kind == "broken":
                raise PoolError(content)
            if kind == "done":
                yield Done(job.student, content)
            elif kind == "suspect":
                suspects.append(job)
            elif attempt < ATTEMPTS:
                submit(job, attempt + 1, alone=alone)
            else:
                yield Done(job.student, problem=f"{ATTEMPTS} workers failed at grading it; the last one: {content}")
            fill()
    finally:
        with contextlib.suppress(Exception):
            client.cancel(list(pending), force=True)


class _Holder(WorkerPlugin):
    """Keeps the work on a Dask worker, and an open grader for each of its threads."""

    def __init__(self, name: str, work: Opens, code: str):
        self.name, self.work, self.code = name, work, code

    def setup(self, worker: Any) -> None:
        self.address = worker.address
        self.lock = threading.Lock()
        self.graders: dict[int, Any] = {}
        self.stack = contextlib.ExitStack()

    def teardown(self, worker: Any) -> None:
        with self.lock:
            self.stack.close()

    def grader(self) -> Any:
        """That of this thread: a sandbox serves one submission at a time."""
        with self.lock:
            if code_digest() != self.code:
                raise PoolError("another version of course_lib is installed there: install the same everywhere")
            here = threading.get_ident()
            if here not in self.graders:
                self.graders[here] = self.stack.enter_context(self.work.open())
            return self.graders[here]


def _grade(name: str, student: str, submission: bytes) -> tuple[str, str, dict[str, Any]]:
    """On a Dask worker: "done" and JSON, "raised" or "broken" and words; then what the grader says of itself."""
    holder: Any = get_worker().plugins[name]
    try:
        grader = holder.grader()
    except Exception as error:
        return "broken", f"{holder.address}: {error}", {}
    try:
        return "done", grader(student, submission), dict(getattr(grader, "info", {}))
    except Exception as error:
        return "raised", f"{type(error).__name__}: {error}", {}

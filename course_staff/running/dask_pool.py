"""Grade on several computers: the same work, given out by a Dask scheduler that is there already.

Each Dask worker gets the lab once and keeps a sandbox for each of its threads; the bytes of submissions go out, JSON
comes back. Each computer needs bubblewrap and the same course_lib, which is checked.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from distributed import Client, KilledWorker, WorkerPlugin, as_completed, get_worker

from course_staff.running.work import ATTEMPTS, Done, Job, Opens, PoolError, code_digest

AHEAD = 2  # submissions given out for each thread, so that none waits for the network
CONNECT_SECONDS = 20
SAY_SECONDS = 10.0  # without any worker, before that is said
WAIT_SECONDS = 300.0
LOOK_SECONDS, POLL_SECONDS = 1.0, 0.02


def grade_all(
    work: Opens,
    jobs: Iterable[Job],
    *,
    address: str,
    info: dict[str, Any] | None = None,
    wait: float = WAIT_SECONDS,
) -> Generator[Done]:
    """As `pool.grade_all`, by the workers of the scheduler at `address` ("tcp://10.0.0.1:8786").

    Workers may come, go and be killed meanwhile. wait: seconds that there may be none at all. Raises PoolError where
    there is no scheduler, a worker has no sandbox or another version of course_lib, or none came in time.
    """
    info = {} if info is None else info
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # what answers there may be anything: its first bytes are taken for a length
        raise PoolError(f"there is no Dask scheduler at {address}: {type(error).__name__}: {error}") from error
    name = f"course-{uuid.uuid4().hex}"
    with contextlib.closing(client):
        client.register_plugin(_Holder(name, work, code_digest()))  # also for workers that come later
        try:
            yield from _results(client, name, jobs, info, wait)
        finally:
            with contextlib.suppress(Exception):  # a scheduler that is gone has no plugin any more
                client.unregister_worker_plugin(name)


def _results(client: Client, name: str, jobs: Iterable[Job], info: dict[str, Any], wait: float) -> Iterator[Done]:
    fresh, pending = iter(jobs), {}
    # results too are fetched aside: a worker may take them with it, so that they are computed anew
    done = as_completed(loop=client.loop, with_results=True, raise_errors=False)
    suspects: deque[Job] = deque()  # their workers died, perhaps through another that waited there

    def submit(job: Job, attempt: int, *, alone: bool = False) -> None:
        future = client.submit(_grade, name, job.student, job.submission, key=f"{name}-{uuid.uuid4().hex}", pure=False)
        pending[future] = (job, attempt, alone)
        done.add(future)

    def fill() -> None:
        threads = sum(worker["nthreads"] for worker in _workers(client).values())
        while len(pending) < max(1, threads) * AHEAD and (job := next(fresh, None)) is not None:
            submit(job, 1)
        if suspects and not pending:  # one at a time: who kills a worker now has done it
            submit(suspects.popleft(), 1, alone=True)

    try:
        fill()
        while pending:
            _until_ready(client, done, wait)
            future, result = next(done)
            job, attempt, alone = pending.pop(future)
            try:
                kind, content, said = future.result() if future.status in ("error", "cancelled") else result
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


def _workers(client: Client) -> dict[str, Any]:
    return client.scheduler_info(n_workers=-1)["workers"]


def _until_ready(client: Client, done: as_completed, wait: float) -> None:
    """Returns when a result is there. Raises PoolError where there has been no worker for `wait` seconds."""
    seen = looked = time.monotonic()
    said = False
    while not done.has_ready():
        time.sleep(POLL_SECONDS)
        now = time.monotonic()
        if now < looked + LOOK_SECONDS:
            continue
        looked = now
        try:
            there = _workers(client)
        except OSError:  # the scheduler is gone: the results will say so
            return
        if there:
            seen, said = now, False
        elif now > seen + wait:
            raise PoolError(
                f"the Dask scheduler at {_address(client)} has had no worker for {wait:g} s (--dask-wait): "
                "nothing is lost, start workers and `--resume` goes on"
            )
        elif now > seen + SAY_SECONDS and not said:
            said = True
            address, left = _address(client), wait - (now - seen)
            print(f"\n0 workers at the Dask scheduler {address}: waits {left:.0f} s more for one", file=sys.stderr)


def _address(client: Client) -> str:
    return str(client.scheduler.address) if client.scheduler is not None else "?"


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

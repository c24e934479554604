"""Dask's workers instead of our own: the same marks, also when they are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_class import (
    FULL,
    LAB,
    ToldWork,
    hand_in_class,
    in_this_process,
    open_course,
    prepared,
    small_lab,
    submission,
    told_work,
)

from course_staff.reports.export import export
from course_staff.running import pool
from course_staff.running import run as run_module
from course_staff.running.pool import grade_all as grade_locally
from course_staff.running.run import run
from course_staff.running.work import Job, PoolError

distributed = pytest.importorskip("distributed")
from course_staff.running import dask_pool  # noqa: E402
from course_staff.running.dask_pool import grade_all  # noqa: E402


def two_workers() -> distributed.LocalCluster:
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "silence_logs": 50}
    return distributed.LocalCluster(host="127.0.0.1", dashboard_address="127.0.0.1:0", **options)


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    with two_workers() as cluster:
        yield cluster


def kill_one(cluster) -> None:
    worker = next(iter(cluster.workers.values()))
    os.kill(worker.pid, signal.SIGKILL)


def test_killed_workers_change_nothing(cluster):
    work = told_work(small_lab())
    jobs = [Job(f"s{number}", submission({**FULL, "double": number % 3}, sleep=0.2)) for number in range(12)]
    expected = {item.student: item.graded for item in grade_locally(work, jobs, workers=2)}
    found, kills, info = [], 0, {}
    for item in grade_all(work, jobs, address=cluster.scheduler_address, info=info):
        found.append(item)
        if len(found) in (2, 6):
            kill_one(cluster)
            kills += 1
    assert kills == 2 and len(found) == 12 and info == {"warm": True, "why_cold": ""}
    assert {item.student: item.graded for item in found} == expected


def test_a_class_gets_the_same_table_as_from_the_local_pool(cluster, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(run_module, "prepare_lazily", prepared())
    here, there = open_course(tmp_path / "here"), open_course(tmp_path / "there")
    hand_in_class(here)
    hand_in_class(there)
    with monkeypatch.context() as patched:
        patched.setattr(pool, "grade_all", in_this_process)
        run(here, LAB, workers=1, late_penalty=0.1, progress=False)
    summary = run(there, LAB, dask=cluster.scheduler_address, late_penalty=0.1, progress=False)
    assert summary.graded == 7 and export(there, format="csv") == export(here, format="csv")


def test_an_exception_of_the_grader_is_told(cluster):
    work = told_work(small_lab())
    done = list(grade_all(work, [Job("s", submission(raises="no such cell"))], address=address(cluster)))
    assert len(done) == 1 and "ValueError: no such cell" in done[0].problem


@pytest.mark.parametrize("greeting", [b"HTTP/1.0 400 Bad Request\r\n\r\n" * 4, b"SSH-2.0-OpenSSH_9.2\r\n" * 4, b""])
def test_an_address_where_something_else_answers(greeting, monkeypatch):
    """A web server's first bytes, read as a length, ask for more memory than there is."""
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    line.sendall(greeting)
                    line.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(PoolError, match=f"no Dask scheduler at tcp://127.0.0.1:{port}"):
            next(iter(grade_all(told_work(small_lab()), [], address=f"tcp://127.0.0.1:{port}")))


def test_no_grading_is_possible_and_it_is_said_why(cluster, monkeypatch):
    jobs = [Job("s", submission())]
    with pytest.raises(PoolError, match="tcp://.*: bubblewrap is not installed"):
        list(grade_all(ToldWork(broken="bubblewrap is not installed"), jobs, address=address(cluster)))
    monkeypatch.setattr(dask_pool, "code_digest", lambda: "of another version")
    with pytest.raises(PoolError, match="another version of course_lib"):
        list(grade_all(told_work(small_lab()), jobs, address=address(cluster)))
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 0.2)
    with pytest.raises(PoolError, match="no Dask scheduler at tcp://127.0.0.1:9"):
        list(grade_all(told_work(small_lab()), jobs, address="tcp://127.0.0.1:9"))


def test_each_job_comes_once_and_none_for_none(cluster):
    work = told_work(small_lab())
    assert list(grade_all(work, [], address=address(cluster))) == []
    twins = [Job("a", submission()), Job("b", submission())]  # equal bytes are still two submissions
    assert sorted(item.student for item in grade_all(work, twins, address=address(cluster))) == ["a", "b"]


def test_what_always_kills_its_worker_is_given_up_and_said_and_nothing_beside_it(tmp_path: Path):
    deadly = Job("deadly", submission(deaths=99, file=str(tmp_path / "deaths")))
    jobs = [deadly, *(Job(f"s{number}", submission(sleep=0.05)) for number in range(4))]
    done: dict = {}
    for last in (False, False, True):
        # on a busy machine Dask may not bring back workers that die as soon as they start: then others must come
        try:
            with two_workers() as mortal:
                work = told_work(small_lab())
                done = {item.student: item for item in grade_all(work, jobs, address=address(mortal), wait=20)}
            break
        except PoolError as error:
            if last or "has had no worker" not in str(error):
                raise
    assert done["deadly"].graded == "" and "died" in done["deadly"].problem
    assert len(done) == 5 and all(item.graded for name, item in done.items() if name != "deadly")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of one without workers, and without anybody who starts new ones."""
    options = {"n_workers": 0, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with distributed.LocalCluster(host="127.0.0.1", **options) as cluster:
        yield cluster.scheduler_address


@contextlib.contextmanager
def lonely_worker(scheduler: str) -> Iterator[subprocess.Popen]:
    code = "import sys; from distributed.cli.dask_worker import main; main(sys.argv[1:], standalone_mode=False)"
    options = [scheduler, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}  # there lies small_class
    command = [sys.executable, "-c", code, *options]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            with distributed.Client(scheduler, set_as_default=False) as client:
                client.wait_for_workers(1, timeout=60)
            yield process
        finally:
            process.kill()


def class_of(count: int) -> list[Job]:
    return [Job(f"s{number}", submission()) for number in range(count)]


def test_a_run_whose_workers_are_all_gone_says_so_and_ends(scheduler, monkeypatch, capsys):
    monkeypatch.setattr(dask_pool, "SAY_SECONDS", 0.5)
    found = []
    with lonely_worker(scheduler) as worker, pytest.raises(PoolError, match="no worker for 3 s.*--resume"):
        for item in grade_all(told_work(small_lab()), class_of(9), address=scheduler, wait=3):
            found.append(item)
            worker.kill()
    assert 1 <= len(found) < 9
    assert capsys.readouterr().err.count(f"0 workers at the Dask scheduler {scheduler}: waits") == 1


def test_a_worker_that_comes_in_time_goes_on(scheduler, monkeypatch, capsys):
    monkeypatch.setattr(dask_pool, "SAY_SECONDS", 0.5)
    with contextlib.ExitStack() as stack:
        first, found = stack.enter_context(lonely_worker(scheduler)), []
        for item in grade_all(told_work(small_lab()), class_of(9), address=scheduler):
            found.append(item)
            if len(found) == 1:
                first.kill()
                later = threading.Timer(3, lambda: stack.enter_context(lonely_worker(scheduler)))
                later.start()
        later.join()
    assert sorted(item.student for item in found) == [f"s{number}" for number in range(9)]
    assert all(item.graded for item in found) and "0 workers" in capsys.readouterr().err


def address(cluster) -> str:
    return cluster.scheduler_address

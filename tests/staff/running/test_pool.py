"""The local pool: each job comes out once, whatever becomes of the workers."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from small_class import FULL, ToldWork, small_lab, submission, told_work

from course_staff.running.pool import grade_all
from course_staff.running.work import ATTEMPTS, Job, PoolError

WORK = told_work(small_lab())


def graded(jobs: list[Job], **options) -> dict[str, str]:
    """Student -> JSON, where all jobs come out once and none is lost."""
    done = list(grade_all(WORK, jobs, **{"workers": 2, **options}))
    assert sorted(item.student for item in done) == sorted(job.student for job in jobs)
    assert [item.problem for item in done if item.problem] == []
    return {item.student: item.graded for item in done}


def class_of(count: int, **orders) -> list[Job]:
    return [Job(f"s{number}", submission({**FULL, "double": number % 3}, **orders)) for number in range(count)]


def test_any_number_of_workers_gives_the_same():
    jobs = class_of(7)
    one = graded(jobs, workers=1)
    assert [json.loads(one[f"s{number}"])["marks"]["double_test"] for number in range(4)] == [0, 1, 2, 0]
    assert graded(list(reversed(jobs)), workers=3) == one


def test_no_jobs_need_no_workers():
    assert list(grade_all(ToldWork(broken="never opened"), [], workers=2)) == []


def test_jobs_are_taken_only_when_a_worker_is_free():
    taken = []

    def jobs():
        for job in class_of(6):
            taken.append(job.student)
            yield job

    with closing(grade_all(WORK, jobs(), workers=1)) as pool:
        next(pool)
        assert len(taken) <= 3
    assert multiprocessing.active_children() == []


def test_a_worker_that_dies_costs_nothing(tmp_path: Path):
    deadly = Job("deadly", submission(deaths=ATTEMPTS - 1, file=str(tmp_path / "deaths")))
    found = graded([*class_of(3), deadly])
    assert json.loads(found["deadly"])["marks"]["treble_test"] == 3
    assert (tmp_path / "deaths").stat().st_size == ATTEMPTS - 1


def test_what_always_kills_its_worker_is_given_up_and_said(tmp_path: Path):
    deadly = Job("deadly", submission(deaths=99, file=str(tmp_path / "deaths")))
    done = {item.student: item for item in grade_all(WORK, [deadly, *class_of(3)], workers=2)}
    assert len(done) == 4 and done["deadly"].graded == "" and "3 workers" in done["deadly"].problem
    assert (tmp_path / "deaths").stat().st_size == ATTEMPTS
    assert all(item.graded for name, item in done.items() if name != "deadly")


def test_an_exception_of_the_grader_is_told():
    done = list(grade_all(WORK, [Job("s", submission(raises="no such cell"))], workers=1))
    assert len(done) == 1 and "ValueError: no such cell" in done[0].problem


def test_a_worker_that_hangs_is_ended():
    jobs = [Job("slow", submission(sleep=600)), *class_of(2)]
    done = {item.student: item for item in grade_all(WORK, jobs, workers=2, seconds=1.5)}
    assert "1.5 s" in done["slow"].problem and done["s0"].graded and done["s1"].graded


def test_workers_killed_at_random_cost_nothing():
    jobs, choose, kills = class_of(12, sleep=0.15), random.Random(3), 0
    seen = []
    for item in grade_all(WORK, jobs, workers=2):
        seen.append(item)
        if len(seen) % 3 == 0:
            os.kill(choose.choice(multiprocessing.active_children()).pid, signal.SIGKILL)
            kills += 1
    assert kills == 4
    assert {item.student: item.graded for item in seen} == graded(class_of(12, sleep=0.15)) and len(seen) == 12


def test_work_that_cannot_begin_stops_at_once_and_says_why():
    with pytest.raises(PoolError, match="bubblewrap is not installed"):
        list(grade_all(ToldWork(broken="bubblewrap is not installed"), class_of(3), workers=2))
    assert multiprocessing.active_children() == []


def test_workers_say_how_they_work():
    info: dict = {}
    list(grade_all(WORK, class_of(1), workers=1, info=info))
    assert info == {"warm": True, "why_cold": ""}


def test_workers_die_with_the_main_process(tmp_path: Path):
    script = """
import sys; sys.path.insert(0, sys.argv[1])
import multiprocessing
from small_class import *
from course_staff.running.pool import grade_all
from course_staff.running.work import Job
if __name__ == "__main__":
    work = ToldWork(sys.argv[2])
    for done in grade_all(work, [Job("a", submission()), Job("b", submission(sleep=600))], workers=2):
        print(*[child.pid for child in multiprocessing.active_children()], flush=True)
"""
    command = [sys.executable, "-c", script, str(Path(__file__).parents[2]), WORK.lab]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # who is killed cannot tidy up
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as main:
        workers = [int(word) for word in main.stdout.readline().split()]
        main.kill()
    assert workers
    deadline = time.monotonic() + 60
    while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(alive(worker) for worker in workers)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

"""A class, graded while workers die: the marks are those of an undisturbed run by one worker, byte for byte.

The disturbed run is a program of its own. Its workers are killed at random; then all of it is killed at once, as by a
power failure; then `--resume` finishes it, and workers are killed again.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

pytest.importorskip("nbgrader")

from classroom import scratch, suite

from course_staff.course import Course
from course_staff.marking.reading import read_lab_to_grade
from course_staff.reports import export
from course_staff.running import run
from course_staff.sandbox import sandbox as sandboxes

PROBLEM = sandboxes.problem()
pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=f"sandbox: {PROBLEM}")

SIZE = 60
MIDDLE = 24  # results, when all of it is killed
CELL_SECONDS = 5
# hostile or odd, and quick; the rest of the class is right, wrong in an ordinary way, or has not answered
ODD = (
    "infinite_loop",
    "exits",
    "exits_hard_at_the_top",
    "kills_itself_in_a_test",
    "test_tampered",
    "all_tests_deleted",
    "test_duplicated",
    "metadata_and_ids_stripped",
    "points_raised",
    "invalid_json",
    "forged_9999",
    "always_equal",
    "asserts_removed",
    "rewrites_the_gradebook",
    "fork_bomb",
    "daemon",
    "segfault",
    "without_swallows_errors",
    "attacks_its_parents",
    "closes_everything",
    "message_is_a_page",
    "half_characters_escaped",
    "nbformat_3",
    "byte_order_mark_and_windows_lines",
    "names_reused_at_the_end",
    "own_tests_with_our_names",
    "magics",
)
USUAL = (
    "correct",
    "two_wrong",
    "untouched",
    "warns",
    "slow",
    "syntax_error_in_one_answer",
    "stubs_by_hand",
    "talkative",
)
KILL_AFTER = (3, 8)  # results more
WORKER = "spawn_main"  # what the command line of a worker has
PROGRAM = """\
import sys
from pathlib import Path
from course_staff.running import run
from course_staff.course import Course

course = Course.open(Path(sys.argv[1]))
summary = run.run(course, sys.argv[2], workers=2, resume=sys.argv[3] == "resume", cell_seconds=5, progress=False)
sys.exit(summary.exit_code)
"""


def class_of(cells) -> dict[str, suite.Submission]:
    """Student -> submission: names sort in another order than they hand in, some are long and in all alphabets."""
    dice = random.Random(7)
    chosen = [*ODD, *(USUAL * SIZE)][:SIZE]
    dice.shuffle(chosen)
    names = [f"s{number:03d}" for number in range(SIZE - 3)] + ["größe-数据", "n" * 200, "O'Neil, Ann"]
    return {name: suite.BY_NAME[submission] for name, submission in zip(names, chosen, strict=True)}


@pytest.fixture(scope="module")
def courses(tmp_path_factory) -> tuple[Course, Course, dict[str, suite.Submission]]:
    """Two courses with the same class and the same secret: one to be graded in peace, and one that is disturbed."""
    made = []
    for name in ("peace", "trouble"):
        course = Course.open(scratch.make_course(tmp_path_factory.mktemp(name) / "course"))
        (course.root / "grading").mkdir()
        (course.root / "grading" / "secret").write_text("the same for both\n")
        made.append(course)
    cells = read_lab_to_grade(made[0].root, scratch.NAME, secret="any").cells
    students = class_of(cells)
    for student, submission in students.items():
        content = submission.content(cells)
        for course in made:
            folder = course.submitted(student, scratch.NAME)
            folder.mkdir(parents=True)
            (folder / f"{scratch.NAME}.ipynb").write_bytes(content)
            (folder / "timestamp.txt").write_text("2026-11-21 13:00:00 UTC")
    return made[0], made[1], students


def test_a_class_whose_workers_are_killed_gets_the_marks_of_an_undisturbed_run(courses):
    peace, trouble, students = courses
    summary = run.run(peace, scratch.NAME, workers=1, cell_seconds=CELL_SECONDS, progress=False)
    assert not summary.lost and [student for student, _ in summary.rejected] == rejected(students)
    assert_marks(peace, students)

    first = start(trouble, "fresh")
    with kills_workers_of(first, trouble, seed=1):
        wait_for(lambda: len(results(trouble)) >= MIDDLE or first.poll() is not None)
    assert first.poll() is None, "it is killed in the middle"
    kill_all(first)
    assert MIDDLE <= len(results(trouble)) < SIZE

    second = start(trouble, "resume")
    with kills_workers_of(second, trouble, seed=2) as killed:
        assert second.wait(timeout=200) == 1, "1: a person must look at what was rejected"
    assert len(killed) > 2, "hardly a worker was killed: this would prove nothing"
    if len(results(trouble)) < SIZE:  # chance hit the same submission three times: that one was put off, and said so
        assert start(trouble, "resume").wait(timeout=200) == 1
    assert export.export(trouble, format="csv") == export.export(peace, format="csv")
    assert marks(trouble) == marks(peace)
    assert_marks(trouble, students)


def assert_marks(course: Course, students: dict[str, suite.Submission]) -> None:
    given = marks(course)
    for student, submission in students.items():
        if submission.rejected:
            assert student not in given, "no mark, and no 0 either"
            continue
        for cell, mark in submission.marks.items():
            if mark is not None:
                assert given[student][cell] == mark, (student, submission.name, cell)


def marks(course: Course) -> dict[str, dict[str, float | None]]:
    """What nbgrader's gradebook says: student -> graded cell -> automatic score."""
    with course.gradebook() as gradebook:
        return {
            submission.student.id: {
                grade.name: grade.auto_score for notebook in submission.notebooks for grade in notebook.grades
            }
            for submission in gradebook.assignment_submissions(scratch.NAME)
        }


def rejected(students: dict[str, suite.Submission]) -> list[str]:
    return sorted(student for student, submission in students.items() if submission.rejected)


def results(course: Course) -> list[Path]:
    return list((course.grading(scratch.NAME) / "results").glob("*.json"))


def start(course: Course, how: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(scratch.ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", PROGRAM, str(course.root), scratch.NAME, how]
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def kills_workers_of(process: subprocess.Popen, course: Course, *, seed: int):
    """Meanwhile, after every few results, SIGKILL one of the workers of `process`, drawn by chance."""
    dice, over, killed = random.Random(seed), threading.Event(), []

    def kill() -> None:
        next_time = len(results(course)) + dice.randint(*KILL_AFTER)
        while not over.wait(0.02):
            if len(results(course)) < next_time:
                continue
            with contextlib.suppress(psutil.Error, IndexError):
                children = psutil.Process(process.pid).children()
                victim = dice.choice([child for child in children if WORKER in " ".join(child.cmdline())])
                victim.send_signal(signal.SIGKILL)
                killed.append(victim.pid)
                next_time = len(results(course)) + dice.randint(*KILL_AFTER)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def kill_all(process: subprocess.Popen) -> None:
    """The run and all its processes at once."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()
    process.wait()


def wait_for(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""A small lab and a grader that needs no sandbox: what a submission gets stands in it.

For tests of pools and gradebook. What a worker needs imports little, since each worker imports it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_staff.running.work import Done

if TYPE_CHECKING:
    from course_staff.course import Course
    from course_staff.marking.lab import Lab

LAB = "lab01_small"
FULL = {"double": 2.0, "treble": 3.0, "why": None}  # None: a person's turn


def small_lab(note: str = "", *, exercises: tuple[str, ...] = ("double", "treble", "why")) -> Lab:
    """Two exercises with tests and a written one. note: stands in the tests, so that the digest changes with it."""
    from course_staff.marking.lab import GradedCell, Lab

    cells, graded = [], []
    for name in exercises:
        points, by_hand = {"double": 2.0, "treble": 3.0}.get(name, 4.0), name == "why"
        cells.append(_cell(name, f"answer {name}", markdown=by_hand, grade=by_hand, solution=True))
        test = name if by_hand else f"{name}_test"
        if not by_hand:
            cells.append(_cell(test, f"assert {name}  # {note}", grade=True, locked=True))
        graded.append(GradedCell(test, name, points, by_hand, f"assert {name}  # {note}", "", stub=f"answer {name}"))
    return Lab(LAB, tuple(cells), tuple(graded))


def _cell(
    name: str, source: str, *, markdown: bool = False, grade: bool = False, solution: bool = False, locked: bool = False
) -> dict:
    meta = {"grade_id": name, "grade": grade, "solution": solution, "locked": locked, "task": False}
    meta |= {"schema_version": 3} | ({"points": 1.0} if grade else {})
    cell = {"cell_type": "markdown" if markdown else "code", "id": name, "metadata": {"nbgrader": meta}}
    return cell | {"source": source} | ({} if markdown else {"outputs": [], "execution_count": None})


def submission(marks: dict[str, float | None] | None = None, **orders: object) -> bytes:
    """A notebook that gets these marks. orders: see `ToldGrader`.

    Also answers: source of answer cells by exercise, and "when fixed": marks for a lab whose note has that word.
    """
    told = {"marks": FULL if marks is None else marks, **orders}
    cell = {"cell_type": "code", "id": "told", "metadata": {}, "source": json.dumps(told), "outputs": []}
    cell["execution_count"] = None
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def hand_in(course: Course, student: str, content: bytes, *, at: str = "") -> None:
    path = course.submission(student, LAB)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if at:
        (path.parent / "timestamp.txt").write_text(at)


def hand_in_class(course: Course, count: int = 7) -> list[str]:
    """A class with all kinds of marks; returns its students."""
    students = [f"student{number:02d}" for number in range(count)]
    for number, student in enumerate(students):
        marks = {"double": 2.0 * (number % 2), "treble": 3.0 * (number % 3 == 0), "why": 0.0 if number == 2 else None}
        hand_in(course, student, submission(marks), at=f"2026-11-{10 + number % 3} 12:00:00 UTC")
    return students


@dataclass(frozen=True)
class ToldWork:
    """Opens a `ToldGrader`. lab: of `Lab.to_json`. broken: it cannot be opened, and says this."""

    lab: str = ""
    digest: str = ""
    broken: str = ""

    @contextmanager
    def open(self) -> Iterator[ToldGrader]:
        if self.broken:
            raise RuntimeError(self.broken)
        yield ToldGrader(json.loads(self.lab), self.digest)


def told_work(lab: Lab) -> ToldWork:
    return ToldWork(lab.to_json(), lab.digest)


class ToldGrader:
    """Does what the submission says: sleep, raise, die (as often as there are fewer than `deaths` bytes in a file)."""

    def __init__(self, lab: dict, digest: str):
        self.lab, self.digest = lab, digest
        self.info = {"warm": True, "why_cold": ""}

    def __call__(self, student: str, content: bytes) -> str:
        told = json.loads("".join(json.loads(content)["cells"][0]["source"]))
        time.sleep(told.get("sleep", 0.0))
        if "raises" in told:
            raise ValueError(told["raises"])
        if "deaths" in told:
            with open(told["file"], "ab") as file:
                if file.tell() < told["deaths"]:
                    file.write(b"x")
                    file.flush()
                    os.kill(os.getpid(), signal.SIGKILL)
        cells = {cell["exercise"]: cell["name"] for cell in self.lab["graded"]}
        fixed = "fixed" in self.lab["graded"][0]["source"]
        given = told.get("when fixed", told["marks"]) if fixed else told["marks"]
        marks = {cells[name]: mark for name, mark in given.items() if name in cells}
        wrong = [name for name, mark in given.items() if mark == 0]
        answers = told.get("answers", {})
        shown = [{**cell, "source": answers.get(cell["id"], cell["source"])} for cell in self.lab["cells"]]
        graded = {
            "student": student,
            "lab": self.lab["name"],
            "digest": hashlib.sha256(hashlib.sha256(content).digest() + self.digest.encode()).hexdigest(),
            "marks": {} if "rejected" in told else marks,
            "messages": {cells[name]: f"look at {name}" for name in wrong if name in cells},
            "fingerprints": dict.fromkeys(wrong, "f"),
            "seconds": 0.5,
            "notebook": json.dumps({"cells": shown, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
            "rejected": told.get("rejected", ""),
        }
        return json.dumps(graded)


def in_this_process(work, jobs, *, info, order=None, stop=None, **_):
    """A pool without processes. order: shuffles the answers. stop: Ctrl-C after so many of them."""
    jobs = list(jobs)
    if order is not None:
        order.shuffle(jobs)
    with work.open() as grader:
        info.update(grader.info)
        for number, job in enumerate(jobs):
            if number == stop:
                raise KeyboardInterrupt
            yield Done(job.student, grader(job.student, job.submission))


def prepared(note: str = "", **options: object):
    """What takes the place of `run.prepare_lazily`, which needs sources and a sandbox."""
    lab = small_lab(note, **options)
    return lambda *arguments, **settings: (lab, told_work(lab))


def open_course(folder: Path, db_url: str | None = None) -> Course:
    """A course with a table of its students, one of whom hands nothing in."""
    from course_staff.course import Course

    course = Course.open(folder, db_url)
    (course.root / "grading").mkdir(parents=True, exist_ok=True)
    rows = [f"student{number:02d},First{number},Last{number},s{number}@x.org,{900 + number}," for number in range(8)]
    table = "\n".join(["id,first,last,email,lms,file", *rows, "absent,Ab,Sent,a@x.org,999,"]) + "\n"
    (course.root / "grading" / "students.csv").write_text(table)
    return course

"""Which mistake is it? Failing answers, matched with the lab's named wrong answers (solutions/LAB.wrong.py).

The wrong answers are graded as submissions are, in the same sandbox, once for each version of the lab. Exercises do not
depend on one another (`course check` proves it), so one made-up submission carries a wrong answer of every exercise.
Equal fingerprints are equal mistakes as far as the tests can tell; where several wrong answers have the same one, all
of them are named.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.files import write_whole
from course_staff.marking.grade import Graded
from course_staff.marking.lab import Lab
from course_staff.running.kept import environment
from course_staff.running.work import code_digest

if TYPE_CHECKING:
    from course_staff.authoring.source import WrongAnswer
    from course_staff.course import Course

Named = dict[str, dict[str, list[str]]]  # exercise -> fingerprint -> what the mistake is, in words
FILE = "mistakes.json"


@dataclass(frozen=True)
class Mistake:
    """What is wrong with an answer. named: the wrong answers that it may be, in words; message: for the student."""

    exercise: str
    named: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        return " – or: ".join(self.named) or self.message or "wrong, and nothing was said"


def named_mistakes(root: Path, lab: Lab, grade: Callable[[list[bytes]], Iterable[Graded]]) -> Named:
    """Grade the lab's wrong answers; empty where it has none.

    root: of the course. grade: grades the bytes of submissions as those of students are, in their order.
    """
    path = _file(root, lab)
    if not path.is_file():
        return {}
    from course_staff.authoring import source  # with jupytext: not where they are stored

    found: Named = {}
    made = _submissions(root, lab, source.read_wrong_answers(path))
    for (wrong, _), graded in zip(made, grade([submission for _, submission in made]), strict=True):
        for exercise, answer in wrong.items():
            if exercise in graded.fingerprints:
                words = f"{answer.name.replace('_', ' ')}: {answer.misconception}"
                found.setdefault(exercise, {}).setdefault(graded.fingerprints[exercise], []).append(words)
    return found


def stored_mistakes(course: Course, lab: Lab, make: Callable[[], Named]) -> Named:
    """As `make` gives them, kept in grading/LAB/mistakes.json until the lab, its wrong answers or any code change."""
    path, wrong = course.grading(lab.name) / FILE, _file(course.root, lab)
    made_from = "\n".join([lab.digest, code_digest(), environment()]).encode()
    digest = hashlib.sha256(made_from + (wrong.read_bytes() if wrong.is_file() else b"")).hexdigest()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["digest"] == digest:
            return stored["mistakes"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    found = make()
    write_whole(path, json.dumps({"digest": digest, "mistakes": found}, indent=1))
    return found


def mistakes_of(graded: Graded, lab: Lab, named: Named) -> dict[str, Mistake]:
    """Exercise -> mistake, of the exercises that a submission lost."""
    found = {}
    for cell in lab.graded:
        mark = graded.marks.get(cell.name)
        if cell.by_hand or mark is None or mark >= cell.points:
            continue
        message = graded.messages.get(cell.name, "")
        names = named.get(cell.exercise, {}).get(graded.fingerprints.get(cell.exercise, ""), [])
        found[cell.exercise] = Mistake(cell.exercise, tuple(names), message)
    return found


def _file(root: Path, lab: Lab) -> Path:
    return root / "solutions" / f"{lab.name}.wrong.py"


def _submissions(root: Path, lab: Lab, wrong: list[WrongAnswer]) -> list[tuple[dict[str, WrongAnswer], bytes]]:
    """As few submissions as carry every wrong answer once, each with those that it carries."""
    from course_staff.authoring import source

    path = root / "solutions" / f"{lab.name}.py"
    solution = source.read_lab(path, source.Address.of(root))
    by_exercise = [
        [item for item in wrong if item.exercise == cell.exercise] for cell in lab.graded if not cell.by_hand
    ]
    found = []
    for row in itertools.zip_longest(*by_exercise):
        carried = {item.exercise: item for item in row if item is not None}
        notebook = copy.deepcopy(solution)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in carried:
                cell.source = carried[name].code
        found.append((carried, json.dumps(notebook).encode()))
    return found

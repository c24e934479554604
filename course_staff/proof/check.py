"""Prove the graders: the solution earns full marks, the stub 0, and every named wrong answer loses just its exercise.

The solution and the released stub go through nbgrader itself, into a gradebook, and their scores are read from it. The
wrong answers, a hundred a lab, share one kernel: its namespace is emptied between two of them, and each cell's score is
nbgrader's own judgement of the outputs. Of the lab a wrong answer runs only what it can reach, and what that stands on;
`reach.py` says why the rest needs no run. With the same cells the solution must earn full marks, so no answer is
wrong only because a cell was left out. Solution and stub pass that way too, whole and last of all, and must score the
same: so the short way is as good as the long one, and no wrong answer left anything behind.

`values_proof.py` proves the hidden values on the way: they are asked for in the same runs. `class_proof.py` grades
solution and stub once more, as `course grade` grades a class.
"""

from __future__ import annotations

import copy
import multiprocessing
import re
import tempfile
import time
import warnings
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from sqlalchemy.exc import SAWarning

from course_lib.translation import UNKNOWN
from course_staff.authoring import source
from course_staff.authoring.build import release
from course_staff.authoring.explanations import read_explanations
from course_staff.authoring.source import Exercise, SourceError, WrongAnswer
from course_staff.code.names import names_of
from course_staff.proof.class_proof import CAN_FORK, grade_as_a_class
from course_staff.proof.kernel import EXPERIMENT, Kernel, Scores
from course_staff.proof.reach import cells_to_run, imported
from course_staff.proof.shadows import shadowed
from course_staff.proof.values_proof import ValuesProof, as_read
from course_staff.proof.visible import PASTES, pasted, too_long
from course_staff.proof.written import scheme_problems, without_card, without_explanation, without_scheme

LIBRARY_ANSWER = "calls_the_library"
TOLD = {"AssertionError", "AnswerFailed", "AnswerFromLibrary", "NotImplementedError"}  # speak to students
EXPLANATIONS_DEMANDED = True  # True: an exercise without an explanation fails the check; False: a warning
WRONG_ANSWERS = 3  # of each exercise, beside the one that calls the library


@dataclass
class LabReport:
    """What was proved of one lab: in `problems` whatever is not as it must be, in words."""

    name: str
    points: float = 0
    by_hand: float = 0
    wrong_answers: int = 0
    hidden_values: int = 0
    exempt: dict[str, str] = field(default_factory=dict)  # exercises without hidden values, and why
    seconds: float = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # fail nothing
    messages: dict[str, str] = field(default_factory=dict)
    cell_seconds: dict[str, float] = field(default_factory=dict)  # of the solution's cells, in a warm kernel


def check(root: Path, labs: list[str] | None = None, *, workers: int = 2, verbose: bool = False) -> int:
    """Check all labs, or the named ones; prints a line a lab and returns the exit code: 0 if all is as it must be.

    root: the repository. workers: labs checked at the same time. verbose: print what each
    wrong answer is told, and how long each cell runs.
    """
    try:
        names = [path.stem for path in source.lab_sources(root, labs)]
    except SourceError as error:
        print(f"course check: {error}")
        return 1
    if workers > 1 and len(names) > 1:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            proofs = [(name, pool.submit(check_lab, root, name)) for name in names]
            reports = [_report_of(name, proof) for name, proof in proofs]
    else:
        reports = [check_lab(root, name) for name in names]
    for report in reports:
        state = "OK  " if not report.problems else "FAIL"
        print(
            f"{state} {report.name}: solution {report.points:g} points (+{report.by_hand:g} by hand), stub 0,"
            f" {report.wrong_answers} wrong answers lose what they must,"
            f" {report.hidden_values} hidden values"
            + (f", {len(report.exempt)} exempt" if report.exempt else "")
            + f" ({report.seconds:.0f} s)"
            if not report.problems
            else f"{state} {report.name} ({report.seconds:.0f} s)"
        )
        for problem in report.problems:
            print(f"     {problem}")
        for warning in report.warnings:
            print(f"     warning: {warning}")
        if verbose:
            for wrong, message in report.messages.items():
                print(f"     {wrong}: {message}")
            for exercise, reason in report.exempt.items():
                print(f"     {exercise}: exempt from hidden values: {reason}")
            for cell, seconds in report.cell_seconds.items():
                print(f"     {seconds:6.3f} s  {cell}")
    return 1 if any(report.problems for report in reports) else 0


def _report_of(name: str, proof: Future[LabReport]) -> LabReport:
    try:
        return proof.result()
    except BrokenProcessPool:  # which lab it was cannot be known
        more = f"`course check --workers 1 {name}` tells more"
        return LabReport(name, problems=[f"a process died before this was proved (for want of memory?): {more}"])


def check_lab(root: Path, name: str) -> LabReport:
    """Prove the graders of one lab."""
    report, start = LabReport(name), time.perf_counter()
    try:
        _check_lab(root, name, report)
    except SourceError as error:
        report.problems.append(str(error))
    report.seconds = time.perf_counter() - start
    return report


def _check_lab(root: Path, name: str, report: LabReport) -> None:
    path = root / "solutions" / f"{name}.py"
    notebook = source.read_lab(path, source.Address.of(root))
    exercises = source.exercises(notebook, path)
    wrong_answers = source.read_wrong_answers(path.with_suffix(".wrong.py"))
    report.points = sum(item.points for item in exercises if not item.by_hand)
    report.by_hand = sum(item.points for item in exercises if item.by_hand)
    report.problems += _missing_wrong_answers(exercises, wrong_answers)
    cells = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    for item in (item for item in exercises if not item.by_hand):
        test = cells[item.graded_cell]
        report.problems += too_long(item.graded_cell, test.source) + _unseen(item.name, test.source, report)
        wrong_answers += pasted(item.name, cells[item.name], test)
    for item in (item for item in exercises if item.by_hand):
        report.problems += scheme_problems(item.name, cells[item.name].source, item.points)
        report.warnings += without_scheme(item.name, cells[item.name].source)
    explanations = read_explanations(path)
    for item in exercises:
        said = report.problems if EXPLANATIONS_DEMANDED else report.warnings
        said += without_explanation(item.name, explanations)
    report.warnings += without_card(source.card_of(path))
    report.wrong_answers = len(wrong_answers)
    report.problems += shadowed(notebook.cells)

    full = {item.graded_cell: item.points for item in exercises if not item.by_hand}
    none = dict.fromkeys(full, 0.0)
    with tempfile.TemporaryDirectory(prefix="course-check-") as folder:
        by_nbgrader, released = _grade_with_nbgrader(root, Path(folder), name, notebook)
        report.problems += _differences("solution (nbgrader)", full, by_nbgrader["solution"])
        report.problems += _differences("released stub (nbgrader)", none, by_nbgrader["stub"])

        lab, stub = _Lab(notebook), _Lab(released)
        values = ValuesProof(name, lab.cells)
        report.hidden_values = values.count
        with closing(Kernel(Path(folder))) as kernel:
            for wrong in wrong_answers:
                if wrong.exercise in lab.ids:
                    _grade_wrong_answer(kernel, lab, wrong, full, values, report)
            scores = kernel.grade(lab.cells, "it", values.many_seeds)
            report.problems += _differences("solution (after the wrong answers)", full, *scores)
            report.cell_seconds = dict(zip(lab.titles, kernel.seconds.values(), strict=False))
            values.solution(kernel.values)
            report.problems += _differences("stub (after the wrong answers)", none, *kernel.grade(stub.cells, "it"))
        if CAN_FORK and not report.problems:  # it takes a solution that passes
            by_name, told, found = grade_as_a_class(name, notebook, released, exercises)
            report.problems += _differences("solution (course grade)", full, by_name["solution"], told)
            report.problems += _differences("released stub (course grade)", none, by_name["stub"])
            values.solution(found)
        report.problems += values.problems()


class _Lab:
    """The cells of a lab that are run when grading: all code but the experiments."""

    def __init__(self, notebook: NotebookNode):
        code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        self.cells = [cell for cell in code if EXPERIMENT not in cell.metadata.get("tags", [])]
        self.ids = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in self.cells]
        self.titles = [name or cell.source.split("\n")[0] for name, cell in zip(self.ids, self.cells, strict=True)]
        self.modules = imported(names_of(cell.source) for cell in self.cells)
        self.names = [names_of(as_read(cell), self.modules) for cell in self.cells]
        self.proved: set[frozenset[int]] = set()  # cells with which the solution earned full marks

    def cells_for(self, wrong: WrongAnswer) -> frozenset[int]:
        """The numbers of the cells by which a wrong answer is graded: its test among them, in any case."""
        optional = [name not in ("", f"{wrong.exercise}_test") for name in self.ids]
        answer = self.ids.index(wrong.exercise)
        return frozenset(cells_to_run(self.names, optional, answer, names_of(wrong.code, self.modules)))

    def part(self, numbers: frozenset[int], wrong: WrongAnswer | None = None) -> list[NotebookNode]:
        chosen = [copy.deepcopy(self.cells[number]) for number in sorted(numbers)]
        for cell in chosen:
            if wrong and cell.metadata.get("nbgrader", {}).get("grade_id") == wrong.exercise:
                cell.source = wrong.code
        return chosen


def _grade_wrong_answer(
    kernel: Kernel, lab: _Lab, wrong: WrongAnswer, full: Scores, values: ValuesProof, report: LabReport
) -> None:
    label, test = f"[{wrong.exercise}] {wrong.name}", f"{wrong.exercise}_test"
    numbers = lab.cells_for(wrong)
    expected = {name: full[name] for number in sorted(numbers) if (name := lab.ids[number]) in full}
    if numbers not in lab.proved:
        who = f"solution (in the cells that grade {label})"
        report.problems += _differences(who, expected, *kernel.grade(lab.part(numbers), who, values.seeds))
        values.solution(kernel.values)
        lab.proved.add(numbers)
    scores, errors = kernel.grade(lab.part(numbers, wrong), label, values.seeds_of(test))
    told = values.wrong_answer(test, wrong.name, kernel.values)
    if told:  # the hidden values count like the test beside which they stand
        scores[test] = 0.0
    message = errors.get(test, told or "")
    report.messages[label] = message + ("" if told is None else f" [hidden values: {told or 'those of the solution'}]")
    report.problems += _differences(f"wrong answer {label}", expected | {test: 0.0}, scores, errors)
    report.problems += _poor_message(label, wrong, message)


def _unseen(exercise: str, test: str, report: LabReport) -> list[str]:
    """An exercise needs inputs that nobody has seen, or a reason why it cannot have any."""
    reason = source.exempt(test)
    if reason is None and not source.hidden_values(test):
        return [f"exercise {exercise}: no hidden value: add a line `### HIDDEN VALUE: …`, or `### EXEMPT: reason`"]
    if reason is not None:
        report.exempt[exercise] = reason
        if not reason or source.hidden_values(test):
            return [f"exercise {exercise}: `### EXEMPT: reason` says why there are no hidden values, and needs none"]
    return []


def _missing_wrong_answers(exercises: list[Exercise], wrong_answers: list[WrongAnswer]) -> list[str]:
    automatic = [item.name for item in exercises if not item.by_hand]
    problems = []
    for wrong in wrong_answers:
        if wrong.exercise not in automatic:
            problems.append(f"wrong answer [{wrong.exercise}] {wrong.name}: there is no such exercise")
    for name in automatic:
        named = [wrong.name for wrong in wrong_answers if wrong.exercise == name]
        if LIBRARY_ANSWER not in named:
            problems.append(f"exercise {name}: the wrong answer {LIBRARY_ANSWER!r} is missing")
        if len(set(named) - {LIBRARY_ANSWER}) < WRONG_ANSWERS:
            problems.append(f"exercise {name}: expected {WRONG_ANSWERS} named wrong answers, got {named}")
    return problems


def _differences(who: str, expected: Scores, got: Scores, errors: dict[str, str] | None = None) -> list[str]:
    problems = []
    for cell, points in expected.items():
        if got.get(cell) != points:
            why = f": {errors[cell]}" if errors and cell in errors else ""
            problems.append(f"{who}: expected {points:g} points in {cell}, got {got.get(cell, 'no score')}{why}")
    return problems


def _poor_message(label: str, wrong: WrongAnswer, message: str) -> list[str]:
    """A student must read what to look at: a bare AssertionError says nothing."""
    if wrong.name.startswith(PASTES):
        return []
    kind, _, text = message.strip().partition(":")
    if kind == "AssertionError" and not text:
        return [f"wrong answer {label}: the failing assert has no message"]
    if re.fullmatch(r"[A-Z]\w*", kind) and kind not in TOLD:
        return [f"wrong answer {label}: expected words for a student, got {message!r}: is it raised inside `without`?"]
    if UNKNOWN in message:
        return [f"wrong answer {label}: course_lib/translation.py does not know what to say of {message!r}"]
    if wrong.name == LIBRARY_ANSWER and not message.startswith("AnswerFromLibrary"):
        return [f"wrong answer {label}: expected it to be told that the library is closed, got {message!r}"]
    return []


def _grade_with_nbgrader(
    root: Path, folder: Path, name: str, notebook: NotebookNode
) -> tuple[dict[str, Scores], NotebookNode]:
    """Grade solution and released stub by nbgrader in a scratch course; returns both scores, and the stub."""
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    api = release(root, folder, {name: text})
    stub = nbformat.read(folder / "labs" / name / f"{name}.ipynb", as_version=4)
    scores: dict[str, Scores] = {}
    for student, submission in (("solution", notebook), ("stub", stub)):
        target = folder / "submitted" / student / name / f"{name}.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(submission, target)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own, about its own sessions
            result = api.autograde(name, student)
        if not result["success"]:
            raise SourceError(f"{name}: nbgrader could not grade the {student}:\n{result['log']}")
        with closing(Gradebook(api.coursedir.db_url)) as gradebook:
            grades = gradebook.find_submission_notebook(name, name, student).grades
            automatic = [grade for grade in grades if grade.cell.cell_type == "code"]
            scores[student] = {grade.name: grade.auto_score or 0.0 for grade in automatic}
    return scores, stub

"""Item of bench.py: a class's submissions of lab 02, graded by stock `nbgrader autograde` and by `course grade run`."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench_speed import ROOT, number, ratios, spread, table

LAB = "lab02_convolutional_autoencoder"
STOCK = "nbgrader autograde"
WRITTEN = "A network learns what images look like; a filter knows only how noise looks."
MIB = 2**20
#: Out of ten papers: how many answers are wrong in each; None: untouched.
WRONG = (0, 1, 2, 0, 1, 0, 3, 0, 1, None)


@dataclass
class Graded:
    """One grading of one class. memory: peak bytes of all its processes together, of the busiest worker, if known."""

    seconds: float
    memory: float
    worker: float
    marks: dict[str, dict[str, float]] = field(default_factory=dict)


def grading(quick: bool) -> str:
    """Submissions a minute, seconds for each, memory; whether the marks are equal; a class of 300."""
    from course_staff.running.pool import cores
    from course_staff.sandbox import sandbox

    count, repeats, large, counts = (2, 1, 0, [2]) if quick else (100, 1, 300, sorted({1, cores()}))
    problem = sandbox.problem()
    found: dict[str, list[Graded]] = {}

    def measured(name: str, folder: Path, command: list[str]) -> float:
        found.setdefault(name, []).append(_grade(folder, command))
        return found[name][-1].seconds

    def ours(workers: int) -> list[str]:
        unsafe = ["--unsafe-no-sandbox"] if problem else []
        return [*_course("grade", "run", LAB), f"--workers={workers}", "--quiet", *unsafe]

    with tempfile.TemporaryDirectory(prefix="course-bench-") as scratch:
        folder = _class(Path(scratch, "class"), count)
        actions = {STOCK: lambda: measured(STOCK, folder, _nbgrader("autograde", LAB, "--force"))}
        for workers in counts:
            name = f"course grade run, {workers} worker" + "s" * (workers > 1)
            actions[name] = lambda name=name, workers=workers: measured(name, folder, ours(workers))
        # no round that does not count, as elsewhere: a hundred submissions outweigh cold caches, and take long
        rounds = [{name: action() for name, action in actions.items()} for _ in range(repeats)]
        seconds = {name: [one[name] for one in rounds] for name in actions}
        text = _table(found, seconds, counts, count) + "\n\n" + _marks(found)
        if large:
            one = _grade(_class(Path(scratch, "large"), large), ours(counts[-1]))
            text += (
                f" A class of {large}, measured once with {counts[-1]} workers: {one.seconds / 60:.1f} minutes,"
                f" {number(60 * large / one.seconds)} submissions a minute, {number(one.memory / MIB)} MiB at most."
            )
    without = f" **Without a sandbox: {problem}**" if problem else " Each submission of ours ran in the sandbox."
    return (
        f"{count} submissions of lab 02 ({_mixture(count)}), the same files for all, in turn; repeats: {repeats}."
        " Seconds are those of the whole command, its start included; `course grade run` also writes its report."
        " Experiments (training) are skipped by both, as the course's `nbgrader_config.py` says; `nbgrader` is stock"
        " otherwise and uses as many threads as it wants."
        f"{without} Memory: the peak of all processes together, and what each worker adds to the first (for stock, its"
        f" kernel); shared pages are {'counted once' if _shares() else 'counted in each process'}.\n\n{text}"
    )


def _table(found: dict[str, list[Graded]], seconds: dict[str, list[float]], counts: list[int], count: int) -> str:
    header = ["", "submissions a minute", "s a submission", f"× {STOCK}", "MiB, all", "MiB, a worker"]
    rows = []
    for name, values in seconds.items():
        runs = found[name][-len(values) :]
        rows.append(
            [
                name,
                spread([60 * count / value for value in values]),
                spread([value / count for value in values]),
                spread(ratios(seconds[STOCK], values)),
                number(max(run.memory for run in runs) / MIB),
                number(max(run.worker for run in runs) / MIB),
            ]
        )
    return table(header, rows)


def _marks(found: dict[str, list[Graded]]) -> str:
    """In words: do stock and ours give the same marks? Ours are lower where only a hidden value sees the mistake."""
    stock = found[STOCK][0].marks
    ours = [run.marks for name, runs in found.items() if name != STOCK for run in runs]
    pairs = [(mark, ours[0][who][cell]) for who, cells in stock.items() for cell, mark in cells.items()]
    more, less = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
    words = f"{len(pairs)} marks: {len(pairs) - more - less} equal in both"
    words += f", {more} lower in ours (a hidden value saw a mistake that the tests let pass)" * bool(more)
    words += f", **{less} lower in stock**" * bool(less)
    steady = all(marks == ours[0] for marks in ours)
    return words + (". All runs of ours gave the same marks." if steady else ". **Runs of ours differ.**")


def _grade(folder: Path, command: list[str]) -> Graded:
    """Run one grading command from a clean start: no gradebook marks, no results of a run before."""
    for name in ("gradebook.db", "autograded", "grading", "backups"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.copy(folder / "released.db", folder / "gradebook.db")
    environment = {**os.environ, "COURSE_PROFILE": "ci", "PATH": f"{_programs()}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT)
        with _Memory(process.pid) as memory:
            code = process.wait()
        seconds = time.perf_counter() - start
        said.seek(0)
        if code:
            raise RuntimeError(f"{' '.join(command)} ended with {code}: {said.read()[-3000:]}")
    return Graded(seconds, memory.peak, memory.worker, _read_marks(folder))


def _read_marks(folder: Path) -> dict[str, dict[str, float]]:
    """Student -> test -> the machine's score, from the gradebook."""
    from nbgrader.api import Gradebook

    from course_staff.database import sqlite_url

    with closing(Gradebook(sqlite_url(folder / "gradebook.db"))) as gradebook:
        return {
            submission.student.id: {
                grade.name: grade.auto_score
                for notebook in submission.notebooks
                for grade in sorted(notebook.grades, key=lambda grade: grade.name)
                if grade.auto_score is not None and grade.cell.cell_type == "code"
            }
            for submission in sorted(gradebook.assignment_submissions(LAB), key=lambda one: one.student.id)
        }


def _class(folder: Path, count: int) -> Path:
    """A course folder with lab 02 released (stock nbgrader finds the solution there) and `count` submissions."""
    for name in ("solutions", "lectures"):  # all sources: the lab's card links to others
        (folder / name).mkdir(parents=True)
        for path in (ROOT / name).glob("*.py"):
            shutil.copy(path, folder / name)
    for name in ("nbgrader_config.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    subprocess.run(_course("grade", "release", LAB), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (folder / "gradebook.db").rename(folder / "released.db")
    for number_, notebook in zip(range(count), _papers(folder), strict=False):
        path = folder / "submitted" / f"s{number_:03d}" / LAB / f"{LAB}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebook, encoding="utf-8")
        path.with_name("timestamp.txt").write_text("2026-11-21 13:00:00 UTC")
    return folder


def _papers(folder: Path) -> Iterator[str]:
    """The texts of endlessly many submissions: right, with named wrong answers, untouched, as WRONG says."""
    from course_staff.authoring import source

    released = json.loads((folder / "labs" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8"))
    path = folder / "solutions" / f"{LAB}.py"
    lab = source.read_lab(path, source.Address.of(folder))
    right = {cell.id: cell.source for cell in lab.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    hand = {exercise.name for exercise in source.exercises(lab, path) if exercise.by_hand}
    right |= dict.fromkeys(hand, WRITTEN)
    mistakes = itertools.cycle(source.read_wrong_answers(path.with_suffix(".wrong.py")))
    for wrong in itertools.cycle(WRONG):
        answers = {} if wrong is None else dict(right)
        for mistake in itertools.islice(mistakes, wrong or 0):
            answers[mistake.exercise] = mistake.code
        paper = json.loads(json.dumps(released))
        for cell in paper["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            cell["source"] = answers.get(name, cell["source"])
        yield json.dumps(paper, indent=1)


def _mixture(count: int) -> str:
    chosen = list(itertools.islice(itertools.cycle(WRONG), count))
    right, untouched = chosen.count(0), chosen.count(None)
    return f"{right} right, {count - right - untouched} with named wrong answers, {untouched} untouched"


def _course(*words: str) -> list[str]:
    return [sys.executable, "-c", "import sys; from course_staff.cli import main; sys.exit(main())", *words]


def _nbgrader(*words: str) -> list[str]:
    return [sys.executable, "-m", "nbgrader", *words]


def _programs() -> Path:
    return Path(sys.executable).parent


def _shares() -> bool:
    """Can the memory of other processes be told apart into shared and own?"""
    return sys.platform == "linux" and os.geteuid() == 0


class _Memory:
    """Watches a process and all that it starts. peak: of all together; worker: what all but the first add, a worker."""

    EVERY = 0.5  # seconds

    def __init__(self, pid: int):
        self.pid, self.peak, self.worker = pid, 0.0, 0.0
        self._over, self._thread = threading.Event(), threading.Thread(target=self._watch)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil

        while not self._over.wait(self.EVERY):
            try:
                first = psutil.Process(self.pid)
                branches = [[child, *child.children(recursive=True)] for child in first.children()]
            except psutil.Error:
                continue
            sizes = [sum(map(_size, branch)) for branch in branches]
            self.peak = max(self.peak, _size(first) + sum(sizes))
            self.worker = max([self.worker, *sizes])


def _size(process) -> float:
    """Bytes; shared pages are divided among those who share them, where that can be known."""
    import psutil

    try:
        return float(process.memory_full_info().pss if _shares() else process.memory_info().rss)
    except (psutil.Error, AttributeError):
        return 0.0

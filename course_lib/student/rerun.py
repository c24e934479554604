"""`course my LAB`: run a lab's notebook anew, in a process of its own, and say how far it is."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from course_lib.student import notebook as notebooks
from course_lib.student.progress import found, in_words, written


def report(path: Path, *, seconds: float = 300) -> str:
    """Each exercise with its points so far, in words. path: the notebook, as it is saved; seconds: for all of it."""
    notebook = notebooks.read(path)
    answers = [cell for cell in notebook["cells"] if notebooks.is_answer(cell)]
    tests = [cell for cell in notebook["cells"] if notebooks.is_test(cell)]
    if not answers and not tests:
        raise ValueError(f"{path} has no exercises: is it the notebook of a lab?")
    said, late = _run(path, seconds)
    stubs = notebooks.stubs(notebook)
    never = f"it was not reached in {seconds:g} seconds" if late else "the notebook ended before it"
    exercises = []
    for cell in tests:
        name = notebooks.name(cell).removesuffix("_test")
        exercises.append(found(name, notebooks.points(cell), said.get(name, never)))
    questions = [cell for cell in answers if notebooks.is_written(cell)]
    by_hand = {notebooks.name(cell): notebooks.points(cell) for cell in questions}
    empty = [
        notebooks.name(cell) for cell in questions if not notebooks.answered(cell, stubs.get(notebooks.name(cell)))
    ]
    return in_words(path.stem, [*exercises, *written(by_hand, empty)])


def _run(path: Path, seconds: float) -> tuple[dict[str, str | None], bool]:
    """What each test said, None where it passed, as far as the notebook came; and whether its time was over."""
    library = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [library, os.environ.get("PYTHONPATH")]))
    surroundings = {"COURSE_PROFILE": "ci", **os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": paths}
    with tempfile.TemporaryDirectory(prefix="course-my-") as folder:
        results = Path(folder, "results")
        process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.student.run_cells", str(path.resolve()), str(results)],
            cwd=path.resolve().parent,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        late = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            _end(process)
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    told: dict[str, str | None] = {}
    for line in lines:
        with contextlib.suppress(ValueError):  # the last one may have been cut
            told |= json.loads(line)
    return told, late


def _end(process: subprocess.Popen) -> None:
    """The process, and what it has started."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    process.wait()

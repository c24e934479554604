"""The last cell of a lab: how far is this notebook, by the test cells that have run in this kernel.

`start_lab` begins to watch. Nothing is run again, so the answer comes at once. A test cell is known by its last line,
`print("NAME: right")`, since not every front end says which cell it runs.
"""

from __future__ import annotations

import ast
import re
import types
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from course_lib.student.progress import Progress, found, in_words, written
from course_lib.student.words import _shell, sentence

NOT_RUN = "its test cell has not run yet"
CHANGED = "your answer has changed since: run its test cell again"
_TEST = re.compile(r'^print\("(\w+): right')


@dataclass
class _Run:
    """A test cell's last run. message: of its error; None where it passed. used: the answers that it saw."""

    message: str | None
    used: dict[str, weakref.ref] = field(default_factory=dict)


_runs: dict[str, _Run] = {}


def test_of(source: str) -> str:
    """The exercise whose test cell this is, by its last line; empty where it is none."""
    lines = source.strip().splitlines()
    match = _TEST.match(lines[-1]) if lines else None
    return match[1] if match else ""


def watch() -> None:
    """Note from now on which test cells run in this kernel, and what they say. Used by `start_lab`."""
    shell = _shell()
    if shell is None:
        return
    _runs.clear()
    callbacks: list[Callable[..., Any]] = shell.events.callbacks["post_run_cell"]
    if _note not in callbacks:
        shell.events.register("post_run_cell", _note)


def my(*, by_hand: Mapping[str, float] | None = None, **points: float) -> None:
    """Print each exercise with its points so far and what its test said last; for the last cell of a lab.

    Args:
        by_hand: {written question: its points}.
        points: of each exercise that a test checks, by its name.
    """
    shell = _shell()
    names = shell.user_ns if shell is not None else {}
    exercises = [_state(name, value, names) for name, value in points.items()]
    print(in_words("This notebook", [*exercises, *written(by_hand or {})]))


def own(exercise: str, name: str) -> tuple[Any, str]:
    """What the notebook calls `name`, where the test of an exercise has passed with it and neither has changed since.

    Args:
        exercise: the name of the exercise.
        name: of a function or class in the notebook.

    Returns:
        The object and ""; else None, and in words why not.
    """
    shell, run = _shell(), _runs.get(exercise)
    names = shell.user_ns if shell is not None else {}
    if shell is None or run is None:
        return None, "has not run in this session"
    if run.message is not None:
        return None, "has not passed yet"
    seen = run.used.get(name)
    if seen is None or seen() is None or seen() is not names.get(name) or _changed(run, names):
        return None, "has not run since the answer changed"
    return seen(), ""


def _changed(run: _Run, names: Mapping[str, Any]) -> bool:
    return any(seen() is not names.get(used) for used, seen in run.used.items())


def _state(name: str, points: float, names: Mapping[str, Any]) -> Progress:
    run = _runs.get(name)
    if run is None:
        return found(name, points, NOT_RUN)
    if _changed(run, names):
        return found(name, points, CHANGED)
    return found(name, points, run.message)


def _note(result: Any) -> None:
    """What IPython calls after each cell."""
    source = getattr(result.info, "raw_cell", None) or ""
    exercise, shell = test_of(source), _shell()
    if not exercise or shell is None:
        return
    error = result.error_before_exec or result.error_in_exec
    message = None if error is None else sentence(error) or f"{type(error).__name__}: {error}"
    _runs[exercise] = _Run(message, _answers(source, shell.user_ns))


def _answers(source: str, names: Mapping[str, Any]) -> dict[str, weakref.ref]:
    """The functions and classes of the notebook that a test cell uses, without helpers of its own."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a line of IPython's own; no test of a lab has one
        return {}
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    helpers = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    helpers |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    found = {name: names[name] for name in used - helpers if isinstance(names.get(name), (type, types.FunctionType))}
    return {name: weakref.ref(value) for name, value in found.items() if value.__module__ == "__main__"}

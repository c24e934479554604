"""What a worker holds: a lab, a sandbox, and the one function that it calls. The same for all kinds of pools."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import course_lib
import course_staff
from course_staff.sandbox.limits import Limits
from course_staff.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from course_staff.marking.lab import Lab

ATTEMPTS = 3  # at one submission: more often than that, workers do not die by chance


class Grader(Protocol):
    """Grades one submission after another. info: what a report should say about how it does so."""

    info: dict[str, Any]

    def __call__(self, student: str, submission: bytes) -> str:
        """The `Graded` of a submission, as JSON."""


class Opens(Protocol):
    """What is sent to each worker, once; opened there."""

    def open(self) -> AbstractContextManager[Grader]: ...


@dataclass(frozen=True)
class Job:
    """One submission to grade."""

    student: str
    submission: bytes


@dataclass(frozen=True)
class Done:
    """What became of a job. graded: JSON of `Graded`; empty where the submission is lost, and `problem` says why."""

    student: str
    graded: str = ""
    problem: str = ""


class PoolError(RuntimeError):
    """No grading is possible at all, said in words: no sandbox on a worker, no scheduler, another version there."""


@dataclass(frozen=True)
class Work:
    """A lab to grade, as plain data. lab: JSON of a `Lab` with its expected values. files: name and content of each."""

    lab: str
    modules: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    limits: Limits = field(default_factory=Limits)
    unsafe: bool = False

    @contextmanager
    def sandbox(self) -> Iterator[Sandbox]:
        """The sandbox alone. Raises SandboxUnavailable."""
        with tempfile.TemporaryDirectory(prefix="course-lab-") as folder:
            paths = [Path(folder, name) for name, _ in self.files]
            for path, (_, content) in zip(paths, self.files, strict=True):
                path.write_bytes(content)
            with Sandbox(self.modules, paths, limits=self.limits, unsafe=self.unsafe) as sandbox:
                yield sandbox

    @contextmanager
    def open(self) -> Iterator[Grader]:
        from course_staff.marking.lab import Lab

        with self.sandbox() as sandbox:
            yield _LabGrader(Lab.from_json(self.lab), sandbox)


class _LabGrader:
    def __init__(self, lab: Lab, sandbox: Sandbox):
        self.lab, self.sandbox = lab, sandbox
        self.info = {"warm": sandbox.warm, "why_cold": sandbox.why_cold, "missing": dict(sandbox.missing)}

    def __call__(self, student: str, submission: bytes) -> str:
        from course_staff.marking.grade import grade

        return grade(submission, self.lab, self.sandbox, student=student).to_json()


@cache
def code_digest() -> str:
    """Of the source of both packages: two computers grade alike only if theirs are equal."""
    digest = hashlib.sha256()
    packages = [Path(package.__path__[0]).resolve() for package in (course_lib, course_staff)]
    found = [(path, package.parent) for package in packages for path in package.rglob("*.py")]
    for path, root in sorted(found, key=lambda pair: pair[0].relative_to(pair[1]).as_posix()):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()

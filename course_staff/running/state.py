"""What is known of the last run of a lab, in grading/LAB/run.json: enough to go on, and to report how it went."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from course_lib.files import write_whole
from course_staff.marking.results import Stored

if TYPE_CHECKING:
    from course_staff.course import Course

CELL_SECONDS, SUBMISSION_SECONDS = 60.0, 900.0


@dataclass
class State:
    """A run. interrupted: True from its beginning until its end, so also after kill -9.

    required: student -> id of the run that has to grade this one, whatever lies there already. students, exercise:
    what it is about, None for all. late_penalty: share of the mark, a started day. lost: student and words of each
    submission whose workers died. sandbox, warm, why_cold: how students' code ran.
    """

    id: str = ""
    started: str = ""
    seconds: float = 0.0
    interrupted: bool = False
    required: dict[str, str] = field(default_factory=dict)
    students: list[str] | None = None
    exercise: str | None = None
    late_penalty: float = 0.0
    cell_seconds: float = CELL_SECONDS
    submission_seconds: float = SUBMISSION_SECONDS
    workers: int = 0
    dask: str | None = None
    unsafe: bool = False
    sandbox: str = ""
    warm: bool | None = None
    why_cold: str = ""
    lost: list[list[str]] = field(default_factory=list)

    def is_done(self, student: str, stored: Stored | None, digest: str) -> bool:
        """Whether a stored result is what this run is to make. digest: of submission and lab as they are now."""
        if stored is None or stored.graded.digest != digest:
            return False
        return self.required.get(student, stored.run) == stored.run


def read(course: Course, lab: str) -> State:
    """The last run; an empty one where there was none, or nothing can be read."""
    try:
        found = json.loads((course.grading(lab) / "run.json").read_text(encoding="utf-8"))
        names = {item.name for item in fields(State)}
        return State(**{name: value for name, value in found.items() if name in names})
    except (OSError, ValueError, AttributeError, TypeError):
        return State()


def write(course: Course, lab: str, state: State) -> None:
    write_whole(course.grading(lab) / "run.json", json.dumps(asdict(state), indent=1, sort_keys=True) + "\n")


def begin(
    last: State,
    *,
    resume: bool,
    students: list[str] | None,
    exercise: str | None,
    late_penalty: float | None,
    cell_seconds: float | None,
    submission_seconds: float | None = None,
) -> State:
    """The state of a new run, or of the interrupted one that goes on with what it was told.

    The late penalty holds for the class until another is given: one student's new marks must not take it from all.
    Raises ValueError where an interrupted run was about another exercise.
    """
    going_on = resume and last.interrupted
    if going_on and exercise not in (None, last.exercise):
        was = f"exercise {last.exercise}" if last.exercise else "all exercises"
        raise ValueError(f"the interrupted run was about {was}: go on with it, or start without --resume")
    seconds = last.cell_seconds if resume else CELL_SECONDS
    in_all = last.submission_seconds if resume else SUBMISSION_SECONDS
    if going_on:
        students, exercise = last.students if students is None else students, last.exercise
    return State(
        id=last.id if resume and last.id else uuid.uuid4().hex,
        started=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        interrupted=True,
        required=dict(last.required),
        students=students,
        exercise=exercise,
        late_penalty=last.late_penalty if late_penalty is None else late_penalty,
        cell_seconds=seconds if cell_seconds is None else cell_seconds,
        submission_seconds=in_all if submission_seconds is None else submission_seconds,
    )

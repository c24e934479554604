"""The report on a class and a lab: a row for each submission, class statistics, how it was graded (HTML and CSV)."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.files import write_whole
from course_staff.gradebook.extensions import refresh_penalties
from course_staff.gradebook.marks import MISSING, number
from course_staff.reports import report_page
from course_staff.reports.contents import Report, Row, Trouble
from course_staff.reports.export import table
from course_staff.reports.gathered import Gathered, gather
from course_staff.reports.mistakes import Mistake, Named, mistakes_of, named_mistakes, stored_mistakes

if TYPE_CHECKING:
    from course_staff.course import Course
    from course_staff.marking.grade import Graded
    from course_staff.marking.lab import GradedCell

MEGABYTE = 2**20
CHANGED = ": the test cell had been changed, and was put back"  # of `restore`
LONGEST = 300  # characters of one message: a student's code wrote part of it


def report(course: Course, lab: str) -> list[Path]:
    """Write grading/LAB/report.html and report.csv from all that is graded; returns their paths.

    Raises RuntimeError where nothing was graded, rejected or entered yet.
    """
    try:
        with course.gradebook() as gradebook:
            refresh_penalties(course, gradebook, lab)
    except RuntimeError:
        pass  # no gradebook yet: the report does without
    gathered = gather(course, lab)
    if not gathered.students and not gathered.rejected:
        raise RuntimeError(f"nothing of {lab} is collected or graded yet: `course grade collect {lab} DIR` comes first")
    named, notes = known_mistakes(course, gathered)
    found = make(gathered, named, notes)
    pages = {"report.html": report_page.page(found), "report.csv": as_csv(found)}
    for name, text in pages.items():
        write_whole(course.grading(lab) / name, text)
    return [course.grading(lab) / name for name in pages]


def make(gathered: Gathered, named: Named, notes: list[str] | None = None) -> Report:
    """Put the report together. named: of `named_mistakes`."""
    lab, rows, mistakes = gathered.lab, [], {}
    lost = dict(gathered.run.get("lost") or [])
    ours = _changed_by_us(list(gathered.graded.values()))
    for student in gathered.students:
        mark, graded = gathered.mark(student), gathered.graded.get(student)
        words = [f"{item.file}: {item.reason}" for item in gathered.rejected if item.student == student]
        if graded is not None:
            own = mistakes[student] = {} if graded.rejected else mistakes_of(graded, lab, named)
            words += [graded.rejected] if graded.rejected else []
            words += [f"{exercise}: {_short(str(mistake))}" for exercise, mistake in own.items()]
            told = [problem for problem in graded.problems if problem in ours or _told(problem, own)]
            words += [_short(problem) for problem in graded.problems if problem not in told]
        elif student in lost:
            words.append(lost[student])
        elif mark.status == MISSING and not words:
            words.append("nothing was handed in")
        name = ", ".join(part for part in (mark.last, mark.first) if part)
        seconds, megabytes = (graded.seconds, graded.peak_memory / MEGABYTE) if graded else (None, None)
        look = tuple(_short(item) for item in graded.look) if graded else ()
        rows.append(Row(student, name, mark, tuple(words), seconds, megabytes, look))
    found = Report(lab.name, lab.points, cells=[cell.name for cell in lab.graded], rows=rows, run=gathered.run)
    found.notes = [*(notes or []), *ours.values()]
    found.unnamed = [(item.file, item.reason) for item in gathered.rejected if not item.student]
    found.exercises = [_trouble(cell, rows, mistakes) for cell in lab.graded]
    return found


def _trouble(cell: GradedCell, rows: list[Row], mistakes: dict[str, dict[str, Mistake]]) -> Trouble:
    """How the class did in one exercise; one that still waits for a person, as a whole, says nothing yet."""
    found = [row.mark.cells[cell.name] for row in rows if cell.name in row.mark.cells]
    waits = cell.by_hand and any(item.waits for item in found)
    scores = [item.score for item in found if item.score is not None and not waits]
    common = Counter(_short(str(own[cell.exercise])) for own in mistakes.values() if cell.exercise in own)
    return Trouble(
        cell.exercise,
        cell.points,
        cell.by_hand,
        sum(score >= cell.points for score in scores) / len(scores) if scores else None,
        statistics.fmean(scores) / cell.points if scores and cell.points else None,
        tuple(sorted(common.items(), key=lambda item: (-item[1], item[0]))),
    )


def as_csv(report: Report) -> str:
    """A row for each student, for a spreadsheet; files of nobody at the end."""
    header = ["student", "name", "status", "mark", "points", *report.cells, "late_penalty"]
    rows = [[*header, "seconds", "peak_memory_mb", "what_went_wrong"]]
    for row in report.rows:
        mark = row.mark
        cells = [number(mark.cells[name].score) if name in mark.cells else "" for name in report.cells]
        seconds = "" if row.seconds is None else f"{row.seconds:.2f}"
        megabytes = "" if row.megabytes is None else f"{row.megabytes:.0f}"
        lost = number(mark.penalty) if mark.raw is not None else ""
        rows.append(
            [row.student, row.name, mark.status, number(mark.mark), number(mark.points), *cells, lost]
            + [seconds, megabytes, "; ".join([*row.words, *(f"look at {item}" for item in row.look)])]
        )
    for file, reason in report.unnamed:
        blank = [""] * (len(report.cells) + 5)
        rows.append(["", "", "rejected", *blank, f"{file}: {reason}"])
    return table(rows)


def _changed_by_us(results: list[Graded]) -> dict[str, str]:
    """Problem -> a note on it, where most of a class has another test: it was mended after the release."""
    counts = Counter(problem for graded in results for problem in set(graded.problems) if problem.endswith(CHANGED))
    return {
        problem: f"{problem.removesuffix(CHANGED)}: {count} of {len(results)} submissions came with another test, so it"
        " was changed after the release. All were graded with the test as it is now."
        for problem, count in sorted(counts.items())
        if count >= 3 and count > len(results) / 2
    }


def _told(problem: str, mistakes: dict[str, Mistake]) -> bool:
    """Whether the mistake in the same exercise says it already. problem: "CELL: what is wrong"."""
    cell, _, what = problem.partition(": ")
    mistake = mistakes.get(cell) or mistakes.get(cell.removesuffix("_test"))
    return bool(what) and mistake is not None and what in str(mistake)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def known_mistakes(course: Course, gathered: Gathered) -> tuple[Named, list[str]]:
    """The named mistakes, and a note where there are none because they could not be graded."""
    if not any(graded.fingerprints for graded in gathered.graded.values()):
        return {}, []
    from course_staff.marking.grade import Graded
    from course_staff.running import pool
    from course_staff.running.prepare import prepare
    from course_staff.running.work import Job, PoolError
    from course_staff.sandbox.server import SandboxError

    def make() -> Named:
        unsafe = bool(gathered.run.get("unsafe"))  # no sandbox then: these are our own wrong answers
        lab, work = prepare(course, gathered.lab.name, unsafe=unsafe)

        def grade(submissions: list[bytes]) -> list[Graded]:
            jobs = [Job(f"{number:03d}", submission) for number, submission in enumerate(submissions)]
            done = pool.grade_all(work, jobs, workers=min(pool.cores(), len(jobs)))
            texts = {one.student: one.graded for one in done}
            nothing = Graded("", lab.name, "")  # of one that was lost with its worker: it names no mistake
            return [Graded.from_json(text) if (text := texts.get(job.student)) else nothing for job in jobs]

        return named_mistakes(course.root, lab, grade)

    try:
        return stored_mistakes(course, gathered.lab, make), []
    except (SandboxError, PoolError, ValueError, OSError) as error:  # the report must come in any case
        return {}, [f"mistakes are not matched with the named wrong answers: {error}"]

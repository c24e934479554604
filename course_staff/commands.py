"""The commands `course grade …`: release, collect, extend, run, status, seen, report, feedback, export, total, similar.

Each reads its arguments and calls the function of the same name in the module that does the work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from course_lib.closed_pipe import reader_is_gone
from course_lib.project import labs_called, project_root
from course_staff.authoring.programs import without_grammars

# Modules by which the absence of an extra is known.
EXTRAS = dict.fromkeys(
    ("jupyterlab", "jupytext", "nbclient", "nbconvert", "nbformat", "nbgrader", "sqlalchemy"),
    "instructor",
) | {"distributed": "dask", "psycopg2": "postgresql"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0: done, 1: something needs a person, 2: a wrong argument, 130: interrupted."""
    options = _parser().parse_args(argv)
    without_grammars()
    try:
        return options.run(options)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        remedy = f'pip install "course_lib[{extra}]"'
        print(f"course grade {options.command} needs {error.name}: {remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing is lost; `course grade run LAB --resume` goes on", file=sys.stderr)
        return 130
    except ValueError as error:
        print(f"course grade {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError as error:
        if reader_is_gone():
            raise  # `cli.main` ends quietly
        print(f"course grade {options.command}: {error}", file=sys.stderr)
        return 1
    except (RuntimeError, OSError) as error:  # no sandbox, no scheduler, no gradebook, no room on the disk
        print(f"course grade {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course grade", description="Grade a class. INSTRUCTORS.md tells the path.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], help: str, *, lab: bool = True
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        command.add_argument("--course", metavar="FOLDER", help="of the course (default: the one around here)")
        command.add_argument("--db-url", metavar="URL", help="of the gradebook (default: as nbgrader_config.py says)")
        if lab:
            command.add_argument("lab", metavar="LAB", help="such as lab02")
        return command

    release = add("release", _release, "derive the student version and enter the lab into the gradebook")
    release.add_argument("--due", metavar="TIME", help='such as "2026-11-30 23:59 Europe/Vienna"')

    collect = add("collect", _collect, "take in submissions: a folder, or a zip of Canvas, Moodle or Drive")
    collect.add_argument("source", type=Path, nargs="+", metavar="DIR|ZIP", help="one or several")
    collect.add_argument(
        "--students", type=Path, metavar="CSV", help="table: id, first, last, email, lms, file, submitted"
    )
    collect.add_argument("--max-mb", type=float, default=20, metavar="N", help="a notebook may have (default 20)")
    collect.add_argument("--zone", default="UTC", metavar="ZONE", help="of times that name none (default UTC)")
    collect.add_argument("--file-times", action="store_true", help="a file's own time is that of its submission")

    extend = add("extend", _extend, "give one student more time, before or after the submission came")
    extend.add_argument("student", metavar="STUDENT", help="id, as in grading/students.csv")
    extend.add_argument("--days", type=int, metavar="N", help="after the due date; 0 takes an extension back")
    extend.add_argument("--until", metavar="TIME", help='such as "2026-12-03 23:59 Europe/Vienna"')

    run = add("run", _run, "grade the class on all cores, each submission in a sandbox")
    run.add_argument("--workers", type=int, metavar="N", help="default: all cores")
    run.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    run.add_argument("--dask", metavar="ADDRESS", help="of a Dask scheduler, such as tcp://10.0.0.1:8786")
    run.add_argument("--dask-wait", type=float, metavar="S", help="while there is no Dask worker (default 300)")
    run.add_argument("--student", action="append", dest="students", metavar="ID", help="only this one; repeatable")
    run.add_argument("--exercise", metavar="NAME", help="only this one, after its test was fixed")
    run.add_argument("--late-penalty", type=float, metavar="SHARE", help="of the mark, per started day (default 0)")
    run.add_argument("--cell-seconds", type=float, metavar="S", help="a cell may take (default 60)")
    run.add_argument("--submission-seconds", type=float, metavar="S", help="all cells together (default 900)")
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    run.add_argument("--unsafe-no-sandbox", action="store_true", help="run students' code with your own rights")

    add("status", _status, "say what is collected, graded, rejected, missing, and what waits for a person")
    seen = add("seen", _seen, 'tick off what "look at this" lists of a student, once you have looked')
    seen.add_argument("students", nargs="+", metavar="STUDENT", help="id, as in `status`; one or several")
    seen.add_argument("--undo", action="store_true", help="list it again")

    add("report", _report, "write the report (HTML, CSV) anew from what is graded")

    feedback = add("feedback", _feedback, "write one page for each student: own mistakes, messages, points")
    feedback.add_argument("--student", action="append", dest="students", metavar="ID", help="only this one; repeatable")

    feedback.add_argument("--explain", action="store_true", help="after the deadline: with the author's explanations")
    feedback.add_argument("--now", action="store_true", help="with --explain: even while somebody may still hand in")

    export = add("export", _export, "write the marks of all labs as a table", lab=False)
    export.add_argument("labs", nargs="*", metavar="LAB", help="default: all")
    export.add_argument("--format", choices=("csv", "canvas", "moodle"), default="csv", help="default: csv")
    export.add_argument("--anonymous", action="store_true", help="made-up ids in place of names")
    export.add_argument("--excel", action="store_true", help="with a mark by which Excel knows the letters (csv only)")
    export.add_argument("--out", type=Path, metavar="FILE", help="default: print it")

    total = add("total", _total, "one number for each student from all labs, and how the class did", lab=False)
    total.add_argument("--weights", type=Path, metavar="CSV", help="columns lab,weight (default grading/weights.csv)")
    total.add_argument("--drop", type=int, default=0, metavar="N", help="each student's N lowest labs do not count")
    total.add_argument("--missing", choices=("empty", "0"), default="empty", help="a missing mark (default empty)")
    total.add_argument("--out", type=Path, metavar="FILE", help="of the table; default: print it")

    add("similar", _similar, "list pairs of near-identical answers: a lead to look at, never a proof")
    return parser


def _open(options: argparse.Namespace) -> Any:
    """The course that the command is about, and the full name of its lab."""
    from course_staff.course import Course

    root = Path(options.course) if options.course else project_root()
    if root is None or not root.is_dir():
        raise ValueError("run this inside the course's folder, or name it: --course FOLDER")
    course = Course.open(root, options.db_url)
    return (course, full_name(course.root, options.lab)) if "lab" in options else course


def full_name(root: Path, lab: str) -> str:
    """The full name of a lab from its beginning: "lab02" -> "lab02_convolutional_autoencoder"."""
    names = {path.stem for path in (root / "solutions").glob("*.py") if not path.stem.endswith(".wrong")}
    names |= {path.parent.name for path in (root / "solutions").glob("*/*.ipynb") if path.stem == path.parent.name}
    found = [lab] if lab in names else labs_called(lab, names)
    if len(found) != 1:
        raise ValueError(f"expected one lab called {lab!r}, got {found or sorted(names)}")
    return found[0]


def _release(options: argparse.Namespace) -> int:
    from course_staff.gradebook.release import release

    course, lab = _open(options)
    print(release(course, lab, due=options.due))
    return 0


def _collect(options: argparse.Namespace) -> int:
    from course_staff.handin.collect import collect

    course, lab = _open(options)
    collection = collect(
        course,
        lab,
        options.source,
        students=options.students,
        max_bytes=int(options.max_mb * 1e6),
        zone=options.zone,
        file_times=options.file_times,
    )
    print(collection)
    return int(bool(collection.rejected))


def _extend(options: argparse.Namespace) -> int:
    from course_staff.gradebook.extensions import extend

    course, lab = _open(options)
    print(extend(course, lab, options.student, days=options.days, until=options.until))
    return 0


def _run(options: argparse.Namespace) -> int:
    from course_staff.running.run import run

    course, lab = _open(options)
    summary = run(
        course,
        lab,
        workers=options.workers,
        resume=options.resume,
        dask=options.dask,
        dask_wait=options.dask_wait,
        students=options.students,
        exercise=options.exercise,
        late_penalty=options.late_penalty,
        unsafe=options.unsafe_no_sandbox,
        cell_seconds=options.cell_seconds,
        submission_seconds=options.submission_seconds,
        progress=not options.quiet,
    )
    written: list[Path] = []
    try:
        if summary.exit_code != 130:
            from course_staff.reports.report import report

            written = report(course, lab)  # before anything is printed: perhaps nobody reads it any more
    finally:
        print(summary)
    print(*written, sep="\n", end="\n" if written else "")
    return summary.exit_code


def _status(options: argparse.Namespace) -> int:
    from course_staff.running.run import status

    found = status(*_open(options))
    print(found)
    return int(found.waits)


def _seen(options: argparse.Namespace) -> int:
    from course_staff.running.seen import tick_off

    course, lab = _open(options)
    print(tick_off(course, lab, options.students, undo=options.undo))
    return 0


def _report(options: argparse.Namespace) -> int:
    from course_staff.reports.report import report

    print(*report(*_open(options)), sep="\n")
    return 0


def _feedback(options: argparse.Namespace) -> int:
    from course_staff.reports.feedback import feedback

    course, lab = _open(options)
    paths = feedback(course, lab, students=options.students, explain=options.explain, now=options.now)
    print(*paths, sep="\n")
    return 0


def _export(options: argparse.Namespace) -> int:
    from course_staff.reports.export import export

    course = _open(options)
    labs = [full_name(course.root, lab) for lab in options.labs] or None
    if options.excel and options.format != "csv":
        raise ValueError(f"--excel is for the format csv: {options.format} takes the table without its mark")
    table = export(course, format=options.format, labs=labs, anonymous=options.anonymous)
    if options.excel:
        table = f"\ufeff{table}"
    if options.out:
        options.out.write_text(table, encoding="utf-8", newline="")
    else:
        print(table, end="")
    return 0


def _total(options: argparse.Namespace) -> int:
    from course_staff.reports.total import read_weights, total

    course = _open(options)
    path = options.weights or course.root / "grading" / "weights.csv"
    wanted = options.weights or path.exists()
    weights = read_weights(path, lambda lab: full_name(course.root, lab)) if wanted else None
    found = total(course, weights=weights, drop=options.drop, missing=options.missing)
    if options.out:
        options.out.write_text(found.as_csv(), encoding="utf-8", newline="")
        print(found.statistics())
    else:
        print(found.as_csv(), end="")
        print(found.statistics(), file=sys.stderr)
    return 0


def _similar(options: argparse.Namespace) -> int:
    from course_staff.reports.similar import similar

    print(similar(*_open(options)))
    return 0

"""The command `course` as an instructor has it: a student's, and what writes, proves and grades labs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_lib import cli
from course_lib.cli import Add
from course_lib.closed_pipe import ends_quietly
from course_lib.project import project_root

# Modules of the extra `instructor`, by which its absence is known.
_INSTRUCTOR = {"nbgrader", "jupytext", "nbclient", "nbformat", "nbconvert", "jupyterlab"}


def main(arguments: list[str] | None = None) -> int:
    """Run one `course` command; returns its exit code. arguments: default those of the command line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return ends_quietly(lambda: _run(given))


def _run(arguments: list[str]) -> int:
    try:
        if arguments[:1] == ["grade"]:  # has its own parser
            from course_staff import commands

            return commands.main(arguments[1:])
        return cli.main(arguments, extend=_add_commands)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _INSTRUCTOR:
            raise
        remedy = 'pip install "course_lib[instructor]"'
        print(f"course {arguments[0]} needs {error.name}: {remedy}", file=sys.stderr)
        return 1


def _add_commands(add: Add) -> None:
    doctor = add("doctor", _doctor, "say what works on this machine, and what to do about what does not")
    doctor.add_argument(
        "--staff", action="store_true", help="what grading needs, too: nbgrader, the sandbox, an address"
    )
    build = add("build", _build, "derive the notebooks and tables from the lab sources")
    build.add_argument("--check", action="store_true", help="write nothing; fail on any difference")
    build.add_argument("--force", action="store_true", help="write over answers in labs/ too; a copy of each is kept")
    build.add_argument("--keep", action="store_true", help="leave answers in labs/ without complaint (`make lab`)")
    build.add_argument("labs", nargs="*", metavar="LAB", help="such as lab01; default: all, and the tables")
    check = add("check", _check, "prove the graders: solutions, stubs and wrong answers score as they should")
    check.add_argument("labs", nargs="*", metavar="LAB", help="such as lab01; default: all")
    check.add_argument("--workers", type=int, default=2, metavar="N", help="labs at a time (default 2)")
    check.add_argument("--verbose", action="store_true", help="show what each wrong answer is told")
    add(
        "grade",
        None,
        "grade a class: release, collect, extend, run, status, seen, report, feedback, export, total, similar",
    )
    relink = add("relink", _relink, "say where the course is published; rewrites first cells and badges")
    relink.add_argument("repository", metavar="OWNER/NAME", help="on GitHub, or an address for git")
    relink.add_argument(
        "--pin", metavar="TAG", help="what first cells install; default: the tag or commit of this copy"
    )
    publish = add(
        "publish", _publish, "write the copy for students: labs, lectures and library, nothing of the staff's"
    )
    publish.add_argument("folder", type=Path, metavar="FOLDER", help="new, or a copy published before")
    publish.add_argument("--push", metavar="URL", help="of a git repository: the copy goes there, and links lead there")
    publish.add_argument("--tag", metavar="NAME", help="of this version; default: the next of v1, v2, …")


def _doctor(given: argparse.Namespace) -> int:
    from course_lib import doctor
    from course_staff import health

    findings = doctor.checkup(health.CHECKS if given.staff else None)
    doctor.report(findings)
    needed = health.NEEDED if given.staff else ()
    return int(
        any(finding.level == "FAIL" or (finding.name in needed and finding.level != "OK") for finding in findings)
    )


def _build(given: argparse.Namespace) -> int:
    root = _root()
    from course_staff.authoring.build import build

    return build(root, given.labs or None, check=given.check, force=given.force, keep=given.keep)


def _check(given: argparse.Namespace) -> int:
    root = _root()
    if given.workers < 1:
        raise ValueError(f"--workers: expected 1 or more, got {given.workers}")
    from course_staff.proof.check import check

    return check(root, given.labs or None, workers=given.workers, verbose=given.verbose)


def _relink(given: argparse.Namespace) -> int:
    root = _root()
    from course_staff.authoring.relink import relink

    return relink(root, given.repository, given.pin)


def _publish(given: argparse.Namespace) -> int:
    root = _root()
    from course_staff.publishing.publish import publish

    print(publish(root, given.folder, given.push, given.tag))
    return 0


def _root() -> Path:
    root = project_root()
    if root is None:
        raise ValueError("run this inside the course's folder: its pyproject.toml has [tool.course]")
    return root


if __name__ == "__main__":
    sys.exit(main())

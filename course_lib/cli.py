"""The command `course`. Each subcommand imports what it needs when it runs, so that the rest is instant."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_lib import __version__
from course_lib.project import project_root

# Modules of the extra `instructor`, by which its absence is known.
_INSTRUCTOR = {"nbgrader", "jupytext", "nbclient", "nbformat", "nbconvert", "jupyterlab"}


def main(arguments: list[str] | None = None) -> int:
    """Run one `course` command; returns its exit code. arguments: default those of the command line."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["data"]:  # has its own parser, which also answers `course data --help`
        from course_lib.data import commands

        return commands.main(arguments[1:]) or 0
    if arguments[:1] == ["grade"]:
        from course_lib.grading.classroom import commands

        return commands.main(arguments[1:])
    given = _parser().parse_args(arguments)
    try:
        return given.run(given)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _INSTRUCTOR:
            raise
        remedy = 'pip install "course_lib[instructor]"'
        print(f"course {given.command} needs {error.name}: {remedy}", file=sys.stderr)
    except ValueError as error:
        print(f"course {given.command}: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="The course's tools, one subcommand each.")
    parser.add_argument("--version", action="version", version=f"course_lib {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run, help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    add("doctor", _doctor, "say what works on this machine, and what to do about what does not")
    add("data", None, "list, fetch or locate data: course data list | fetch NAME | where")
    evaluate = add("evaluate", _evaluate, "rank saved models on hidden noise, beside BM3D: tables and pictures")
    evaluate.add_argument("models", nargs="+", metavar="MODEL", help="a .safetensors file, or a folder of them")
    evaluate.add_argument("--noise", choices=("gaussian", "rician", "both"), default="both", help="default: both")
    evaluate.add_argument("--seed", type=int, metavar="N", help="of the noise; default: drawn anew, and told")
    evaluate.add_argument("--slices", type=int, default=24, metavar="N", help="of each head (default 24)")
    evaluate.add_argument("--images", default="colin27", help="colin27 (default), ixi, or a folder of NIfTI files")
    evaluate.add_argument("--no-bm3d", action="store_true", help="leave out BM3D, which takes most of the time")
    evaluate.add_argument("--out", default="evaluation", metavar="FOLDER", help="of the results (default evaluation)")
    build = add("build", _build, "derive the notebooks and tables from the lab sources")
    build.add_argument("--check", action="store_true", help="write nothing; fail on any difference")
    build.add_argument("labs", nargs="*", metavar="LAB", help="such as lab01; default: all, and the tables")
    check = add("check", _check, "prove the graders: solutions, stubs and wrong answers score as they should")
    check.add_argument("labs", nargs="*", metavar="LAB", help="such as lab01; default: all")
    check.add_argument("--workers", type=int, default=2, metavar="N", help="labs at a time (default 2)")
    check.add_argument("--verbose", action="store_true", help="show what each wrong answer is told")
    add(
        "grade",
        None,
        "grade a class: course grade release | collect | run | status | report | feedback | export | similar",
    )
    relink = add("relink", _relink, "say where the course is published; rewrites first cells and badges")
    relink.add_argument("repository", metavar="OWNER/NAME", help="on GitHub, or an address for git")
    relink.add_argument(
        "--pin", metavar="TAG", help="what first cells install; default: the tag or commit of this copy"
    )
    return parser


def _doctor(given: argparse.Namespace) -> int:
    from course_lib import doctor

    findings = doctor.checkup()
    doctor.report(findings)
    return int(any(finding.level == "FAIL" for finding in findings))


def _evaluate(given: argparse.Namespace) -> int:
    if Path(given.out).exists() and not Path(given.out).is_dir():
        raise ValueError(f"--out: expected a folder, got the file {given.out}")
    from course_lib import leaderboard
    from course_lib.data.fetch import DataUnavailable

    try:
        board = leaderboard.evaluate(
            given.models,
            noises=("gaussian", "rician") if given.noise == "both" else (given.noise,),
            images=given.images,
            slices=given.slices,
            seed=given.seed,
            baselines=not given.no_bm3d,
        )
    except (FileNotFoundError, DataUnavailable) as error:
        raise ValueError(error) from error
    for name, reason in board.refused.items():
        print(f"refused: {name}: {reason}", file=sys.stderr)
    if board.cards:
        print(board.markdown())
        print("\nwritten:", *board.write(given.out))
    return int(bool(board.refused))


def _build(given: argparse.Namespace) -> int:
    root = _root()
    from course_lib.grading.build import build

    return build(root, given.labs or None, check=given.check)


def _check(given: argparse.Namespace) -> int:
    root = _root()
    if given.workers < 1:
        raise ValueError(f"--workers: expected 1 or more, got {given.workers}")
    from course_lib.grading.check import check

    return check(root, given.labs or None, workers=given.workers, verbose=given.verbose)


def _relink(given: argparse.Namespace) -> int:
    root = _root()
    from course_lib.grading.relink import relink

    return relink(root, given.repository, given.pin)


def _root() -> Path:
    root = project_root()
    if root is None:
        raise ValueError("run this inside the course's folder: its pyproject.toml has [tool.course]")
    return root


if __name__ == "__main__":
    sys.exit(main())

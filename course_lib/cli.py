"""The command `course` as a student has it. Each subcommand imports what it needs when it runs: the rest is instant.

An instructor's `course` is `course_staff.cli`, which adds its own subcommands to these.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from course_lib import __version__
from course_lib.closed_pipe import ends_quietly
from course_lib.student.commands import add_commands

Add = Callable[..., argparse.ArgumentParser]  # add(name, run, help): a new subcommand, or the one of that name


def main(arguments: list[str] | None = None, *, extend: Callable[[Add], None] | None = None) -> int:
    """Run one `course` command; returns its exit code.

    arguments: default those of the command line. extend: adds further subcommands.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    return ends_quietly(lambda: _run(given, extend))


def _run(arguments: list[str], extend: Callable[[Add], None] | None) -> int:
    if arguments[:1] == ["data"]:  # has its own parser, which also answers `course data --help`
        from course_lib.data import commands

        return commands.main(arguments[1:]) or 0
    given = _parser(extend).parse_args(arguments)
    try:
        return given.run(given)
    except ValueError as error:
        print(f"course {given.command}: {error}", file=sys.stderr)
    return 1


def _parser(extend: Callable[[Add], None] | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="The course's tools, one subcommand each.")
    parser.add_argument("--version", action="version", version=f"course_lib {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int] | None, help: str) -> argparse.ArgumentParser:
        command = commands.choices.get(name) or commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    add("doctor", _doctor, "say what works on this machine, and what to do about what does not")
    add("data", None, "list, fetch or locate data: course data list | fetch NAME | where")
    add_commands(add)
    evaluate = add("evaluate", _evaluate, "rank saved models on hidden noise, beside BM3D: tables and pictures")
    evaluate.add_argument("models", nargs="+", metavar="MODEL", help="a .safetensors file, or a folder of them")
    evaluate.add_argument("--noise", choices=("gaussian", "rician", "both"), default="both", help="default: both")
    evaluate.add_argument("--seed", type=int, metavar="N", help="of the noise; default: drawn anew, and told")
    evaluate.add_argument("--slices", type=int, default=24, metavar="N", help="of each head (default 24)")
    evaluate.add_argument("--images", default="colin27", help="colin27 (default), ixi, or a folder of NIfTI files")
    evaluate.add_argument(
        "--masks", metavar="FOLDER", help="your own brain masks of a folder of images: NAME_mask.nii.gz"
    )
    evaluate.add_argument("--no-bm3d", action="store_true", help="leave out BM3D, which takes most of the time")
    evaluate.add_argument("--out", default="evaluation", metavar="FOLDER", help="of the results (default evaluation)")
    denoise = add("denoise", _denoise, "denoise a NIfTI file: the same header, grid, units and number type")
    denoise.add_argument("source", metavar="IN", help="a .nii or .nii.gz file, one volume or a series")
    denoise.add_argument("target", metavar="OUT", help="the denoised file, .nii or .nii.gz")
    denoise.add_argument(
        "--method",
        choices=("auto", "network", "bm3d", "nlm"),
        default="auto",
        help="default: the network where this copy has one, else BM3D",
    )
    denoise.add_argument("--sigma", default="auto", help="of the noise, in the file's units; default: measured")
    denoise.add_argument(
        "--noise", choices=("auto", "rician", "gaussian"), default="auto", help="default: by the values"
    )
    denoise.add_argument(
        "--plane", choices=("auto", "axial", "coronal", "sagittal"), default="auto", help="default: across long voxels"
    )
    denoise.add_argument(
        "--neighbours", choices=("auto", "yes", "no"), default="auto",
        help="whether the network sees the slices above and below; default: where they are near",
    )  # fmt: skip
    denoise.add_argument(
        "--ensemble", action="store_true", help="mean over eight turned and mirrored copies: eight times the time"
    )
    denoise.add_argument("--report", metavar="PAGE", help="write an .html page: pictures, residual, sigma by slice")
    if extend is not None:
        extend(add)
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
            masks=given.masks,
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
        if len(set(board.heads)) > 1:
            print(*(board.by_head(kind).markdown() for kind in board.comparisons), sep="\n\n", end="\n\n")
        print("\nwritten:", *board.write(given.out))
    return int(bool(board.refused))


def _denoise(given: argparse.Namespace) -> int:
    try:
        sigma = given.sigma if given.sigma == "auto" else float(given.sigma)
    except ValueError:
        raise ValueError(f"--sigma: expected a number or auto, got {given.sigma!r}") from None
    from course_lib import scans

    try:
        found = scans.denoise_file(
            given.source,
            given.target,
            method=given.method,
            sigma=sigma,
            noise=given.noise,
            plane=given.plane,
            neighbours={"yes": True, "no": False}.get(given.neighbours, "auto"),
            ensemble=given.ensemble,
            report=given.report,
        )
    except FileNotFoundError as error:
        raise ValueError(error) from error
    for number, one in enumerate(found):
        print(f"{f'volume {number}: ' if len(found) > 1 else ''}{one.noise}; denoised by {one.how()}")
        for doubt in one.doubts:
            print(f"  doubtful: {doubt}")
    print("written:", given.target, *([given.report] if given.report else []))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The commands `course data list`, `course data fetch NAME ...` and `course data where [NAME]`.

The name `ixi` stands for the volumes of IXI one by one, of as many subjects as are wanted, and the spreadsheet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from course_lib.data import sources
from course_lib.data.fetch import DataUnavailable, data_folder, fetch, listing, say, where

IXI = "ixi"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words of the command line; default those of this process.

    Returns:
        0: done, 1: the data is not available, 2: a wrong name (argparse exits with 2).
    """
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except ValueError as error:
        print(f"course data: {error}", file=sys.stderr)
        return 2
    except DataUnavailable as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course data", description="Data of the course: embedded, online.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, text in (
        ("list", _list, "what there is, and whether it is on this machine"),
        ("fetch", _fetch, "download; goes on where an interrupted download stopped"),
        ("where", _where, "the folder of the data, or the path of one file"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--folder", help="data folder (default: $COURSE_DATA, else a cache; for weights that of torch.hub)"
        )
        command.set_defaults(run=run)
        if name == "fetch":
            command.add_argument("names", nargs="+", metavar="NAME")
            command.add_argument("--quiet", action="store_true", help="no progress bar")
            command.add_argument(
                "--subjects",
                type=int,
                metavar="N",
                help="with the name ixi: only the first N subjects, about 8 MB each (default: all 581)",
            )
        if name == "where":
            command.add_argument("name", nargs="?", metavar="NAME")
    return parser


def _list(options: argparse.Namespace) -> int:
    print("Embedded, always here:")
    for sample in sources.EMBEDDED:
        print(f"  {sample.file:26} {_size(sample.size):>9}  {sample.what}")
    print(f"\nOnline, into {data_folder(options.folder)}:")
    for row in listing(folder=options.folder):
        state = "here" if row["here"] else f"{_size(row['partial'])} of it" if row["partial"] else "-"
        print(f"  {row['name']:20} {_size(row['size']):>9}  {state:15}  lab {row['lab']}  {row['what']}")
        print(f"  {'':20} {'':>9}  {'':15}          licence: {row['licence']}")
        if row["weights"] and options.folder is None:
            print(f"  {'':20} {'':>9}  {'':15}          in {row['path'].parent}")
        if not row["verified"]:
            print(f"  {'':20} {'':>9}  {'':15}          UNVERIFIED: no hash is known")
    volumes = len(list(_ixi_folder(options).glob("IXI*.nii.gz")))
    print(f"\nIXI one by one: {volumes} volumes here; get 40 subjects with: course data fetch ixi --subjects 40")
    print("Get one of the others with: course data fetch NAME")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    for name in options.names:  # refuse a wrong name before anything is downloaded
        if name != IXI:
            sources.find(name)
    if options.subjects is not None and IXI not in options.names:
        raise ValueError(f"--subjects: expected with the name {IXI}, got {' '.join(options.names)}")
    for name in options.names:
        if name == IXI:
            print(_fetch_ixi(options))
        else:
            path = fetch(name, folder=options.folder, progress=not options.quiet)
            print(path)
            if sources.find(name).for_torch and path != where(name):
                aside = f"the course reads weights there only while COURSE_DATA is {data_folder(options.folder)}"
                say(f"{name}: {aside}; without --folder they go to {where(name).parent}", True)
    return 0


def _fetch_ixi(options: argparse.Namespace) -> Path:
    from course_lib.data import ixi  # brings torch

    ixi.fetch_volumes(options.subjects, folder=options.folder, progress=not options.quiet)
    people = ixi.demographics(folder=options.folder, report=False, progress=not options.quiet)
    say(people.report, not options.quiet)
    return ixi.volumes_folder(folder=options.folder)


def _ixi_folder(options: argparse.Namespace) -> Path:
    return data_folder(options.folder) / "IXI-T1"  # as ixi.volumes_folder, without torch


def _where(options: argparse.Namespace) -> int:
    if options.name == IXI:
        print(_ixi_folder(options))
    else:
        print(where(options.name, folder=options.folder) if options.name else data_folder(options.folder))
    return 0


def _size(count: int | None) -> str:
    """Bytes for a person: 28.9 kB, 9.9 MB; a question mark where unknown."""
    if count is None:
        return "?"
    number = float(count)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"

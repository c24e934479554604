"""IXI: T1-weighted heads of 581 healthy people, as many of them as are wanted, and who these people are.

The volumes are published as one tar of about 4.5 GB. It is read as a stream, so that the first 40 subjects cost 40
subjects (about 8 MB each). `fetch_volumes(40)` goes on where an earlier call stopped, for more subjects or after an
interruption; a tar that lies in the data folder is unpacked instead. Licence CC BY-SA 3.0. Lab 03.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from course_lib._checks import check_count
from course_lib._progress import progress_bar
from course_lib.data.demographics import Demographics, Person, age_group, read_demographics
from course_lib.data.download import DiskFailed, DownloadFailed, explain
from course_lib.data.fetch import DataUnavailable, fetch, locked, say, unavailable, where
from course_lib.data.sources import Source, find
from course_lib.data.tarstream import TarFolder, first_files, open_file, open_url

__all__ = [
    "DataUnavailable", "Demographics", "Person", "age_group", "demographics", "fetch_volumes", "read_demographics",
    "subject_number", "volumes", "volumes_folder",
]  # fmt: skip

_NAME = re.compile(r"IXI(\d+)-.*\.nii\.gz")


def volumes_folder(*, folder: str | Path | None = None) -> Path:
    """Where the volumes lie, or would lie.

    Args:
        folder: the data folder, default `data_folder()`.

    Returns:
        `IXI-T1` in the data folder.
    """
    return where("ixi_t1", folder=folder).with_suffix("")


def volumes(*, folder: str | Path | None = None) -> list[Path]:
    """The volumes that are on this machine; also those that were put there by hand. Downloads nothing.

    Args:
        folder: the data folder, default `data_folder()`.

    Returns:
        Their paths, by subject.
    """
    return sorted(path for path in volumes_folder(folder=folder).glob("IXI*.nii.gz") if _NAME.fullmatch(path.name))


def subject_number(path: str | Path) -> int:
    """The number of the subject, by which the demographics know it: `IXI002-Guys-0828-T1.nii.gz` -> 2.

    Args:
        path: of a volume.

    Returns:
        The number.

    Raises:
        ValueError: a file that is not named so.
    """
    found = _NAME.fullmatch(Path(path).name)
    if found is None:
        raise ValueError(f"path: expected a name like IXI002-Guys-0828-T1.nii.gz, got {Path(path).name!r}")
    return int(found[1])


def demographics(*, folder: str | Path | None = None, report: bool = True, progress: bool = True) -> Demographics:
    """Age, sex, ethnicity of every person; downloads the spreadsheet (210 kB) if needed and prints what was cleaned.

    See :mod:`course_lib.data.demographics`.

    Args:
        folder: the data folder, default `data_folder()`.
        report: print what was cleaned.
        progress: show a bar and say what is going on.

    Returns:
        The people, and what was done to the spreadsheet.

    Raises:
        DataUnavailable: without the spreadsheet and the network.
    """
    return read_demographics(fetch("ixi_demographics", folder=folder, progress=progress), report=report)


def fetch_volumes(
    subjects: int | None = None, *, folder: str | Path | None = None, progress: bool = True
) -> list[Path]:
    """The T1 volumes of the first `subjects` people of the tar, in its order.

    Downloads what is missing and no more. Each volume is checked by the checksum that gzip keeps inside it; the
    published hash of the tar is compared once it is whole. Of several processes at once, one downloads.

    Args:
        subjects: how many; None is all of them.
        folder: the data folder, default `data_folder()`; the volumes go to its `IXI-T1`.
        progress: show a bar and say what is going on.

    Returns:
        Their paths.

    Raises:
        TypeError, ValueError: a count below 1.
        DataUnavailable: everything that keeps volumes from coming.
    """
    if subjects is not None:
        subjects = check_count(subjects, "subjects")
    source, path = find("ixi_t1"), where("ixi_t1", folder=folder)
    try:
        here = _here(path, subjects)
        if here is None:  # no lock without need: a folder that is shared and read-only is fine
            volumes_folder(folder=folder).mkdir(parents=True, exist_ok=True)
            with locked(path, progress):
                here = _complete(source, path, subjects, progress)
    except DownloadFailed as error:
        raise _unavailable(source, path, str(error)) from error
    except OSError as error:
        raise _unavailable(source, path, f"{path.parent} cannot be used: {explain(error)}") from error
    return here


class _Chosen:
    """Volumes in the order of the tar, until those of `subjects` people are together."""

    def __init__(self, subjects: int | None) -> None:
        self.subjects = subjects
        self.paths: dict[Path, int] = {}

    def enough(self, path: Path) -> bool:
        if _NAME.fullmatch(path.name):
            self.paths[path] = subject_number(path)
        return len(set(self.paths.values())) == self.subjects


def _skeleton(path: Path) -> Path:
    return path.with_name(path.name + ".skeleton")


def _whole(path: Path) -> Path:
    """A file that says: all of the tar came, and its hash was right. It holds the hash."""
    return path.with_name(path.name + ".whole")


def _here(path: Path, subjects: int | None) -> list[Path] | None:
    """The volumes that are asked for, if they are all here; else None."""
    chosen = _Chosen(subjects)
    for file in TarFolder(path.with_suffix(""), _skeleton(path)).files():
        if chosen.enough(file):
            return list(chosen.paths)
    if subjects is None and _whole(path).is_file() and _whole(path).read_text() == find("ixi_t1").hash:
        return list(chosen.paths)
    return None


def _complete(source: Source, path: Path, subjects: int | None, progress: bool) -> list[Path]:
    """Get the missing volumes, from the tar if it is here, else from the first address that serves it."""
    if path.is_file():
        openers = {str(path): partial(open_file, path)}
    else:
        openers = {url: partial(open_url, url) for url in source.urls}
    reasons = []
    for address, open_at in openers.items():
        chosen = _Chosen(subjects)
        with progress_bar(desc="IXI", total=subjects, unit=" subjects", disable=not progress) as bar:

            def enough(file: Path, chosen: _Chosen = chosen, bar: Any = bar) -> bool:
                done = chosen.enough(file)
                bar.update(len(chosen.paths) - bar.n)
                return done

            tar = TarFolder(path.with_suffix(""), _skeleton(path), open_at)
            try:
                ended = first_files(tar, enough, lambda text: say(f"IXI: {text}", progress))
            except DiskFailed:
                raise  # another server would not help
            except DownloadFailed as error:
                reasons.append(f"{address}: {error}")
                continue
        if ended:
            _check_whole(source, path, tar)
            if subjects is not None:
                say(f"IXI: the tar has {len(chosen.paths)} volumes, {subjects} were asked for", progress)
        else:
            say(
                f"IXI: {len(chosen.paths)} volumes, each right by its own checksum; the published hash is that of the"
                " whole tar and cannot be compared before all of it is here",
                progress,
            )
        return list(chosen.paths)
    raise DownloadFailed("; ".join(reasons))


def _check_whole(source: Source, path: Path, tar: TarFolder) -> None:
    assert source.hash, "the hash of IXI's tar is published"
    algorithm, _, value = source.hash.partition(":")
    found = tar.digest(algorithm)
    if found != value:
        raise DownloadFailed(
            f"all of the tar came, but its hash is {algorithm}:{found}, expected {source.hash}: one of the files is not"
            f" the published one. Delete {path.with_suffix('')} and {_skeleton(path)} to start over"
        )
    _whole(path).write_text(source.hash)


def _unavailable(source: Source, path: Path, reason: str) -> DataUnavailable:
    return unavailable(source, path, reason, command="course data fetch ixi --subjects N")

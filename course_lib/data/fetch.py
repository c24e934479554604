"""Download the course's data once, verified: `fetch("ixi_t1")` gives the path of a file with the right hash.

Files live in the folder that the environment variable COURSE_DATA names, else in the system's cache folder; weights of
known networks in the cache of torch.hub. A file put there by hand counts like a downloaded one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course_lib.data.download import DiskFailed, DownloadFailed, ResumingDownloader, explain
from course_lib.data.sources import SOURCES, Source, find


class DataUnavailable(RuntimeError):
    """Data could not be had. The message says what was wanted, why it failed and what to do."""


def data_folder(folder: str | Path | None = None) -> Path:
    """Where data is kept.

    Args:
        folder: another place; default as below.

    Returns:
        `folder`, else $COURSE_DATA, else the system's cache folder for `course_lib`.
    """
    chosen = folder or os.environ.get("COURSE_DATA")
    if not chosen:
        import pooch

        chosen = pooch.os_cache("course_lib")
    return Path(chosen).expanduser().absolute()


def torch_folder() -> Path:
    """Where torch.hub keeps weights, and torchvision looks for them; TORCH_HOME moves it. torch is not imported.

    Returns:
        The path.
    """
    torch = sys.modules.get("torch")
    if torch is not None:  # it knows of `torch.hub.set_dir`
        return Path(torch.hub.get_dir()) / "checkpoints"
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def where(name: str, *, folder: str | Path | None = None) -> Path:
    """The path that the file of source `name` has, or would have.

    Args:
        name: see `listing`.
        folder: default `data_folder()`; for weights `torch_folder()`, but a file that is only in the data folder
            stays there.

    Returns:
        The path.

    Raises:
        ValueError: an unknown name.
    """
    source = find(name)
    path = data_folder(folder) / source.filename
    if not source.for_torch or folder is not None:
        return path
    cached = torch_folder() / path.name
    return path if path.is_file() and not cached.is_file() else cached


def listing(*, folder: str | Path | None = None) -> list[dict[str, Any]]:
    """A row for every source.

    Args:
        folder: as for `where`.

    Returns:
        Rows with name, what, lab, licence, size (bytes or None), verified (is a hash known?), weights (of a network?),
        path, here (is the file there?; its hash is compared by `fetch`), partial (bytes of a download begun).
    """
    rows = []
    for source in SOURCES:
        path = where(source.name, folder=folder)
        part = _part(path)
        rows.append(
            {
                "name": source.name,
                "what": source.what,
                "lab": source.lab,
                "licence": source.licence,
                "size": path.stat().st_size if path.is_file() else source.size,
                "verified": source.hash is not None,
                "weights": source.for_torch,
                "path": path,
                "here": path.is_file(),
                "partial": part.stat().st_size if part.is_file() else 0,
            }
        )
    return rows


def fetch(name: str, *, folder: str | Path | None = None, progress: bool = True) -> Path:
    """The path of a source's file with the right hash; downloads it if it is not there.

    An interrupted download goes on where it stopped. A file with the wrong hash is refused and not kept. Of
    several processes at once, one downloads and the others wait for it.

    Args:
        name: see `listing`.
        folder: as for `where`.
        progress: show a bar and say what is going on.

    Returns:
        The path.

    Raises:
        ValueError: an unknown name.
        DataUnavailable: everything that keeps the file from coming.
    """
    source = find(name)
    path = where(name, folder=folder)
    try:
        # before any lock: a folder that is shared by many and read-only is fine
        if path.is_file() and _matches(path, source):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path, progress):
            if path.is_file():
                if _matches(path, source):
                    return path
                say(f"{path} has the wrong hash: it is deleted and downloaded again", progress)
                path.unlink()
            say(f"{path.name}: {source.what}. Licence: {source.licence}", progress)
            _download(source, path, progress)
    except OSError as error:
        raise unavailable(source, path, f"{path.parent} cannot be used: {explain(error)}") from error
    return path


def _download(source: Source, path: Path, progress: bool) -> None:
    reasons = []
    for url in source.urls:
        try:
            _download_from(url, source, path, progress)
            return
        except DiskFailed as error:
            raise unavailable(source, path, str(error)) from error
        except DownloadFailed as error:
            reasons.append(f"{url}: {error}")
    raise unavailable(source, path, "; ".join(reasons))


def _download_from(url: str, source: Source, path: Path, progress: bool) -> None:
    """One address; a wrong hash after going on from old bytes is answered by one fresh start."""
    part = _part(path)
    if source.hash is None:
        part.unlink(missing_ok=True)  # nothing could tell whether old bytes belong to the same file
    started_over = False
    while True:
        downloader = ResumingDownloader(part, size=source.size, progress=progress)
        try:
            _retrieve(url, source, path, downloader)
            break
        except ValueError as error:  # pooch has deleted what came
            if started_over or not downloader.resumed:
                raise DownloadFailed(
                    f"wrong hash ({error}); the file is not kept. Either the server has another file now, or "
                    "something on the way (a login page, a proxy) sent its own"
                ) from error
            say(f"{path.name}: wrong hash after going on from an earlier download; starting over", progress)
            started_over = True
    if source.hash is None:
        found = _sha256(path)
        say(f"UNVERIFIED: no hash of {path.name} is known to compare with. sha256 of what came: {found}", True)


def _retrieve(url: str, source: Source, path: Path, downloader: ResumingDownloader) -> None:
    """Let pooch download, compare the hash and move the file into its place. ValueError for a wrong hash."""
    import pooch

    def collect(url: str, output_file: str, caller: object) -> None:
        downloader(url, output_file)
        if not whole and not _matches(Path(output_file), source):  # pooch knows no prefixes
            raise ValueError(f"expected {source.hash}, got sha256:{_sha256(Path(output_file))}")

    whole = source.hash is None or not source.hash.startswith("sha256-prefix:")
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # it would advise to pass a hash to pooch
    try:
        known = source.hash if whole else None
        pooch.retrieve(url, known_hash=known, fname=path.name, path=path.parent, downloader=collect)
    finally:
        logger.setLevel(level)


def _matches(path: Path, source: Source) -> bool:
    import pooch

    algorithm, _, value = (source.hash or "").partition(":")
    if algorithm == "sha256-prefix":
        return _sha256(path).startswith(value)
    return source.hash is None or pooch.file_hash(str(path), alg=algorithm) == value


def _sha256(path: Path) -> str:
    import pooch

    return pooch.file_hash(str(path), alg="sha256")


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


@contextmanager
def locked(path: Path, progress: bool) -> Iterator[None]:
    """Hold the lock of one file; says so where another process holds it.

    Args:
        path: the file.
        progress: say it.

    Yields:
        Nothing, while the lock is held.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"{path.name}: another process is downloading it; waiting", progress)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def say(text: str, aloud: bool) -> None:
    """Print a line to standard error.

    Args:
        text: the line.
        aloud: False prints nothing.
    """
    if aloud:
        print(text, file=sys.stderr, flush=True)


def unavailable(source: Source, path: Path, reason: str, *, command: str | None = None) -> DataUnavailable:
    """The error for data that could not be had: what was wanted, why it failed and what to do.

    Args:
        source: what was wanted.
        path: where its file should be.
        reason: why it failed.
        command: what to try again; default `course data fetch` with the source's name.

    Returns:
        The error, for the caller to raise.
    """
    moved = "TORCH_HOME" if source.for_torch else "COURSE_DATA"
    return DataUnavailable(
        f"{source.name} is not available.\n"
        f"  Wanted: {source.what}, as {path}\n"
        f"  Why not: {reason}\n"
        "  What to do:\n"
        f"  - offline: {source.offline}\n"
        f"  - try again later: {command or f'course data fetch {source.name}'}\n"
        f"  - by hand: save {source.url} as {path}\n"
        f"  - to keep data elsewhere: set the environment variable {moved} to a folder"
    )

"""`python -m website.build`: write the pages from what the repository holds, and let Sphinx make the site of them."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from website import cache, handbooks, home, labs, lectures, play, reference, server
from website.address import SiteAddress

REPOSITORY = Path(__file__).resolve().parent.parent
WRITERS: tuple[Callable[[Path, Path], None], ...] = (
    labs.write,
    lectures.write,
    handbooks.write,
    reference.write,
    play.write,
    home.write,
)


def main(arguments: list[str] | None = None) -> int:
    """Build the site; returns the exit code, 1 if Sphinx warned."""
    asked = _parser().parse_args(arguments)
    # what executes something (lectures, home, play) finds its profile and its folder here: website/cache.py
    os.environ["COURSE_PROFILE"] = asked.profile
    os.environ[cache.FOLDER] = str(asked.cache.resolve())
    os.environ[cache.WORKERS] = str(asked.workers)
    begun = time.monotonic()
    out = asked.out.resolve()
    source = REPOSITORY / "build" / "website" / "source"
    write_pages(source)
    written = time.monotonic()
    failed = make_site(source, out, asked.workers)
    ended = time.monotonic()
    if failed:
        print("The site is not whole: see the warnings above.", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 1e6:.1f} MB, {written - begun:.0f} s for the pages, {ended - written:.0f} s for Sphinx")
    if asked.serve:
        server.serve(out, SiteAddress.of(REPOSITORY).root)
    return 0


def write_pages(source: Path) -> None:
    """Let each module write its pages into `source`, which is emptied before."""
    shutil.rmtree(source, ignore_errors=True)
    (source / "_static").mkdir(parents=True)
    static = REPOSITORY / "website" / "play" / "static"
    if static.is_dir():
        shutil.copytree(static, source / "_static" / "play")
    for write in WRITERS:
        begun = time.monotonic()
        write(REPOSITORY, source)
        print(f"{write.__module__.removeprefix('website.')}: {time.monotonic() - begun:.1f} s", flush=True)


def make_site(source: Path, out: Path, workers: int = 1) -> bool:
    """Run Sphinx, which takes a warning for an error; returns whether it failed."""
    from sphinx.cmd.build import build_main

    shutil.rmtree(out, ignore_errors=True)
    doctrees = source.parent / "doctrees"
    shutil.rmtree(doctrees, ignore_errors=True)
    settings = ["-q", "-W", "--keep-going", "-j", str(workers), "-c", str(REPOSITORY / "website"), "-d", str(doctrees)]
    return bool(build_main(["-b", "html", *settings, str(source), str(out)]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m website.build", description=__doc__)
    folder = REPOSITORY / "build" / "website"
    parser.add_argument(
        "--profile", choices=["cpu", "ci"], default="cpu", help="of the lectures: minutes each (cpu) or seconds (ci)"
    )
    parser.add_argument("--out", type=Path, default=folder / "html", help="where the site goes; emptied before")
    parser.add_argument("--cache", type=Path, default=folder / "cache", help="where executed lectures are kept")
    parser.add_argument("--workers", type=int, default=1, help="how many lectures are executed at a time")
    parser.add_argument("--serve", action="store_true", help="then show the site on this computer")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Copies of the gradebook, one before each run: an SQLite file, a dump of PostgreSQL, or all tables as JSON."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from course_staff.gradebook import tables

if TYPE_CHECKING:
    from course_staff.course import Course

DUMP_SECONDS = 600


def backup(course: Course) -> Path | None:
    """Copy the gradebook into backups/, named by the time in UTC; None where there is no gradebook yet.

    Raises RuntimeError where it cannot be copied: then a run must not begin.
    """
    file = course.sqlite_file
    if file is not None and not file.exists():
        return None
    folder = course.root / "backups"
    folder.mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as scratch:
        made = Path(scratch, "gradebook")
        if file is not None:
            kind = _copy_sqlite(file, made)
        elif _dump_postgresql(course, made):
            kind = ".sql"
        else:
            made.write_text(tables.dump(course.db_url), encoding="utf-8")
            kind = ".json"
        with open(made, "rb") as written:
            os.fsync(written.fileno())
        target = folder / f"gradebook-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}{kind}"
        os.replace(made, target)
    return target


def restore(course: Course, copy: Path) -> None:
    """Put a backup back in place of the gradebook, which is copied first. copy: .db or .json, as `backup` wrote it.

    A .sql dump is for PostgreSQL's own `psql`. Raises ValueError for it, and for another kind of file.
    """
    file = course.sqlite_file
    if copy.suffix not in (".db", ".json"):
        raise ValueError(f"expected a .db or .json file of `backup`, got {copy.name}; a .sql file is for psql")
    if copy.suffix == ".db" and file is None:
        raise ValueError(f"{copy.name} is an SQLite file, but the gradebook is a server's")
    backup(course)
    if copy.suffix == ".json":
        with course.gradebook(create=True):
            pass  # an empty server gets its tables
        tables.load(course.db_url, copy.read_text(encoding="utf-8"))
        return
    assert file is not None, "a .db file is for SQLite"
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(file, timeout=60)) as target:
        source.backup(target)


def _copy_sqlite(file: Path, made: Path) -> str:
    try:
        with (
            closing(sqlite3.connect(file, timeout=60)) as source,
            closing(sqlite3.connect(made)) as target,
        ):
            source.backup(target)  # a whole state, also while others write
    except sqlite3.Error as error:
        raise RuntimeError(f"the gradebook {file} cannot be backed up: {error}") from error
    return ".db"


def _dump_postgresql(course: Course, made: Path) -> bool:
    """False where there is no pg_dump, or it cannot: it must not be older than the server."""
    from sqlalchemy.engine import make_url

    url = make_url(course.db_url)
    program = shutil.which("pg_dump")
    if program is None or url.get_backend_name() != "postgresql":
        return False
    given = {
        "PGHOST": url.query.get("host") or url.host,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,  # not on the command line, where all can read it
        "PGDATABASE": url.database,
        "PGSSLMODE": url.query.get("sslmode"),
    }
    words = {key: ",".join(value) if isinstance(value, tuple) else value for key, value in given.items() if value}
    environment = os.environ | words
    command = [program, "--no-password", "--no-owner", "--clean", "--if-exists", f"--file={made}"]
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=DUMP_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return True

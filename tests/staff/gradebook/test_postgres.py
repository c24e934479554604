"""The gradebook of a department: PostgreSQL in place of SQLite, on a real server that this test starts and stops."""

from __future__ import annotations

import functools
import getpass
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_class import LAB, hand_in, hand_in_class, in_this_process, open_course, prepared, submission

from course_staff.course import Course
from course_staff.gradebook import backup as backups
from course_staff.gradebook import tables
from course_staff.reports.export import export
from course_staff.running import pool
from course_staff.running import run as run_module
from course_staff.running.run import run

pytest.importorskip("psycopg2", reason="the driver psycopg2-binary is not installed")
QUIET = {"progress": False, "workers": 1}


@functools.cache
def version() -> str:
    from nbgrader.dbutil import _temp_alembic_ini

    with _temp_alembic_ini("sqlite://") as settings:
        command = [sys.executable, "-m", "alembic", "-c", settings, "heads"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0]


def program(name: str) -> str | None:
    """Debian keeps them in a folder for each version, not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server without any data, up to the name of the database. It listens on a file only."""
    if program("initdb") is None or program("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    as_root = os.geteuid() == 0  # PostgreSQL refuses to run as root
    user = "nobody" if as_root else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short, and open to that user
    person = pwd.getpwnam(user)
    os.chown(folder, person.pw_uid, person.pw_gid)
    options: dict = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL}
    options["env"] = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    if as_root:
        options |= {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    control = [program("pg_ctl"), "--pgdata", str(folder / "data"), "--log", str(folder / "log"), "--wait"]
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c shared_buffers=16MB"
    try:
        subprocess.run(
            [program("initdb"), "--pgdata", str(folder / "data"), "--auth=trust", "--username=teacher", "--no-sync"],
            **options,
        )
        subprocess.run([*control, "--options", settings, "start"], **options)
        try:
            yield f"postgresql+psycopg2://teacher@/{{}}?host={folder}"
        finally:
            subprocess.run([*control, "--mode", "immediate", "stop"], **options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def course(server: str, tmp_path: Path, monkeypatch, request) -> Course:
    """A course whose gradebook is a fresh database."""
    from sqlalchemy import create_engine, text

    monkeypatch.setattr("nbgrader.api.get_alembic_version", version)  # a program that takes seconds, each time
    monkeypatch.setattr(run_module, "prepare_lazily", prepared())
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    name = f"db{abs(hash(request.node.name))}"
    engine = create_engine(server.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine.dispose()
    return open_course(tmp_path / "department", server.format(name))


def test_the_table_is_that_of_sqlite(course: Course, tmp_path: Path):
    small = open_course(tmp_path / "small")
    for one in (course, small):
        hand_in_class(one)
        run(one, LAB, late_penalty=0.1, **QUIET)
        with one.gradebook() as book:
            book.find_grade("why", LAB, LAB, "student03").manual_score = 3.5
            book.db.commit()
        hand_in(one, "student04", submission({"double": 2.0, "treble": 3.0, "why": None}))
        run(one, LAB, resume=True, **QUIET)
    assert export(course, format="csv") == export(small, format="csv") and not (course.root / "gradebook.db").exists()
    assert "why 3.5/4" in export(course, format="csv")


def test_long_names_and_odd_text_are_taken(course: Course):
    hand_in(course, "s" * 128, submission(answers={"double": "\0 \ud800 ✓"}))
    assert run(course, LAB, **QUIET).exit_code == 0
    assert "s" * 128 in export(course, format="csv")


@pytest.mark.parametrize("with_program", [True, False])
def test_a_backup_is_made_before_each_run_and_can_be_put_back(course: Course, monkeypatch, with_program: bool):
    folder = Path(program("pg_dump") or "/nowhere").parent if with_program else Path("/nowhere")
    tools = [str(folder), str(Path(sys.executable).parent)]
    monkeypatch.setenv("PATH", os.pathsep.join(tools))
    hand_in_class(course)
    run(course, LAB, **QUIET)
    with course.gradebook() as book:
        book.find_grade("why", LAB, LAB, "student03").manual_score = 3.5
        book.db.commit()
        book.grant_extension(LAB, "student03", days=2)
    before = tables.dump(course.db_url)
    copy = run(course, LAB, students=["student01"], **QUIET).backup
    assert copy.suffix == (".sql" if with_program else ".json")
    with course.gradebook() as book:
        book.remove_submission(LAB, "student03")
    assert tables.dump(course.db_url) != before
    if with_program:
        host = course.db_url.partition("host=")[2]
        name = course.db_url.partition("@/")[2].partition("?")[0]
        command = [folder / "psql", "-h", host, "-U", "teacher", "-d", name, "-q", "-v", "ON_ERROR_STOP=1", "-f", copy]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        backups.restore(course, copy)
    assert tables.dump(course.db_url) == before


def test_a_server_that_is_not_there_is_an_error_in_words(tmp_path: Path):
    course = open_course(tmp_path, "postgresql+psycopg2://teacher@/none?host=/nowhere")
    with pytest.raises(RuntimeError, match="cannot be opened"), course.gradebook():
        pass
    with pytest.raises(RuntimeError, match="cannot be backed up"):
        backups.backup(course)

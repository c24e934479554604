"""The address of an SQLite file, right for every name that a folder can have."""

from __future__ import annotations

from pathlib import Path

SECONDS = 60  # to wait while another program writes


def sqlite_url(file: Path) -> str:
    """The URL of a gradebook in `file`, which leads there also where its folder is called `MRI%20course?`.

    Raises RuntimeError where an old SQLAlchemy cannot say that name: the gradebook would lie in another folder.
    """
    from sqlalchemy.engine import URL, make_url

    url = URL.create("sqlite", database=str(file), query={"timeout": str(SECONDS)}).render_as_string()
    if make_url(url).database != str(file):
        raise RuntimeError(f"this SQLAlchemy cannot open {file}: rename the folder, or install SQLAlchemy 2.1")
    return url

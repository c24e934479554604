"""All tables of a database as JSON, and back: a backup that needs no program of the database."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any


def dump(url: str) -> str:
    """All rows of all tables, as they are at one moment. Raises RuntimeError where the database cannot be read."""
    from sqlalchemy import MetaData, create_engine, select
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(url)
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    metadata, found = MetaData(), {}
    try:
        with engine.connect() as connection, connection.begin():
            metadata.reflect(connection)
            for table in metadata.sorted_tables:
                rows = [dict(row) for row in connection.execute(select(table)).mappings()]
                found[table.name] = sorted(rows, key=str)
    except SQLAlchemyError as error:
        raise RuntimeError(f"the gradebook cannot be backed up: {error}") from error
    finally:
        engine.dispose()
    return json.dumps(found, indent=1, default=_plain) + "\n"


def load(url: str, text: str) -> None:
    """Replace all rows of all tables by those of a dump: all or nothing. The tables must be there."""
    from sqlalchemy import MetaData, create_engine, delete, insert

    rows = json.loads(text)
    engine, metadata = create_engine(url), MetaData()
    try:
        with engine.begin() as connection:
            metadata.reflect(connection)
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
            for table in metadata.sorted_tables:
                if found := [{key: _value(item) for key, item in row.items()} for row in rows.get(table.name, [])]:
                    connection.execute(insert(table), found)
    finally:
        engine.dispose()


def _plain(value: Any) -> dict[str, Any]:
    """Times and lengths of time, which JSON has not."""
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    raise TypeError(f"expected a time or a length of time, got {type(value).__name__}")


def _value(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return datetime.fromisoformat(item["time"]) if "time" in item else timedelta(seconds=item["seconds"])

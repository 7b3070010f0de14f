"""Many rows into a table at once, by the fastest way each database has; a row whose key is there is left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]

TOGETHER = 1000
"""Rows in one statement for MariaDB: some 250 kB, a server takes 16 MB by default."""


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows of these columns, the key first, within the connection's transaction."""
    if not rows:
        return
    quote = connection.dialect.identifier_preparer.quote
    target, names = quote(table.name), [quote(column) for column in columns]
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        statement = f"INSERT OR IGNORE INTO {target} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, list(rows))
    elif connection.dialect.name == "postgresql":
        _copy(connection, target, ", ".join(names), rows)
    else:
        _insert(connection, target, names, rows)


def _insert(connection: Connection, target: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Rows as text: PyMySQL's own way takes four times as long. IGNORE would hide a value that does not fit."""
    known = f"ON DUPLICATE KEY UPDATE {names[0]}={names[0]}"
    into = f"INSERT INTO {target} ({', '.join(names)}) VALUES"
    escape = getattr(connection.connection.driver_connection, "escape", None)
    if escape is None:  # another driver than ours
        connection.exec_driver_sql(f"{into} ({', '.join(['%s'] * len(names))}) {known}", list(rows))
        return
    for start in range(0, len(rows), TOGETHER):
        text = ",".join([_text(row, escape) for row in rows[start : start + TOGETHER]])
        connection.exec_driver_sql(f"{into} {text} {known}".replace("%", "%%"))


def _text(row: Row, escape: Any) -> str:
    """``(1.5,NULL,'idle')``. Only numbers and None are written by us; words are the driver's to escape."""
    return "(" + ",".join([_number(value) if type(value) is not str else escape(value) for value in row]) + ")"


def _number(value: float | None) -> str:
    return "NULL" if value is None or not math.isfinite(value) else repr(value)


def _copy(connection: Connection, target: str, names: str, rows: Iterable[Row]) -> None:
    """COPY knows no conflicts: into a table of this transaction, and from there."""
    staged = '"gpumon_staged"'
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} ON COMMIT DROP AS SELECT {names} FROM {target} LIMIT 0"  # noqa: S608
    )
    _send(connection, f"COPY {staged} ({names}) FROM STDIN", rows)
    connection.exec_driver_sql(f"INSERT INTO {target} ({names}) SELECT {names} FROM {staged} ON CONFLICT DO NOTHING")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {staged}")


def _send(connection: Connection, statement: str, rows: Iterable[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    module = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except module.Error as e:  # SQLAlchemy, which would do this, does not know of COPY
        raise DBAPIError.instance(statement, None, e, module.Error, hide_parameters=True) from e

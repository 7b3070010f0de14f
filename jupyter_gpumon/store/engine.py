"""Connections to a database, each as it has to be set: time limits, write-ahead log; and what goes wrong, in words."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from ..errors import SourceError
from ..places import place

ANSWER = 30
"""Seconds that a database may take for an answer."""
CONNECT = 5
"""Seconds that it may take to be reached."""

_EXTRAS = {"pymysql": "mysql", "psycopg": "postgresql"}
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": CONNECT},
    "pymysql": {"connect_timeout": CONNECT, "read_timeout": ANSWER, "write_timeout": ANSWER},
    "psycopg": {"connect_timeout": CONNECT, "options": f"-c statement_timeout={ANSWER}s"},
}
_PRAGMAS = ("auto_vacuum = INCREMENTAL", "journal_mode = WAL", "synchronous = NORMAL")
"""With the log a reader does not wait for the writer, and a commit not for the disk. A killed process loses nothing
that was committed, a power cut perhaps the last seconds. Space that retention frees is given back."""


def open_engine(url: URL) -> Engine:
    """An engine, not connected yet: the database may be away.

    Raises:
        SourceError: there is no driver for it, or no folder for the file.
    """
    _check_driver(url)
    if url.get_backend_name() == "sqlite":
        url = _file(url)
    said = url.query
    driver = "sqlite" if url.get_backend_name() == "sqlite" else url.get_driver_name()
    arguments = {name: value for name, value in _ARGUMENTS.get(driver, {}).items() if name not in said}
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True, pool_size=2)
    if driver == "sqlite":
        event.listen(engine, "connect", _set_up)
    return engine


def _check_driver(url: URL) -> None:
    try:
        driver = url.get_driver_name()
        url.get_dialect()
    except NoSuchModuleError:
        raise SourceError(
            f"There is no database called {url.drivername!r}. There are sqlite, mysql, mariadb and postgresql."
        ) from None
    except ImportError:
        driver = url.drivername.partition("+")[2]
    if driver != "pysqlite" and importlib.util.find_spec(driver) is None:
        extra = _EXTRAS.get(driver)
        command = f'pip install "jupyter-gpumon[{extra}]"' if extra else f"pip install {driver}"
        raise SourceError(f"{url.drivername} needs the driver {driver}, which is not installed: {command}")


def _file(url: URL) -> URL:
    """The URL of a file that only its owner can read; it tells who computed when."""
    if not url.database or url.database == ":memory:":
        raise SourceError("Name a file for SQLite: sqlite:///run.db, or sqlite:////full/path/run.db")
    if url.database.startswith("file:"):
        return url
    path = place(url.database)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    except OSError as e:
        raise SourceError(f"{path} cannot be opened: {e.strerror or e}.") from e
    return url.set(database=str(path))


def _set_up(connection: Any, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def reason(error: Exception, url: URL) -> str:
    """What the database said, without a statement, its values or the password."""
    said = str(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error)
    line = " ".join(said.split()) or type(error).__name__
    return line.replace(url.password, "***") if url.password else line

"""Where runs are kept: a file in Jupyter's data folder that needs no server, or a database that ``$GPUMON_RUNS`` names.

The file is SQLite with a rollback journal: a write-ahead log needs memory that two machines on one network drive do not
share. Writers wait for one another.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from ..errors import RunError, SourceError
from ..experiments import Run, RunLine
from ..sinks.urls import shown
from ..store.engine import open_engine
from ..store.options import DRIVERS
from .tables import RUN_METRICS, RUNS, metadata, metric_rows, row_of

WAIT = 30.0
"""Seconds that a writer waits for another one."""
LISTED = 200
"""Runs in a list, where nobody says how many."""

_LINE = [column for column in RUNS.c if column.name != "record"]


def default_url() -> str:
    """``$GPUMON_RUNS``, else the file in Jupyter's data folder."""
    asked = os.environ.get("GPUMON_RUNS", "")
    return asked if asked not in ("", "sqlite") else f"sqlite:///{_default_path()}"


def _default_path() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "gpumon" / "runs.sqlite"


@functools.lru_cache(maxsize=8)
def store(url: str = "", pid: int = 0) -> RunStore:  # noqa: ARG001 - a forked process has a store of its own
    """The store of that URL, shared by all who ask in this process; by default the one of ``default_url``."""
    return RunStore(url or default_url())


def shared(url: str | None = None) -> RunStore:
    """The store, for this process.

    Raises:
        RunError: it cannot be opened.
    """
    return store(url or default_url(), os.getpid())


class RunStore:
    """Runs in a database, whose tables are made when the first run is saved.

    Raises:
        RunError: the URL is none, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = shown(url)
        self._made = False
        try:
            self._engine = _engine(url)
            self._writing = self._engine.execution_options(writing=True)
        except (SQLAlchemyError, SourceError, OSError) as e:
            raise RunError(f"Runs cannot be kept in {self.url}: {_first(e)}") from None
        except ValueError as e:  # SQLAlchemy's word for a port that is no number
            raise RunError(
                f"Runs cannot be kept in {self.url}, which is no URL of a database ({_first(e)}). "
                "Write postgresql://user@host:5432/database."
            ) from None

    def save(self, run: Run) -> None:
        """Keep a run, in place of what was kept under its id.

        Raises:
            RunError: it cannot be written.
        """
        rows = list(metric_rows(run))
        try:
            self._make()
            with self._writing.begin() as connection:
                connection.execute(delete(RUN_METRICS).where(RUN_METRICS.c.run_id == run.id))
                connection.execute(delete(RUNS).where(RUNS.c.id == run.id))
                connection.execute(insert(RUNS), row_of(run))
                if rows:
                    connection.execute(insert(RUN_METRICS), rows)
        except (SQLAlchemyError, OSError) as e:
            raise RunError(f"The run {run.name} was not kept in {self.url}: {_first(e)}") from None

    def lines(self, *, name: str = "", branch: str = "", gpu: str = "", limit: int = LISTED) -> list[RunLine]:
        """Runs as lines, the newest first.

        Raises:
            RunError: it cannot be read.
        """
        wanted = {RUNS.c.name: name, RUNS.c.branch: branch, RUNS.c.gpu_name: gpu}
        query = select(*_LINE).where(*(column == value for column, value in wanted.items() if value))
        rows = self._all(query.order_by(RUNS.c.started.desc()).limit(limit))
        values = self._values([row.id for row in rows])
        return [_line(row, values.get(row.id, {})) for row in rows]

    def find(self, key: str) -> list[Run]:
        """The run of that id; else all of that name, the newest first; else the one whose id begins so (by four
        characters at least).

        Raises:
            RunError: there is none; the text names some that there are.
        """
        found = self._runs(RUNS.c.id == key) or self._runs(RUNS.c.name == key)
        if not found and len(key) >= 4:
            found = self._runs(RUNS.c.id.startswith(key, autoescape=True))
            if len(found) > 1:
                raise RunError(f"{key} is the beginning of {len(found)} runs' ids. Give more of it.")
        if not found:
            names = list(dict.fromkeys(line.name for line in self.lines(limit=50)))[:8]
            there = f"There are: {', '.join(names)}." if names else 'Make one: with gm.run("name"): …'
            raise RunError(f"There is no run {key!r}. {there}")
        return found

    def latest(self, name: str) -> Run | None:
        """The newest run of that name; None where there is none."""
        found = self._runs(RUNS.c.name == name, limit=1)
        return found[0] if found else None

    def recent(self, since: float, names: int) -> list[Run]:
        """The newest run of each name that was begun since a Unix time, the newest first; so many names at most.

        Raises:
            RunError: it cannot be read.
        """
        begun = func.max(RUNS.c.started).label("begun")
        last = select(RUNS.c.name, begun).where(RUNS.c.started >= since).group_by(RUNS.c.name)
        newest = last.order_by(begun.desc()).limit(names).subquery()
        of_it = (RUNS.c.name == newest.c.name) & (RUNS.c.started == newest.c.begun)
        rows = self._all(select(RUNS.c.record).join(newest, of_it).order_by(RUNS.c.started.desc()))
        return [_whole(row.record) for row in rows]

    def count(self, name: str) -> int:
        """How many of that name are kept."""
        found = self._all(select(func.count()).select_from(RUNS).where(RUNS.c.name == name))
        return int(found[0][0]) if found else 0

    def remove(self, ids: Iterable[str]) -> None:
        """Forget runs.

        Raises:
            RunError: it cannot be written.
        """
        wanted = list(ids)
        try:
            self._make()
            with self._writing.begin() as connection:
                connection.execute(delete(RUN_METRICS).where(RUN_METRICS.c.run_id.in_(wanted)))
                connection.execute(delete(RUNS).where(RUNS.c.id.in_(wanted)))
        except SQLAlchemyError as e:
            raise RunError(f"Nothing was removed from {self.url}: {_first(e)}") from None

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _runs(self, condition: ColumnElement[bool], limit: int = LISTED) -> list[Run]:
        query = select(RUNS.c.record).where(condition).order_by(RUNS.c.started.desc()).limit(limit)
        return [_whole(row.record) for row in self._all(query)]

    def _values(self, ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """Run → metric → the value that counts."""
        columns = RUN_METRICS.c.run_id, RUN_METRICS.c.metric, RUN_METRICS.c.value
        found: dict[str, dict[str, float]] = {}
        for at in range(0, len(ids), 500):  # a statement holds so many values
            for row in self._all(select(*columns).where(RUN_METRICS.c.run_id.in_(ids[at : at + 500]))):
                if row.value is not None:
                    found.setdefault(row.run_id, {})[row.metric] = row.value
        return found

    def _all(self, query: Any) -> Sequence[Row[Any]]:
        try:
            if not self._made and not self._is_there():
                return []
            self._made = True
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except (SQLAlchemyError, OSError) as e:
            raise RunError(f"The runs in {self.url} cannot be read: {_first(e)}") from None

    def _is_there(self) -> bool:
        """Whether a run was ever kept; asking makes no file."""
        return (self._file is None or self._file.exists()) and inspect(self._engine).has_table(RUNS.name)

    @property
    def _file(self) -> Path | None:
        path = self._engine.url.database
        return Path(path) if self._engine.dialect.name == "sqlite" and path and path != ":memory:" else None

    def _make(self) -> None:
        if not self._made:
            if self._file is not None:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            metadata.create_all(self._writing)
            self._made = True


def _engine(text: str) -> Engine:
    url = make_url(text)
    if url.get_backend_name() != "sqlite":
        return open_engine(url.set(drivername=DRIVERS.get(url.drivername, url.drivername)))
    engine = create_engine(url, connect_args={"timeout": WAIT}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its turn at once: one that had read first could not wait for another.
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _line(row: Row[Any], metrics: dict[str, float]) -> RunLine:
    return RunLine(
        id=row.id, name=row.name, start=row.started, end=row.ended,
        status=_living(row.status, row.pid, row.hostname, row.started), outcome=row.outcome, simulated=row.simulated,
        branch=row.branch, commit=row.commit_id, message=row.commit_message, notebook=row.notebook, gpus=row.gpu_name,
        tags=msgspec.json.decode(row.tags, type=dict[str, str]), joules=row.energy_joules,
        joules_low=row.energy_low_joules, joules_high=row.energy_high_joules, metrics=metrics,
    )  # fmt: skip


def _whole(record: str) -> Run:
    try:
        run = msgspec.json.decode(record, type=Run)
    except msgspec.MsgspecError as e:
        raise RunError(f"A run was kept by another version and cannot be read: {e}") from None
    return replace(run, status=_living(run.status, run.pid, run.origin.hostname, run.start))


def _living(status: str, pid: int | None, hostname: str | None, started: float) -> str:
    """``running`` of a process on this machine that is no more has no end: ``partial``."""
    if status != "running" or hostname != platform.node() or pid is None:
        return status
    try:
        return status if psutil.Process(pid).create_time() <= started + 1 else "partial"
    except psutil.NoSuchProcess:
        return "partial"
    except psutil.Error:
        return status


def _first(error: BaseException) -> str:
    """What it says, without the statement and its values."""
    said = str(getattr(error, "orig", None) or error).splitlines()
    return said[0] if said else type(error).__name__

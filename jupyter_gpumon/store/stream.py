"""A database read back as a stream of messages: what ``gpumon convert`` and ``gpumon export`` take from it.

The monotonic stamps are the Unix ones: a database keeps no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import URL, Connection, Float, MetaData, Numeric, Select, Table, func, select
from sqlalchemy.exc import SQLAlchemyError

from ..errors import SourceError
from ..metrics import HOST_METRICS
from ..model import Device, Event, Hello, Host
from ..places import place
from ..sources.tables import of_rows
from ..wire import Stream
from .engine import open_engine, reason
from .options import parse
from .tables import HOST, SAMPLES, step_name

CHUNK = 5000
"""Rows that are fetched at a time."""

Row = Mapping[str, Any]


class Store:
    """A database's samples.

    Args:
        url: as for a sink.
        run: only those of this run; empty is all.

    Raises:
        SourceError: the URL is malformed, the database cannot be read, or holds no samples.
    """

    def __init__(self, url: str, run: str = "") -> None:
        options = parse(url)
        self._url, self._run = options.url, run
        if (file := _missing(options.url)) is not None:
            raise SourceError(
                f"There is no database {file}. Its URL begins sqlite:/// and goes on with the file's name."
            )
        self._engine = open_engine(options.url)
        self._tables = MetaData()
        try:
            self._tables.reflect(self._engine, only=lambda name, _: name.startswith("gpumon_"))
        except SQLAlchemyError as e:
            raise SourceError(f"{self._shown} cannot be read: {reason(e, self._url)}") from e
        _as_floats(self._tables)
        if SAMPLES not in self._tables.tables:
            raise SourceError(f"{self._shown} holds no samples of ours. Write some: gpumon record -o {self._shown}")

    @property
    def _shown(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def span(self, step: float = 0.0) -> tuple[float, float] | None:
        """Unix time of the first and the last sample; None where there is none."""
        with self._engine.connect() as connection:
            time = self._samples(step).c.time
            first, last = connection.execute(select(func.min(time), func.max(time))).one()
        return None if first is None else (float(first), float(last))

    def run(self) -> str:
        """The run that all samples are of; empty where there are several, or none."""
        if self._run:
            return self._run
        samples, names = self._samples(0.0), self._table("gpumon_run_names")
        with self._engine.connect() as connection:
            numbers = connection.execute(select(samples.c.run).distinct().limit(2)).scalars().all()
            found = connection.execute(select(names.c.name).where(names.c.id.in_(numbers))).scalars().all()
        return str(found[0]) if len(numbers) == len(found) == 1 else ""

    def messages(self, since: float, until: float, step: float = 0.0) -> Iterator[Stream]:
        """The samples of a stretch of Unix time, devices first.

        Args:
            since: from then on.
            until: up to then.
            step: seconds; the coarsest table that such steps can be made from is read.
        """
        try:
            with self._engine.connect() as a, self._engine.connect() as b:
                yield from self._messages(a, b, since, until, step)
        except SQLAlchemyError as e:
            raise SourceError(f"{self._shown} cannot be read: {reason(e, self._url)}") from e
        finally:
            self._engine.dispose()

    def _messages(self, a: Connection, b: Connection, since: float, until: float, step: float) -> Iterator[Stream]:
        hosts = self._hosts(b, since, until, step)
        events = self._events(a, since, until)
        devices = tuple(self._devices(a))
        at, host = next(hosts, (float("inf"), Host()))
        rows = self._rows(a, since, until, step)
        first = next(rows, None)
        if first is None:
            return
        for message in of_rows(Hello(hostname=first["hostname"] or "", devices=devices), chain([first], rows)):
            if isinstance(message, Hello):
                yield message
                continue
            while at < message.time:
                at, host = next(hosts, (float("inf"), Host()))
            told = tuple(event for event in events if event.time <= message.time)
            events = events[len(told) :]
            yield replace(message, host=host if at == message.time else None, events=told)

    def _samples(self, step: float, of: str = SAMPLES) -> Table:
        """The coarsest table whose steps make up the one asked for."""
        steps = [float(name[len(of) + 1 : -1]) for name in self._tables.tables if name.startswith(f"{of}_")]
        fitting = [kept for kept in sorted(steps) if step and kept <= step and not step % kept]
        return self._tables.tables[step_name(of, fitting[-1] if fitting else 0.0)]

    def _rows(self, connection: Connection, since: float, until: float, step: float) -> Iterator[dict[str, Any]]:
        samples, devices, runs = self._samples(step), self._table("gpumon_devices"), self._table("gpumon_run_names")
        about = (devices.c.uuid, devices.c.gpu, devices.c.name, devices.c.hostname, runs.c.name.label("run_name"))
        joined = samples.join(devices, samples.c.device == devices.c.id).outerjoin(runs, samples.c.run == runs.c.id)
        query = select(samples, *about).select_from(joined)
        for row in self._ordered(connection, query, samples, since, until, samples.c.run, samples.c.device):
            yield {**row, "run": row["run_name"], "mono": row["time"]}

    def _hosts(self, connection: Connection, since: float, until: float, step: float) -> Iterator[tuple[float, Host]]:
        names = {metric.column: name for name, metric in HOST_METRICS.items()}
        table = self._samples(step, HOST)
        for row in self._ordered(connection, select(table), table, since, until):
            yield row["time"], Host(**{names[column]: value for column, value in row.items() if column in names})

    def _ordered(
        self, connection: Connection, query: Select[Any], table: Table, since: float, until: float, *then: Any
    ) -> Iterator[dict[str, Any]]:
        query = query.where(table.c.time.between(since, until)).order_by(table.c.time, *then)
        if self._run:
            runs = self._table("gpumon_run_names")
            query = query.where(table.c.run.in_(select(runs.c.id).where(runs.c.name == self._run)))
        for row in connection.execution_options(yield_per=CHUNK).execute(query).mappings():
            yield dict(row)

    def _devices(self, connection: Connection) -> Iterator[Device]:
        for row in connection.execute(select(self._table("gpumon_devices"))).mappings():
            if row["gpu"]:
                yield _device(dict(row))

    def _events(self, connection: Connection, since: float, until: float) -> list[Event]:
        table = self._table("gpumon_events")
        uuids = {row["id"]: row["uuid"] for row in connection.execute(select(self._table("gpumon_devices"))).mappings()}
        rows = connection.execute(select(table).where(table.c.time.between(since, until)).order_by(table.c.time))
        return [_event(dict(row), uuids) for row in rows.mappings()]

    def _table(self, name: str) -> Table:
        return self._tables.tables[name]


def _as_floats(tables: MetaData) -> None:
    """MariaDB's doubles are told as decimals unless one asks."""
    for table in tables.tables.values():
        for column in table.columns:
            if isinstance(column.type, Numeric | Float):  # two families from SQLAlchemy 2.1 on
                column.type.asdecimal = False


def _missing(url: URL) -> Path | None:
    """SQLite's file, where there is none: it would be made."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith(("file:", ":")):
        return None
    path = place(url.database)
    return None if path.exists() else path


def _device(row: Row) -> Device:
    index, _, instance = row["gpu"].removeprefix("gpu").partition(":")
    return Device(
        uuid=row["uuid"],
        index=int(index) if index.isdigit() else 0,
        instance=int(instance) if instance.isdigit() else None,
        name=row["name"] or "GPU",
        vendor=row["vendor"] or "nvidia",
        parent=row["parent"],
        pci=row["pci"],
        memory_total=row["memory_total_bytes"],
        power_limit_default=row["power_limit_default_watts"],
    )


def _event(row: Row, uuids: Mapping[int, str]) -> Event:
    kept = {name: row[name] for name in ("kind", "level", "title", "detail", "code", "time", "until")}
    return Event(**kept, mono=row["time"], uuid=uuids.get(row["device"]))

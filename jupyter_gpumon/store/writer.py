"""What came, into the tables: one transaction a batch, and the same batch again does no harm."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, Table, delete

from ..model import Cell, Hello, Sample
from ..wire import Stream
from . import records
from .ids import Ids
from .insert import Row, insert_rows
from .schema import prepare
from .tables import HOST_COLUMNS, Tables

GPU_KEY, HOST_KEY = ("time", "device", "run"), ("time", "host", "run")


class Writer:
    """Writes to one database.

    Args:
        engine: where to.
        tables: its tables.
        run: name of the run that the samples belong to; empty is none.
        processes: keep who was on the devices too.
    """

    def __init__(self, engine: Engine, tables: Tables, run: str = "", *, processes: bool = False) -> None:
        self.engine, self.tables = engine, tables
        self._run, self._processes = run, processes
        self._hello = Hello()
        self._ids: Ids | None = None
        self._values = records.values(tables.columns)

    @property
    def devices(self) -> list[int]:
        """Numbers of the devices that were written."""
        return list(self._ids.devices.values()) if self._ids else []

    @property
    def hosts(self) -> list[int]:
        """Numbers of the hosts that were written."""
        return list(self._ids.hosts.values()) if self._ids else []

    @property
    def ready(self) -> bool:
        """Whether the tables were there, the last time."""
        return self._ids is not None

    def forget(self) -> None:
        """After an error: look at the tables anew before the next batch, by a new connection."""
        self._ids = None
        self.engine.dispose()

    def write(self, messages: Sequence[Stream], cells: Sequence[Cell] = ()) -> None:
        """Commit these messages, and the records of these cells.

        Raises:
            SQLAlchemyError: the database did not take them; none of them is there, or (if only its word was lost) all.
        """
        ids = self._ids
        if ids is None:
            with self.engine.begin() as connection:
                prepare(connection, self.tables)
            ids = Ids(self.tables)
        if messages or cells:
            with self.engine.begin() as connection:
                self._write(connection, ids, messages)
                self._write_cells(connection, cells, ids.host(connection, self._hello.hostname))
        self._ids = ids

    def _write(self, connection: Connection, ids: Ids, messages: Sequence[Stream]) -> None:
        ids.meet(connection, self._hello)
        for message in messages:
            if isinstance(message, Hello):
                ids.meet(connection, message)
                self._hello = message
        samples = [message for message in messages if isinstance(message, Sample)]
        ids.know(connection, {gpu.uuid for sample in samples for gpu in sample.gpus})
        host, run = ids.host(connection, self._hello.hostname), ids.run(connection, self._run)
        for table, columns, rows in self._rows(samples, ids.devices, host, run):
            insert_rows(connection, table, columns, rows)

    def _rows(
        self, samples: Sequence[Sample], devices: dict[str, int], host: int, run: int
    ) -> list[tuple[Table, Sequence[str], list[Row]]]:
        tables, values = self.tables, self._values
        gpus = [(sample.time, devices[gpu.uuid], run, *values(gpu)) for sample in samples for gpu in sample.gpus]
        hosts = [(s.time, host, run, *records.host_values(s.host)) for s in samples if s.host is not None]
        events = [row for sample in samples if sample.events for row in records.events(sample, devices, host, run)]
        found: list[tuple[Table, Sequence[str], list[Row]]] = [
            (tables.samples[0.0], (*GPU_KEY, *(metric.column for metric in tables.columns)), gpus),
            (tables.host[0.0], (*HOST_KEY, *(metric.column for metric in HOST_COLUMNS)), hosts),
            (tables.events, records.EVENT, events),
        ]
        if self._processes:
            rows = [row for sample in samples for row in records.processes(sample, devices, run)]
            found.append((tables.processes, records.PROCESS, rows))
        return found

    def _write_cells(self, connection: Connection, cells: Sequence[Cell], host: int) -> None:
        """A completed record takes the place of its draft."""
        rows = {row[0]: row for row in (records.cell(cell, host) for cell in cells)}
        if rows:
            connection.execute(delete(self.tables.cells).where(self.tables.cells.c.id.in_(rows)))
            insert_rows(connection, self.tables.cells, records.CELL, list(rows.values()))

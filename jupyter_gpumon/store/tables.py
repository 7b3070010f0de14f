"""The tables. Columns of samples are read off the metric catalogue; times are Unix seconds.

``gpumon_samples`` has a row per GPU and look, ``gpumon_samples_10s`` and its like the same in steps: the mean of a
gauge, its lowest and highest value beside it, the last value of a counter. Keys are such that a row written twice is
there once: what is written again because nobody knows whether it was committed does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.types import TypeEngine

from ..metrics import HOST_METRICS, Metric

VERSION = 1
"""Of the schema. Columns are added without a new one."""

SAMPLES, HOST = "gpumon_samples", "gpumon_host"
HOST_COLUMNS = tuple(metric for metric in HOST_METRICS.values() if metric.kind in ("gauge", "counter"))
LOW, HIGH = "_min", "_max"
_LONG = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
"""MySQL's TEXT ends at 64 kB; the record of a cell with many devices or much said about it may be longer."""
_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}


class Tables:
    """The tables of one database.

    Args:
        columns: metrics of a GPU that are kept.
        steps: seconds of the tables beside that of samples.
    """

    def __init__(self, columns: Sequence[Metric], steps: Iterable[float]) -> None:
        self.metadata = MetaData()
        self.columns = tuple(columns)
        self.schema = self._table("gpumon_schema", Column("version", Integer, primary_key=True, autoincrement=False))
        self.devices = self._table("gpumon_devices", *_devices())
        self.hosts = self._table("gpumon_hosts", _id(), Column("hostname", String(255), nullable=False, unique=True))
        self.runs = self._table("gpumon_run_names", _id(), Column("name", String(255), nullable=False, unique=True))
        self.events = self._table("gpumon_events", *_events())
        self.cells = self._table("gpumon_cells", *_cells())
        self.processes = self._table("gpumon_processes", *_processes())
        every = (0.0, *steps)
        self.samples = {step: self._timed(SAMPLES, "device", step, self.columns) for step in every}
        self.host = {step: self._timed(HOST, "host", step, HOST_COLUMNS) for step in every}

    def _table(self, name: str, *columns: Column[Any]) -> Table:
        return Table(name, self.metadata, *columns, **_MYSQL)

    def _timed(self, name: str, of: str, step: float, metrics: Iterable[Metric]) -> Table:
        key = [Column("time", Double, primary_key=True)]
        key += [Column(part, Integer, primary_key=True, autoincrement=False) for part in (of, "run")]
        # The time comes first: rows are added at the end of the key's tree, and pruned at its beginning.
        values = [Column(column, type_) for metric in metrics for column, type_ in stored(metric, step)]
        # SQLite keeps such a table as its key's tree alone: half the size.
        return Table(step_name(name, step), self.metadata, *key, *values, sqlite_with_rowid=False, **_MYSQL)


def step_name(name: str, step: float) -> str:
    """``gpumon_samples``, or ``gpumon_samples_10s``."""
    return f"{name}_{step:g}s" if step else name


def stored(metric: Metric, step: float) -> list[tuple[str, TypeEngine[Any]]]:
    """The columns of a metric in a table of this step, with their types."""
    if metric.kind == "set":
        return [] if step else [(metric.column, String(255))]
    spread = (LOW, HIGH) if step and metric.kind == "gauge" else ()
    return [(f"{metric.column}{end}", Double()) for end in ("", *spread)]


def _id() -> Column[Any]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _devices() -> list[Column[Any]]:
    return [
        _id(),
        Column("uuid", String(96), nullable=False, unique=True),
        Column("gpu", String(32)),
        Column("name", String(255)),
        Column("vendor", String(32)),
        Column("hostname", String(255)),
        Column("parent", String(96)),
        Column("pci", String(64)),
        Column("memory_total_bytes", Double),
        Column("power_limit_default_watts", Double),
        Column("simulated", Boolean),
    ]


def _events() -> list[Column[Any]]:
    return [
        Column("id", String(32), primary_key=True),
        Column("time", Double, nullable=False, index=True),
        Column("until", Double),
        Column("kind", String(32), nullable=False),
        Column("level", String(16), nullable=False),
        Column("title", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("code", BigInteger),
        Column("device", Integer, ForeignKey("gpumon_devices.id")),
        Column("host", Integer, ForeignKey("gpumon_hosts.id")),
        Column("run", Integer, nullable=False),
    ]


def _cells() -> list[Column[Any]]:
    return [
        Column("id", String(32), primary_key=True),
        Column("start", Double, nullable=False, index=True),
        Column("end", Double, nullable=False),
        Column("host", Integer, ForeignKey("gpumon_hosts.id")),
        Column("status", String(16), nullable=False),
        Column("title", _LONG),
        Column("notebook", Text),
        Column("energy_joules", Double),
        Column("energy_low_joules", Double),
        Column("energy_high_joules", Double),
        Column("record", _LONG, nullable=False),
    ]


def _processes() -> list[Column[Any]]:
    return [
        Column("time", Double, primary_key=True),
        Column("device", Integer, primary_key=True, autoincrement=False),
        Column("run", Integer, primary_key=True, autoincrement=False),
        Column("pid", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", String(16), primary_key=True),
        Column("count", Integer, nullable=False),
        Column("memory_bytes", Double),
        Column("utilization_ratio", Double),
        Column("name", Text),
        Column("notebook", Text),
    ]

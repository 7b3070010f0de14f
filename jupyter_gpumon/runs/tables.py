"""The tables of runs, ``runs`` and ``run_metrics``, for every SQL database that SQLAlchemy speaks to.

What is asked for by a column stands in one; the whole record is kept beside it, as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from ..experiments import Run
from ..report.amounts import resolved
from .amounts import measured
from .log import value_of

VERSION = 1
"""Of these tables; a column that is added raises it."""

_RECORD = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")

_STATS = ("count", "sum", "mean", "std", "min", "median", "max", "p95", "p99")

metadata = MetaData()

RUNS = Table(
    "runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double, nullable=False),
    Column("status", String(32), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("final", Boolean, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("repository", String(300)),
    Column("branch", String(200)),
    Column("commit_id", String(72)),
    Column("commit_message", String(70)),
    Column("notebook", String(500)),
    Column("hostname", String(200)),
    Column("pid", Integer),
    Column("gpu_name", String(200)),
    Column("driver", String(40)),
    Column("cuda", String(40)),
    Column("tags", Text, nullable=False),
    Column("energy_joules", Double),
    Column("energy_low_joules", Double),
    Column("energy_high_joules", Double),
    Column("schema_version", Integer, nullable=False),
    Column("record", _RECORD, nullable=False),
    Index("runs_by_start", "started"),
    Index("runs_by_name", "name", "started"),
)

RUN_METRICS = Table(
    "run_metrics",
    metadata,
    Column("run_id", String(36), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", String(200), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("unit", String(32), nullable=False),
    Column("value", Double),
    Column("count", Integer, nullable=False),
    *(Column(name, Double) for name in _STATS if name != "count"),
)


def row_of(run: Run) -> dict[str, Any]:
    """The run as a row of ``RUNS``; texts are cut to their columns, the record has them whole."""
    origin, energy = run.origin, measured(run)
    row: dict[str, Any] = {
        "id": run.id, "name": run.name, "started": run.start, "ended": run.end, "status": run.status,
        "outcome": run.outcome, "final": run.final, "simulated": run.simulated, "repository": origin.repository,
        "branch": origin.branch, "commit_id": origin.commit, "commit_message": origin.message,
        "notebook": origin.notebook, "hostname": origin.hostname, "pid": run.pid,
        "gpu_name": ", ".join(dict.fromkeys(origin.gpus)) or None, "driver": origin.driver, "cuda": origin.cuda,
        "tags": msgspec.json.encode(run.tags).decode(), "energy_joules": energy.joules if resolved(energy) else None,
        "energy_low_joules": energy.low, "energy_high_joules": energy.high,
        "schema_version": VERSION, "record": msgspec.json.encode(run).decode(),
    }  # fmt: skip
    return {name: _fitting(RUNS.c[name], value) for name, value in row.items()}


def metric_rows(run: Run) -> Iterator[dict[str, Any]]:
    """A row of ``RUN_METRICS`` per metric."""
    for name, metric in run.metrics.items():
        spread = {key: getattr(metric.stats, key) for key in _STATS}
        row = {"run_id": run.id, "metric": name, "kind": metric.kind, "unit": metric.unit, "value": value_of(metric)}
        yield {key: _fitting(RUN_METRICS.c[key], value) for key, value in (row | spread).items()}


def _fitting(column: Column[Any], value: Any) -> Any:
    length = getattr(column.type, "length", None)
    return value[:length] if length and isinstance(value, str) else value

"""The past out of the tables, by column, as ``History`` answers it from memory: ranges that reach further back."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, Engine, select

from ..history import GRAIN
from ..metrics import Metric
from ..model import Columns
from .folding import Fold
from .tables import HOST_COLUMNS, Tables

Cells = dict[str, list[float | None]]


class Question(Struct, frozen=True, kw_only=True):
    """What is asked for; see ``History.columns``."""

    since: float
    until: float
    step: float | None = None
    devices: Collection[str] = ()
    metrics: Collection[str] | None = None
    host: Collection[str] = ()
    hostname: str = ""
    spread: bool = False
    most: int | None = None
    """Values in the answer, at most (about)."""


class Reader:
    """Reads from one database.

    Args:
        engine: where from.
        tables: its tables.
        keep: (step, how long it is kept) in seconds, finest first.
    """

    def __init__(self, engine: Engine, tables: Tables, keep: Sequence[tuple[float, float]]) -> None:
        self._engine, self._tables, self._keep = engine, tables, tuple(keep)

    @property
    def reach(self) -> float:
        """Seconds of the past that there may be."""
        return max(kept for _, kept in self._keep)

    def columns(self, asked: Question) -> Columns:
        """The answer. Rows begin at whole multiples of ``step`` in Unix time, and end where their ``time`` is.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        gpu = [
            m for m in self._tables.columns if m.kind != "set" and (asked.metrics is None or m.name in asked.metrics)
        ]
        host = [metric for metric in HOST_COLUMNS if metric.name in asked.host]
        count = (len(gpu) * len(asked.devices) + len(host)) * (3 if asked.spread else 1)
        tier, step = self._grid(asked, count)
        with self._engine.connect() as connection:
            numbers = _numbers(connection, self._tables.devices.c, "uuid", asked.devices)
            hosts = _numbers(connection, self._tables.hosts.c, "hostname", [asked.hostname])
            read = _Reading(connection, asked, tier, step, [step for step, _ in self._keep])
            gpus = read.folded(self._tables.samples, "device", numbers, gpu, spread=asked.spread)
            machine = read.folded(self._tables.host, "host", hosts, host, spread=False)
        return _columns(gpus, machine, step, gpu, host, asked)

    def _grid(self, asked: Question, count: int) -> tuple[float, float]:
        """(step of the table, step of the rows) that reach far enough back, in so few rows that all of it fits."""
        span = asked.until - asked.since
        least = span * count / asked.most if asked.most else 0.0
        covering = [tier for tier, kept in self._keep if kept >= span] or [self._keep[-1][0]]
        wanted = max(asked.step or 0.0, least, covering[0], 1.0)
        tier = [each for each in covering if each <= wanted][-1]
        whole = tier or 1.0
        return tier, max(1, math.ceil(wanted / whole - 1e-9)) * whole


class _Row(NamedTuple):
    """What has been found of one step: values of all metrics, then lowest and highest of each gauge."""

    last: float
    """When the last of it ends."""
    weight: float
    values: Sequence[float | None]


Found = dict[str, dict[int, _Row]]
"""Device (or host) → number of the step → row."""


class _Reading:
    """One answer's rows: from the table that fits, and what is not summed yet from the finer ones."""

    def __init__(
        self, connection: Connection, asked: Question, tier: float, step: float, tiers: Sequence[float]
    ) -> None:
        self._connection, self._asked, self._step = connection, asked, step
        self._tiers = [each for each in reversed(tiers) if each <= tier]

    def folded(
        self, tables: dict[float, Any], of: str, ids: dict[int, str], metrics: Sequence[Metric], *, spread: bool
    ) -> Found:
        """Rows of each device or host."""
        found: Found = {name: {} for name in ids.values()}
        start = self._asked.since
        for tier in self._tiers if metrics and ids else ():
            fold = Fold(
                table=tables[tier], of=of, fine=tier, step=self._step, start=start, end=self._asked.until,
                ids=list(ids), metrics=metrics, spread=spread,
            )  # fmt: skip
            start = max(start, self._take(found, fold, ids))
        return found

    def _take(self, found: Found, fold: Fold, ids: dict[int, str]) -> float:
        """Add what a table has; the end of its last step."""
        end, fine, counters = -math.inf, fold.fine, [metric.kind == "counter" for metric in fold.metrics]
        answer = self._connection.execute(fold.select(self._connection.dialect.name))
        for begin, key, _, *values, last, count in answer.all():
            rows, number = found[ids[key]], round(begin / self._step)
            mine = _Row(last + fine, count * (fine or 1.0), values)
            # Where a table ends and a finer one goes on, or runs overlap, a step has several parts.
            rows[number] = _merged(rows[number], mine, counters) if number in rows else mine
            end = max(end, last + (fine or 1e-6))
        return end


def _merged(a: _Row, b: _Row, counters: Sequence[bool]) -> _Row:
    """A step's parts as one, the later one second: means by their weight, counters as they are at the end."""
    whole, count = a.weight + b.weight, len(counters)
    values: list[float | None] = []
    for n, (one, two) in enumerate(zip(a.values, b.values, strict=True)):
        if one is None or two is None:
            values.append(one if two is None else two)
        elif n >= count:  # lowest and highest values by turns
            values.append(max(one, two) if (n - count) % 2 else min(one, two))
        else:
            values.append(two if counters[n] else one + (two - one) * b.weight / whole)
    return _Row(max(a.last, b.last), whole, values)


def _numbers(connection: Connection, columns: Any, name: str, wanted: Iterable[str]) -> dict[int, str]:
    found = connection.execute(select(columns.id, columns[name]).where(columns[name].in_(list(wanted))))
    return {int(row[0]): str(row[1]) for row in found}


def _columns(
    gpus: Found, machine: Found, step: float, gpu: Sequence[Metric], host: Sequence[Metric], asked: Question
) -> Columns:
    every = [rows for found in (gpus, machine) for rows in found.values()]
    numbers = sorted({number for rows in every for number in rows})
    last = max((row.last for rows in every for row in rows.values()), default=-math.inf)
    hosts = [_listed(rows, numbers, host, 0) for rows in machine.values()]
    parts = [
        {uuid: _listed(rows, numbers, gpu, which) for uuid, rows in gpus.items()}
        for which in range(3 if asked.spread else 1)
    ]
    return Columns(
        time=[round(min((number + 1) * step, last), 3) for number in numbers],
        step=step,
        gpus=parts[0],
        host=hosts[0] if hosts else {},
        low=parts[1] if asked.spread else None,
        high=parts[2] if asked.spread else None,
    )


def _listed(rows: dict[int, _Row], numbers: Sequence[int], metrics: Sequence[Metric], which: int) -> Cells:
    """A column per metric of which anything is known: its values, or the lowest (1) or highest (2) ones."""
    found: Cells = {}
    parts = [rows[number].values if number in rows else None for number in numbers]
    gauges = 0
    for n, metric in enumerate(metrics):
        at = n
        if metric.kind == "gauge":
            at = len(metrics) + 2 * gauges + which - 1 if which else n
            gauges += 1
        column = _rounded([None if part is None or at >= len(part) else part[at] for part in parts], metric)
        if any(value is not None for value in column):
            found[metric.name] = column
    return found


def _rounded(values: list[float | None], metric: Metric) -> list[float | None]:
    if metric.kind == "counter":
        return values
    grain = GRAIN.get(metric.unit, 1e-3)
    digits = round(-math.log10(grain))
    return [None if value is None else round(value, digits) for value in values]

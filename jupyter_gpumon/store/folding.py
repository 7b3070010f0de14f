"""Samples in longer steps: one SELECT that the database answers, for its own tables and for whoever asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Integer, Select, and_, cast, func, select, text
from sqlalchemy.sql.expression import FromClause

from ..metrics import Metric
from .tables import HIGH, LOW


class Fold(Struct, frozen=True, kw_only=True):
    """What is folded into which steps.

    Args:
        table: samples of GPUs or of hosts, at ``fine`` seconds.
        of: its column ``device`` or ``host``.
        ids: numbers of those that are meant.
        spread: lowest and highest values too.
    """

    table: FromClause
    of: str
    fine: float
    step: float
    start: float
    end: float
    ids: Collection[int]
    metrics: Sequence[Metric]
    spread: bool = True

    def where(self) -> ColumnElement[bool]:
        """The rows that are meant: from ``start`` up to ``end``, without it."""
        table = self.table.c
        return and_(table.time >= self.start, table.time < self.end, table[self.of].in_(self.ids))

    def select(self, dialect: str) -> Select[Any]:
        """Rows of ``time`` (when the step begins), ``device`` or ``host``, ``run`` and a value per metric.

        A gauge's is the mean, in steps of equal weight, with the lowest and highest of what was seen; a counter's is
        the last one. Ends with ``last`` (time of the last row in the step) and ``rows`` (how many there were).
        """
        table, kind = self.table, self.of
        grouped = self._grouped(dialect).subquery()
        counters = [metric for metric in self.metrics if metric.kind == "counter"]
        source: FromClause = grouped
        if counters:
            last = table.alias("last_row")
            same = [last.c.time == grouped.c.last, *(last.c[key] == grouped.c[key] for key in (kind, "run"))]
            source = grouped.join(last, and_(*same))
        values = [self._value(grouped, metric, last if counters else None) for metric in self.metrics]
        spread = [grouped.c[f"{m.column}{end}"] for m in self._gauges() for end in (LOW, HIGH) if self.spread]
        key = [(grouped.c.bucket * self.step).label("time"), grouped.c[kind], grouped.c.run]
        return select(*key, *values, *spread, grouped.c.last, grouped.c.rows).select_from(source)

    def columns(self) -> list[str]:
        """Names of what ``select`` answers, but for its last two."""
        spread = [f"{metric.column}{end}" for metric in self._gauges() for end in (LOW, HIGH) if self.spread]
        return ["time", self.of, "run", *(metric.column for metric in self.metrics), *spread]

    def _gauges(self) -> list[Metric]:
        return [metric for metric in self.metrics if metric.kind == "gauge"]

    def _grouped(self, dialect: str) -> Select[Any]:
        table, kind = self.table.c, self.of
        number = table.time / self.step
        bucket = cast(number, Integer) if dialect == "sqlite" else func.floor(number)
        sums: list[ColumnElement[Any]] = []
        for metric in self.metrics:
            column = table[metric.column]
            if metric.kind == "counter":
                sums.append(func.max(column).label(metric.column))
                continue
            sums.append(func.avg(column).label(metric.column))
            if self.spread:
                low, high = (table[f"{metric.column}{end}"] if self.fine else column for end in (LOW, HIGH))
                sums += [func.min(low).label(f"{metric.column}{LOW}"), func.max(high).label(f"{metric.column}{HIGH}")]
        head = [bucket.label("bucket"), table[kind], table.run, func.max(table.time).label("last")]
        # By the name: PostgreSQL takes two equal expressions with parameters for different ones.
        groups = (text("bucket"), table[kind], table.run)
        return select(*head, func.count().label("rows"), *sums).where(self.where()).group_by(*groups)

    def _value(self, grouped: FromClause, metric: Metric, last: FromClause | None) -> ColumnElement[Any]:
        found = grouped.c[metric.column]
        if metric.kind != "counter" or last is None:
            return found
        # The last row may not have what is read rarely; a counter only grows, so then its highest value is the last.
        return func.coalesce(last.c[metric.column], found).label(metric.column)

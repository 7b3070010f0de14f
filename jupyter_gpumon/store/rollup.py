"""Samples summed to longer steps, and what has been kept long enough deleted.

Each writer does that for its own devices and host, in small transactions, so that many can share a database. It can be
done over: whatever came late, or twice, the steps it belongs to are summed anew from what is there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, insert, select

from ..metrics import Metric
from .folding import Fold
from .tables import HOST_COLUMNS, Tables

AT_ONCE = 3600.0
"""Rows' worth of time per GPU in one transaction, in steps of the table: an hour as sampled, ten hours by 10 s."""


class Family(Struct, frozen=True):
    """Tables of one kind, by step, and what is ours in them."""

    tables: dict[float, Table]
    of: str
    ids: Collection[int]
    metrics: Sequence[Metric]


class Rollup:
    """Sums and prunes for one writer.

    Args:
        tables: the tables.
        keep: (step, how long it is kept) in seconds, finest first; step 0 is as sampled.
    """

    def __init__(self, tables: Tables, keep: Sequence[tuple[float, float]]) -> None:
        self._tables, self._keep = tables, tuple(keep)
        self._done: dict[tuple[str, float], float] = {}
        self._first, self._last = math.inf, -math.inf

    def note(self, times: Iterable[float]) -> None:
        """Samples of these times were written."""
        for time in times:
            self._first, self._last = min(self._first, time), max(self._last, time)

    @property
    def due(self) -> bool:
        """Whether something is to be summed or deleted at all."""
        return self._last > -math.inf and (len(self._keep) > 1 or self._keep[0][1] < math.inf)

    def run(self, engine: Engine, devices: Collection[int], hosts: Collection[int]) -> None:
        """Bring the tables of longer steps up to date, and delete what is too old.

        Raises:
            SQLAlchemyError: the database did not do it; it can be tried again.
        """
        first, self._first = self._first, math.inf
        try:
            for family in self._families(devices, hosts):
                for (fine, kept), (coarse, _) in pairwise(self._keep):
                    self._sum(engine, family, fine, coarse, kept, first)
                for number, (step, kept) in enumerate(self._keep):
                    self._prune(engine, family, step, kept, number)
            self._prune_others(engine, devices, hosts)
        except Exception:
            self._first = min(first, self._first)
            raise

    def _families(self, devices: Collection[int], hosts: Collection[int]) -> list[Family]:
        gpu = [metric for metric in self._tables.columns if metric.kind in ("gauge", "counter")]
        return [
            Family(self._tables.samples, "device", devices, gpu),
            Family(self._tables.host, "host", hosts, HOST_COLUMNS),
        ]

    def _sum(self, engine: Engine, family: Family, fine: float, coarse: float, kept: float, first: float) -> None:
        begin = self._begin(engine, family, fine, coarse)
        if begin is None:
            return
        # What came late is summed anew, as long as the rest of its step is still there in the finer table.
        begin = min(begin, max(_floor(first, coarse), _ceil(self._last - kept, coarse)))
        end = _floor(self._last, coarse)
        length = max(coarse, AT_ONCE * max(fine, 1.0))
        while begin < end and (first_row := self._next(engine, family, fine, begin)) is not None:
            start = max(begin, _floor(first_row, coarse))  # over a week's pause in one leap
            begin = stop = min(end, _floor(start, length) + length)
            fold = Fold(
                table=family.tables[fine], of=family.of, fine=fine, step=coarse, start=start, end=stop,
                ids=family.ids, metrics=family.metrics,
            )  # fmt: skip
            with engine.begin() as connection:
                _replace(connection, family.tables[coarse], fold)
        self._done[family.of, coarse] = max(end, self._done.get((family.of, coarse), end))

    def _next(self, engine: Engine, family: Family, step: float, begin: float) -> float | None:
        """When the first row of ours after ``begin`` is."""
        with engine.connect() as connection:
            return _edge(connection, family, step, since=begin)

    def _begin(self, engine: Engine, family: Family, fine: float, coarse: float) -> float | None:
        """Up to when the coarser table is done, by what we did or what is in it; or else where the finer one begins."""
        if (family.of, coarse) in self._done:
            return self._done[family.of, coarse]
        with engine.connect() as connection:
            last = _edge(connection, family, coarse, newest=True)
            oldest = _edge(connection, family, fine) if last is None else None
        if last is not None:
            return last + coarse
        return None if oldest is None else _floor(oldest, coarse)

    def _prune(self, engine: Engine, family: Family, step: float, kept: float, number: int) -> None:
        cut = self._last - kept
        if number + 1 < len(self._keep):  # whole steps of the next table, and never what is not summed yet
            coarse = self._keep[number + 1][0]
            cut = _floor(min(cut, self._done.get((family.of, coarse), -math.inf)), coarse)
        if cut == -math.inf:
            return
        table = family.tables[step]
        with engine.begin() as connection:
            oldest = _edge(connection, family, step)
            if oldest is not None and oldest < cut:
                # A bounded piece at a time: it takes no long lock, and a clock that is wrong for a moment costs little.
                cut = min(cut, oldest + AT_ONCE * max(step, 1.0))
                connection.execute(delete(table).where(table.c.time < cut, table.c[family.of].in_(family.ids)))
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA incremental_vacuum(1000)").close()

    def _prune_others(self, engine: Engine, devices: Collection[int], hosts: Collection[int]) -> None:
        """Processes as long as samples, events and cells as long as the longest steps."""
        raw, longest = self._last - self._keep[0][1], self._last - max(kept for _, kept in self._keep)
        tables = self._tables
        processes, events, cells = tables.processes.c, tables.events.c, tables.cells.c
        with engine.begin() as connection:
            if raw > -math.inf:
                where = processes.time < raw, processes.device.in_(devices)
                connection.execute(delete(tables.processes).where(*where))
            if longest > -math.inf:
                connection.execute(delete(tables.events).where(events.time < longest, events.host.in_(hosts)))
                connection.execute(delete(tables.cells).where(cells.end < longest, cells.host.in_(hosts)))


def _replace(connection: Connection, table: Table, fold: Fold) -> None:
    gone = delete(table).where(table.c.time >= fold.start, table.c.time < fold.end, table.c[fold.of].in_(fold.ids))
    connection.execute(gone)
    summed = fold.select(connection.dialect.name).subquery()
    names = fold.columns()
    connection.execute(insert(table).from_select(names, select(*(summed.c[name] for name in names))))


def _edge(
    connection: Connection, family: Family, step: float, *, newest: bool = False, since: float = -math.inf
) -> float | None:
    """The first (or last) time in a table of ours, from ``since`` on."""
    table = family.tables[step]
    edge = func.max if newest else func.min
    where: list[ColumnElement[bool]] = [table.c[family.of].in_(family.ids)]
    if since > -math.inf:
        where.append(table.c.time >= since)
    found = connection.execute(select(edge(table.c.time)).where(*where)).scalar()
    return None if found is None else float(found)


def _floor(time: float, step: float) -> float:
    return math.floor(time / step) * step if math.isfinite(time) else time


def _ceil(time: float, step: float) -> float:
    return math.ceil(time / step) * step if math.isfinite(time) else time

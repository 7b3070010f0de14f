"""Messages made rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ..metrics import Metric
from ..model import Cell, Event, Gpu, Host, Sample
from ..wire import encode
from .insert import Row
from .tables import HOST_COLUMNS

EVENT = ("id", "time", "until", "kind", "level", "title", "detail", "code", "device", "host", "run")
CELL = (
    "id", "start", "end", "host", "status", "title", "notebook",
    "energy_joules", "energy_low_joules", "energy_high_joules", "record",
)  # fmt: skip
PROCESS = (
    "time", "device", "run", "pid", "kind", "count", "memory_bytes", "utilization_ratio", "name", "notebook"
)  # fmt: skip
TOGETHER = 0
"""The pid of the one row for all processes that are not shown one by one."""


def values(columns: Sequence[Metric]) -> Callable[[Gpu | Host], Row]:
    """A function that gives the values of these metrics. Called for every row: most of it is one call of C."""
    if not columns:
        return lambda _: ()
    names = [metric.name for metric in columns]
    get: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else lambda of: (getattr(of, names[0]),)
    sets = [n for n, metric in enumerate(columns) if metric.kind == "set"]
    if not sets:
        return get

    def with_sets(of: Gpu | Host) -> Row:
        row = list(get(of))
        for n in sets:
            if row[n] is not None:
                row[n] = ",".join(row[n])
        return tuple(row)

    return with_sets


host_values = values(HOST_COLUMNS)


def events(sample: Sample, devices: Mapping[str, int], host: int, run: int) -> Iterator[Row]:
    """A row per event but those of cells, which have a table of their own."""
    for event in sample.events:
        if event.kind != "cell":
            device = devices.get(event.uuid or "")
            words = event.kind, event.level, event.title, event.detail
            yield (_key(event, host, run), event.time, event.until, *words, event.code, device, host, run)


def _key(event: Event, host: int, run: int) -> str:
    said = event.kind, event.time, event.uuid, event.code, event.title, host, run
    return hashlib.md5(repr(said).encode(), usedforsecurity=False).hexdigest()


def processes(sample: Sample, devices: Mapping[str, int], run: int) -> Iterator[Row]:
    """A row per process and device."""
    for process in sample.processes or ():
        if process.uuid in devices:
            key = sample.time, devices[process.uuid], run, process.pid or TOGETHER, process.kind
            yield (*key, process.count, process.memory, process.utilization, process.name, process.notebook)


def cell(record: Cell, host: int) -> Row:
    """The row of a cell's record. Energy is the sum over its devices, where it is known of all of them."""
    said = record.kernel_id, record.id, record.start
    key = hashlib.md5(repr(said).encode(), usedforsecurity=False).hexdigest()
    energies = list(record.energy.values())
    sums = [_sum([getattr(energy, name) for energy in energies]) for name in ("joules", "low", "high")]
    words = record.status, record.title, record.notebook
    return (key, record.start, record.end, host, *words, *sums, encode(record).decode())


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None

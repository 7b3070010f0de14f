"""Advice on what was kept: a stream or recording, a history, records of cells, a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ..errors import GpuMonError
from ..experiments import Run
from ..findings import Finding
from ..history import History
from ..model import Cell, Columns, Device, Hello, Process
from ..rules.advice import FACTS, HOST_FACTS, Stretch, advise
from ..wire import Stream
from .findings import Finding as Told

_TIME = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(s|min|m|h)?\s*", re.ASCII)
_FACTORS = {"s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_CACHE = ("cache_hits", "cache_misses")
LONG = 1.0
"""Seconds from which on a cell is long enough to be looked at by itself."""


def seconds(text: str) -> float:
    """``90``, ``90s``, ``10m`` or ``1h`` in seconds.

    Raises:
        GpuMonError: it is no time.
    """
    match = _TIME.fullmatch(text)
    length = float(match[1]) * _FACTORS[match[2] or ""] if match else 0.0
    if length <= 0:
        raise GpuMonError(f"A stretch of time is 90s, 10m or 1h; not {text!r}.")
    return length


class Watching:
    """Follows a stream, and keeps of it what advice rests on: a day at most."""

    def __init__(self) -> None:
        self._history, self._hello = History(metrics=FACTS), Hello()
        self._devices: dict[str, Device] = {}
        self._processes: tuple[Process, ...] | None = None
        self._end = 0.0

    def write(self, message: Stream) -> None:
        """Take a message."""
        if isinstance(message, Hello):
            self._hello = message
            self._devices |= {device.uuid: device for device in message.devices}
            return
        self._history.push(message, hold=3 * self._hello.interval)
        self._end = message.time
        if message.processes is not None:
            self._processes = message.processes

    def stretch(self, seconds: float | None = None) -> Stretch:
        """All of it, or the last so many seconds."""
        begin = self._history.begin or self._end
        start = begin if seconds is None else max(begin, self._end - seconds)
        return Stretch(
            start=start,
            end=self._end,
            devices=tuple(self._devices.values()),
            columns=self._history.columns(start, host=HOST_FACTS),
            processes=self._processes,
        )


def of_stream(messages: Iterable[Stream], seconds: float | None = None) -> Stretch:
    """The stretch that a stream is, to its end, or its last so many seconds."""
    watching = Watching()
    for message in messages:
        watching.write(message)
    return watching.stretch(seconds)


def of_run(run: Run, bench: Run | None = None) -> Stretch:
    """The stretch that a run was. Its devices go by their names."""
    cell = run.cell
    named = () if cell is None else cell.devices
    hits, misses = (run.metrics[name].stats.sum if name in run.metrics else None for name in _CACHE)
    return Stretch(
        start=run.start,
        end=run.end,
        devices=tuple(device(one.name, one.model) for one in named),
        columns=run.usage,
        cell=cell,
        cells=() if cell is None else (cell,),
        caches={} if hits is None or misses is None else {"a watched cache": (int(hits), int(misses))},
        bench=bench_of(bench),
        frameworks=tuple(run.origin.frameworks),
    )


def bench_of(run: Run | None) -> dict[str, float]:
    """What a benchmark measured: metric → median."""
    every = {} if run is None or run.simulated else run.metrics
    return {name: found for name, metric in every.items() if (found := metric.stats.median) is not None}


def of_cells(cells: Sequence[Cell], columns: Columns | None = None) -> list[Finding]:
    """Advice on each of some cells by its record, and on what only all of them show; of each kind the surest."""
    best: dict[tuple[str, str], Finding] = {}
    for at, cell in enumerate(cells):
        if cell.duration >= LONG or at == len(cells) - 1:
            stretch = of_cell(cell, cells[: at + 1], columns)
            for finding in advise(stretch):
                kept = best.get(finding.key[:2])
                if kept is None or finding.confidence >= kept.confidence:
                    best[finding.key[:2]] = replace(finding, notebook=cell.notebook)
    return list(best.values())


def of_cell(cell: Cell, cells: Sequence[Cell], columns: Columns | None = None) -> Stretch:
    """The stretch that a cell was, with the cells before it. Its devices go by their names."""
    devices = tuple(device(one.name, one.model) for one in cell.devices)
    return Stretch(start=cell.start, end=cell.end, devices=devices, columns=columns, cell=cell, cells=tuple(cells))


def device(name: str, model: str = "") -> Device:
    """The device that a record calls ``gpu1`` or ``gpu1:2``; its name is its UUID."""
    index, instance = place(name)
    return Device(uuid=name, index=index, instance=None if instance < 0 else instance, name=model)


def place(name: str) -> tuple[int, int]:
    """``gpu1:2`` as (1, 2), ``gpu1`` as (1, -1)."""
    board, _, instance = name.removeprefix("gpu").partition(":")
    return int(board) if board.isdigit() else 0, int(instance) if instance.isdigit() else -1


def told(findings: Iterable[Finding], devices: Iterable[Device]) -> list[Told]:
    """As a report tells them: with the first thing to do."""
    names = {device.uuid: device.label for device in devices}
    return [
        Told(one.level, one.title, " ".join([one.detail, *one.steps[:1]]), names.get(one.uuid or "", ""))
        for one in findings
    ]

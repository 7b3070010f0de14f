"""One device over a stretch: when it was at work, and its metrics in that time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from ...metrics import METRICS
from ...model import Columns, Device
from .series import known, mean, rates, step_of
from .stretch import Stretch

BUSY = 0.05
"""Utilization from which on something ran."""
FED = 5e8
"""Bytes per second over PCIe from which on something ran, though the driver's short window may have missed it."""
PAUSE = 5.0
"""Seconds without work that end a span of work: then somebody reads, or thinks."""
SHORTEST = 5.0
"""Seconds that a span of work lasts at least to be looked at."""
_WORK = ("utilization", "graphics_activity", "sm_activity")
"""What tells whether something runs; the later ones where a board is split."""


class Board:
    """A device. All of its numbers are of the time in which it was at work (``rows``), unless they say otherwise.

    Of a cell, that is all of its time, waiting included, as long as there was work in it at all.
    """

    def __init__(self, stretch: Stretch, device: Device) -> None:
        self.device, self.label, self._stretch = device, device.label, stretch
        self._columns = stretch.columns or Columns(time=[], step=1.0, gpus={})
        times = self._columns.time
        self.span = [row for row, time in enumerate(times) if stretch.start <= time <= stretch.end]
        """Rows of the stretch."""
        self.times = times
        self.step = self._columns.step or step_of(times)

    @cached_property
    def rows(self) -> list[int]:
        """Rows in which it was at work."""
        work, fed = self.work, self.rates("pcie_rx")
        busy = [row for row in self.span if (work[row] or 0.0) > BUSY or (fed[row] or 0.0) >= FED]
        if self._stretch.cell is not None:
            return self.span if len(busy) * self.step >= min(SHORTEST, self.step * len(self.span) / 2) else []
        return [row for span in self._spans(busy) for row in span]

    def _spans(self, busy: Sequence[int]) -> Iterator[range]:
        """From the first busy row to the last, without a pause between them."""
        pause, first = max(PAUSE, 2.5 * self.step), 0
        for place, row in enumerate(busy):
            last = place + 1 == len(busy)
            if last or self.times[busy[place + 1]] - self.times[row] > pause:
                if (row - busy[first] + 1) * self.step >= SHORTEST:
                    yield range(busy[first], row + 1)
                first = place + 1

    @property
    def work(self) -> list[float | None]:
        """How busy it was, row by row of the columns."""
        return self.gauge(self.worked)

    @property
    def worked(self) -> str:
        """The metric that tells how busy it was."""
        return next((name for name in _WORK if self.has(name)), _WORK[0])

    @property
    def seconds(self) -> float:
        """Seconds of work."""
        if not self.has(self.worked) and self._stretch.cell is not None:
            return self._stretch.cell.duration if self._said("mean", "utilization") else 0.0
        return len(self.rows) * self.step

    def has(self, metric: str) -> bool:
        """Whether there are samples of it."""
        return metric in self._columns.gpus.get(self.device.uuid, {})

    def gauge(self, metric: str) -> list[float | None]:
        """A metric, row by row of the columns; of a counter its value."""
        return self._columns.gpus.get(self.device.uuid, {}).get(metric) or [None] * len(self.times)

    def rates(self, metric: str) -> list[float | None]:
        """Growth per second of a counter, row by row of the columns."""
        return rates(self.gauge(metric), self.times, self.step)

    def values(self, metric: str) -> list[float | None]:
        """Of the rows at work: a gauge's level, a counter's rate."""
        every = self.rates(metric) if METRICS[metric].kind == "counter" else self.gauge(metric)
        return [every[row] for row in self.rows]

    def mean(self, metric: str) -> float | None:
        """Mean level or rate; None where less than half of it is known. Without samples of it, as the record says."""
        if self.has(metric):
            values = self.values(metric)
            return mean(values) if 2 * len(known(values)) >= len(values) else None
        if METRICS[metric].kind == "counter":
            grown = self._said("delta", metric)
            return None if grown is None or not self.seconds else grown / self.seconds
        return self._said("mean", metric)

    def peak(self, metric: str) -> float | None:
        """The highest level or rate; without samples of it, as the cell's record says."""
        return max(known(self.values(metric)), default=None) if self.has(metric) else self._said("peak", metric)

    def share(self, *metrics: str) -> float | None:
        """Share of the time at work by which counters of seconds grew, the greatest; None where none is known."""
        found = [value for value in map(self.mean, metrics) if value is not None]
        return min(1.0, max(found)) if found else None

    def _said(self, table: str, metric: str) -> float | None:
        value: float | None = getattr(self._stretch.cell, table, {}).get(self.label, {}).get(metric)
        return value

    @property
    def memory(self) -> float | None:
        """Bytes of the device's memory."""
        totals = known(self.gauge("memory_total"))
        return totals[-1] if totals else self.device.memory_total or self._said("peak", "memory_total")


def boards(stretch: Stretch) -> list[Board]:
    """The devices on which there was work, and which count for the cell where it is about one."""
    every = (Board(stretch, device) for device in stretch.leaves if stretch.used(device))
    return [board for board in every if board.seconds > 0]

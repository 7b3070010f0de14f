"""The recent past, in memory: 1 s for an hour, 10 s for six hours, 1 min for a day.

Slots are counted on an axis of our own, which follows the monotonic clock and never runs back: a wall clock that is
stepped back only relabels, a sleep of the machine (during which the monotonic clock may stand still) leaves a gap.
"""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from .metrics import HOST_METRICS, METRICS, SERIES, Metric
from .model import Columns, Sample
from .rings import Series
from .rows import Choose, Rows, last, mean

TIERS: tuple[tuple[float, float], ...] = ((1.0, 3600.0), (10.0, 21_600.0), (60.0, 86_400.0))
"""(step, how long it is kept), both in seconds, finest first."""

CONSTANT = frozenset({"memory_total", "memory_free", "memory_reserved", "bar1_total", "uptime"})
"""Not kept unless asked for: they do not change, or follow from what is kept."""

JUMP = 2.0
"""Seconds by which the wall clock may run ahead of the monotonic one before it counts as sleep."""

RARE = frozenset({"slow", "rare"})
"""Tiers whose metrics are kept in steps of 10 s at best."""

SLOW = 35.0
"""A metric that is read every 10 to 30 s holds its value in between."""

BREATH = 5e-5
"""Seconds of sleep per series that is asked for: whoever waits for the interpreter has it at once, not 5 ms later."""

GRAIN = {"ratio": 1e-4, "watts": 0.1, "celsius": 0.1, "hertz": 1e5, "bytes": 1e4, "count": 1e-3, "seconds": 1e-3}
"""What a mean is rounded to: float32 carries seven digits, and nobody reads more."""

_HOST = ""

_Copies = dict[str, dict[str, tuple[float, "array[float]"]]]
"""Device and metric → (seconds per slot, slots)."""


class _Metrics:
    """Some metrics, and how to get all their values at once."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.all, self.rare = metrics, [metric.tier in RARE for metric in metrics]
        names = [metric.name for metric in metrics]
        self.values: Callable[[object], Sequence[float | None]] = (
            attrgetter(*names) if len(names) > 1 else lambda told: [getattr(told, name) for name in names]
        )


class History:
    """Ring buffers per device and metric, allocated when the first value comes.

    Args:
        tiers: (step, retention) in seconds, finest first. Metrics that are read rarely skip the steps below 10 s.
        metrics: names of the GPU metrics to keep; None keeps all numbers but the constant ones.
    """

    def __init__(self, tiers: Sequence[tuple[float, float]] = TIERS, metrics: Iterable[str] | None = None) -> None:
        self._tiers = tuple(sorted(tiers))
        kept = SERIES - CONSTANT if metrics is None else SERIES & frozenset(metrics)
        self._gpu = _Metrics([METRICS[name] for name in METRICS if name in kept])
        self._host = _Metrics([metric for metric in HOST_METRICS.values() if metric.kind in ("gauge", "counter")])
        self._series: dict[tuple[str, str], Series] = {}
        self._lines: dict[str, list[Series | None]] = {}
        """The same by device, in the order of its metrics."""
        self._seen = Series(self._tiers, counter=False)
        self._axis = self._time = self._mono = 0.0
        self._begin: float | None = None
        self._lock = threading.Lock()

    def push(self, sample: Sample, hold: float = 3.0) -> None:
        """Keep a sample. It stands for the time since the one before it where that is at most ``hold`` seconds."""
        if not sample.gpus and sample.host is None:
            return
        with self._lock:
            self._begin = sample.time if self._begin is None else self._begin
            self._move(sample)
            slots = {step: int(self._axis // step) for step, _ in self._tiers}
            self._seen.write(slots, 1.0, hold)
            for gpu in sample.gpus:
                self._keep(gpu.uuid, gpu, self._gpu, slots, hold)
            if sample.host is not None:
                self._keep(_HOST, sample.host, self._host, slots, hold)

    @property
    def begin(self) -> float | None:
        """The Unix time from which on there is anything here; None before the first sample."""
        return None if self._begin is None else max(self._begin, self._time - self._tiers[-1][1])

    def _move(self, sample: Sample) -> None:
        """Let the axis run on: with the monotonic clock, and with the wall clock where that one stood still or anew."""
        wall, mono = sample.time - self._time, sample.mono - self._mono
        if not self._time:
            self._axis = sample.mono
        else:
            self._axis += max(wall, 0.0) if mono < 0 or wall - mono > JUMP else mono
        self._time, self._mono = sample.time, sample.mono

    def _keep(self, device: str, told: object, metrics: _Metrics, slots: Mapping[float, int], hold: float) -> None:
        lines = self._lines.get(device) or self._lines.setdefault(device, [None] * len(metrics.all))
        for place, value in enumerate(metrics.values(told)):
            if value is not None:
                series = lines[place]
                if series is None:
                    series = lines[place] = self._make(device, metrics.all[place])
                series.write(slots, value, SLOW if metrics.rare[place] else hold)

    def _make(self, device: str, metric: Metric) -> Series:
        tiers = [tier for tier in self._tiers if tier[0] >= 10] if metric.tier in RARE else []
        series = Series(tiers or self._tiers, counter=metric.kind == "counter")
        self._series[device, metric.name] = series
        return series

    def columns(
        self,
        since: float,
        until: float | None = None,
        *,
        step: float | None = None,
        devices: Iterable[str] | None = None,
        metrics: Iterable[str] | None = None,
        spread: bool = False,
        host: Iterable[str] = (),
        most: int | None = None,
    ) -> Columns:
        """The past by column, from ``since`` to ``until`` (Unix seconds; None is now).

        Args:
            step: seconds per row; raised to what is kept for that range, and to a multiple of it.
            devices: UUIDs; None is all of them.
            metrics: names of GPU metrics; None is all of them.
            spread: lowest and highest value per row as well.
            host: names of host metrics.
            most: values in the answer, at most (about): beyond it the step is raised further.
        """
        with self._lock:
            uuids = [uuid for uuid in (self._devices() if devices is None else devices) if uuid != _HOST]
            names = {uuid: self._names(uuid, metrics) for uuid in uuids}
            names[_HOST] = self._names(_HOST, host)
            count = sum(map(len, names.values())) * (3 if spread else 1)
            window = self._window(since, until, step, count / most if most else 0.0)
            copies = [self._copy(names, window, which) for which in range(3 if spread else 1)]
        # From here on without the lock: the samples that come meanwhile need not wait for us.
        value, *extremes = [window.columns(copy, which) for which, copy in enumerate(copies)]
        host_columns = value.pop(_HOST)
        low, high = extremes or (None, None)
        return Columns(time=window.times(), step=window.step, gpus=value, host=host_columns, low=low, high=high)

    def _devices(self) -> list[str]:
        return list(dict.fromkeys(device for device, _ in self._series))

    def _names(self, device: str, wanted: Iterable[str] | None) -> list[str]:
        known = frozenset(METRICS if device != _HOST else HOST_METRICS)
        wanted = known if wanted is None else known.intersection(wanted)
        return [name for of, name in self._series if of == device and name in wanted]

    def _copy(self, names: Mapping[str, Iterable[str]], window: _Window, which: int) -> _Copies:
        return {
            device: {name: window.copy(self._series[device, name], which) for name in of}
            for device, of in names.items()
            if device != _HOST or not which
        }

    def _window(self, since: float, until: float | None, step: float | None, per_second: float) -> _Window:
        offset = self._time - self._axis
        start = max(since - offset, self._axis - self._tiers[-1][1])
        end = self._axis if until is None else min(until - offset, self._axis)
        grid = self._grid(self._axis - start, step, (end - start) * per_second)
        return _Window(self._seen, grid, start, end, self._axis, offset)

    def _grid(self, reach: float, step: float | None, least: float) -> tuple[float, float]:
        """(step of the tier, step of the rows, ``least`` or longer) for a range that begins ``reach`` seconds ago."""
        covering = [tier for tier, kept in self._tiers if kept >= reach] or [self._tiers[-1][0]]
        asked = min(max(step or covering[0], least), self._tiers[-1][1])
        even = [tier for tier in covering if tier <= asked and not asked % tier]
        tier = even[-1] if even else [tier for tier in covering if tier <= max(least, covering[0])][-1]
        return tier, max(1, math.ceil(asked / tier)) * tier


class _Window:
    """Rows of ``step`` seconds over a stretch of the axis; only those in which there was a sample."""

    def __init__(
        self, seen: Series, grid: tuple[float, float], start: float, end: float, now: float, offset: float
    ) -> None:
        self.tier, self.step = grid
        self._now, self._offset = now, offset
        self._rows = Rows(
            range(int(start // self.step), int(end // self.step) + 1) if end >= start else range(0), self.step
        )
        ring = seen.ring(self.tier)
        self._present = self._rows.keep(self._rows.fold(self._rows.copy(ring, 0), ring.step, mean))

    def times(self) -> list[float]:
        """The end of each row in Unix time; that of the last row is when the last sample came."""
        return [round(min((row + 1) * self.step, self._now) + self._offset, 3) for row in self._present]

    def copy(self, series: Series, which: int) -> tuple[float, array[float]]:
        """(seconds per slot, slots) of a series under these rows."""
        ring = series.ring(self.tier)
        return ring.step, self._rows.copy(ring, which)

    def columns(self, copies: _Copies, which: int) -> dict[str, dict[str, list[float | None]]]:
        """What was copied, by device and metric, over these rows."""
        return {
            device: {
                name: self._column((METRICS if device else HOST_METRICS)[name], which, *copy)
                for name, copy in of.items()
            }
            for device, of in copies.items()
        }

    def _column(self, metric: Metric, which: int, slot: float, values: array[float]) -> list[float | None]:
        time.sleep(BREATH)
        counter = metric.kind == "counter"
        choose: Choose = last if counter else (mean, min, max)[which]
        return self._rows.listed(
            self._rows.fold(values, slot, choose), None if counter else GRAIN.get(metric.unit, 1e-3)
        )

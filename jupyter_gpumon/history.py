"""The recent past, in memory: 1 s for an hour, 10 s for six hours, 1 min for a day.

Slots are counted on an axis of our own, which follows the monotonic clock and never runs back: a wall clock that is
stepped back only relabels, a sleep of the machine (during which the monotonic clock may stand still) leaves a gap.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from .metrics import HOST_METRICS, METRICS, SERIES, Metric
from .model import Columns, Sample
from .rings import Ring, Series

TIERS: tuple[tuple[float, float], ...] = ((1.0, 3600.0), (10.0, 21_600.0), (60.0, 86_400.0))
"""(step, how long it is kept), both in seconds, finest first."""

CONSTANT = frozenset({"memory_total", "memory_free", "memory_reserved", "bar1_total", "uptime"})
"""Not kept unless asked for: they do not change, or follow from what is kept."""

JUMP = 2.0
"""Seconds by which the wall clock may run ahead of the monotonic one before it counts as sleep."""

SLOW = 35.0
"""A metric that is read every 10 to 30 s holds its value in between."""

_GRAIN = {"ratio": 1e-4, "watts": 0.1, "celsius": 0.1, "hertz": 1e5, "bytes": 1e4, "count": 1e-3, "seconds": 1e-3}
"""What a mean is rounded to: float32 carries seven digits, and nobody reads more."""

_HOST = ""


class History:
    """Ring buffers per device and metric, allocated when the first value comes.

    Args:
        tiers: (step, retention) in seconds, finest first. Metrics that are read rarely skip the steps below 10 s.
        metrics: names of the GPU metrics to keep; None keeps all numbers but the constant ones.
    """

    def __init__(self, tiers: Sequence[tuple[float, float]] = TIERS, metrics: Iterable[str] | None = None) -> None:
        self._tiers = tuple(sorted(tiers))
        kept = SERIES - CONSTANT if metrics is None else SERIES & frozenset(metrics)
        self._gpu = [METRICS[name] for name in METRICS if name in kept]
        self._host = [metric for metric in HOST_METRICS.values() if metric.kind in ("gauge", "counter")]
        self._series: dict[tuple[str, str], Series] = {}
        self._seen = Series(self._tiers, counter=False)
        self._axis = self._time = self._mono = 0.0
        self._lock = threading.Lock()

    def push(self, sample: Sample, hold: float = 3.0) -> None:
        """Keep a sample. It stands for the time since the one before it where that is at most ``hold`` seconds."""
        if not sample.gpus and sample.host is None:
            return
        with self._lock:
            self._move(sample)
            self._seen.write(self._axis, 1.0, hold)
            for gpu in sample.gpus:
                self._keep(gpu.uuid, gpu, self._gpu, hold)
            if sample.host is not None:
                self._keep(_HOST, sample.host, self._host, hold)

    def _move(self, sample: Sample) -> None:
        """Let the axis run on: with the monotonic clock, and with the wall clock where that one stood still or anew."""
        wall, mono = sample.time - self._time, sample.mono - self._mono
        if not self._time:
            self._axis = sample.mono
        else:
            self._axis += max(wall, 0.0) if mono < 0 or wall - mono > JUMP else mono
        self._time, self._mono = sample.time, sample.mono

    def _keep(self, device: str, values: object, metrics: Iterable[Metric], hold: float) -> None:
        for metric in metrics:
            value = getattr(values, metric.name)
            if value is not None:
                series = self._series.get((device, metric.name)) or self._make(device, metric)
                series.write(self._axis, value, SLOW if metric.tier == "slow" else hold)

    def _make(self, device: str, metric: Metric) -> Series:
        tiers = [tier for tier in self._tiers if tier[0] >= 10] if metric.tier == "slow" else []
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
    ) -> Columns:
        """The past by column, from ``since`` to ``until`` (Unix seconds; None is now).

        Args:
            step: seconds per row; raised to what is kept for that range, and to a multiple of it.
            devices: UUIDs; None is all of them.
            metrics: names of GPU metrics; None is all of them.
            spread: lowest and highest value per row as well.
            host: names of host metrics.
        """
        with self._lock:
            window = self._window(since, until, step)
            wanted = None if metrics is None else frozenset(metrics)
            uuids = self._devices() if devices is None else list(devices)
            gpus = {uuid: self._read(uuid, wanted, window) for uuid in uuids if uuid != _HOST}
            return Columns(
                time=window.times(),
                step=window.step,
                gpus=gpus,
                host=self._read(_HOST, frozenset(host), window),
                low={uuid: self._read(uuid, wanted, window, 1) for uuid in gpus} if spread else None,
                high={uuid: self._read(uuid, wanted, window, 2) for uuid in gpus} if spread else None,
            )

    def _devices(self) -> list[str]:
        return list(dict.fromkeys(device for device, _ in self._series))

    def _read(
        self, device: str, wanted: frozenset[str] | None, window: _Window, which: int = 0
    ) -> dict[str, list[float | None]]:
        catalogue: Mapping[str, Metric] = METRICS if device != _HOST else HOST_METRICS
        names = [name for of, name in self._series if of == device and (wanted is None or name in wanted)]
        return {name: window.column(self._series[device, name], catalogue[name], which) for name in names}

    def _window(self, since: float, until: float | None, step: float | None) -> _Window:
        offset = self._time - self._axis
        start = max(since - offset, self._axis - self._tiers[-1][1])
        end = self._axis if until is None else min(until - offset, self._axis)
        return _Window(self._seen, self._grid(self._axis - start, step), start, end, self._axis, offset)

    def _grid(self, reach: float, step: float | None) -> tuple[float, float]:
        """(step of the tier, step of the rows) for a range that begins ``reach`` seconds ago."""
        covering = [tier for tier, kept in self._tiers if kept >= reach] or [self._tiers[-1][0]]
        asked = min(step or covering[0], self._tiers[-1][1])
        even = [tier for tier in covering if tier <= asked and not asked % tier]
        tier = even[-1] if even else covering[0]
        return tier, max(1, math.ceil(asked / tier)) * tier


class _Window:
    """Rows of ``step`` seconds over a stretch of the axis; only those in which there was a sample."""

    def __init__(
        self, seen: Series, grid: tuple[float, float], start: float, end: float, now: float, offset: float
    ) -> None:
        self.tier, self.step = grid
        self._now, self._offset = now, offset
        rows = range(int(start // self.step), int(end // self.step) + 1) if end >= start else range(0)
        present = _fold(seen.ring(self.tier), rows, self.step, 0, _mean)
        self._rows = [row for row, value in zip(rows, present, strict=True) if value == value]
        self._all = rows

    def times(self) -> list[float]:
        """The end of each row in Unix time; that of the last row is when the last sample came."""
        return [round(min((row + 1) * self.step, self._now) + self._offset, 3) for row in self._rows]

    def column(self, series: Series, metric: Metric, which: int) -> list[float | None]:
        """One metric over these rows."""
        counter = metric.kind == "counter"
        choose = _last if counter else (_mean, min, max)[which]
        values = _fold(series.ring(self.tier), self._all, self.step, which, choose)
        if len(self._rows) < len(self._all):
            first = self._all[0]
            values = [values[row - first] for row in self._rows]
        return _exact(values) if counter else _rounded(values, _GRAIN.get(metric.unit, 1e-3))


def _fold(ring: Ring, rows: range, step: float, which: int, choose: Callable[[Any], float]) -> Sequence[float]:
    """The ring's slots brought to rows of ``step`` seconds; NaN where a row holds nothing."""
    if not rows:
        return []
    first = int(rows[0] * step // ring.step)
    values = ring.read(first, max(math.ceil((rows[-1] + 1) * step / ring.step), first + 1), which)
    if ring.step == step:
        return values
    edges = [int(row * step // ring.step) - first for row in range(rows[0], rows[-1] + 2)]
    spans = (values[a : max(b, a + 1)] for a, b in pairwise(edges))
    if not math.isnan(sum(values)):  # Nothing unknown in all of it, as mostly: no need to look at each.
        return [choose(span) for span in spans]
    return [choose(known) if known else math.nan for known in ([v for v in span if v == v] for span in spans)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _last(values: Sequence[float]) -> float:
    return values[-1]


def _exact(values: Sequence[float]) -> list[float | None]:
    return [v if v == v else None for v in values]


def _rounded(values: Sequence[float], grain: float) -> list[float | None]:
    # Dividing by a whole number, not multiplying by a fraction, gives the shortest decimal.
    if grain < 1:
        parts = round(1 / grain)
        return [(v * parts + 0.5) // 1 / parts if v == v else None for v in values]
    return [(v / grain + 0.5) // 1 * grain if v == v else None for v in values]

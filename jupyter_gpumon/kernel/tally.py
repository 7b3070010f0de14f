"""Mean, peak, rise and growth of every metric over one window, added up as samples come: a cell may run for days."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar

from ..model import METRICS, SERIES, Sample

_GAUGES = tuple(name for name, metric in METRICS.items() if metric.kind == "gauge" and name in SERIES)
_COUNTERS = tuple(name for name, metric in METRICS.items() if metric.kind == "counter" and name != "energy")
_STATES = frozenset({"memory_used", "memory_free", "memory_reserved", "bar1_used", "remap_pending", "remap_failure"})
"""Gauges that hold until they change: the value before the window is one inside it too."""

T = TypeVar("T")
Table = dict[str, dict[str, float]]


@dataclass
class _Gauge:
    """A reading stands for the time up to half-way to its neighbours: the rate may change while a cell runs."""

    before: float | None = None
    after: float | None = None
    peak: float | None = None
    last: tuple[float, float] | None = None
    """The newest reading inside, as (monotonic seconds, value)."""
    since: float = 0.0
    """From when on the last reading stands."""
    sum: float = 0.0
    """Value times seconds of all readings but the last."""

    def inside(self, mono: float, value: float, start: float) -> None:
        if self.last is None:
            self.since = start
        else:
            until = (self.last[0] + mono) / 2
            self.sum, self.since = self.sum + self.last[1] * (until - self.since), until
        self.last = mono, value
        self.peak = value if self.peak is None else max(self.peak, value)

    def mean(self, start: float, end: float) -> float | None:
        """Weighted by time."""
        if self.last is None or end <= start:
            return self.last and self.last[1]
        return (self.sum + self.last[1] * (end - self.since)) / (end - start)


@dataclass
class _Counter:
    """Readings as (monotonic seconds, value): the last before the start, the first after it, and the last two."""

    first: tuple[float, float]
    second: tuple[float, float] | None = None
    older: tuple[float, float] | None = None
    newer: tuple[float, float] | None = None


class Tally:
    """Adds up the samples around one window that began at ``start`` (monotonic seconds)."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._gauges: dict[str, dict[str, _Gauge]] = {}
        self._counters: dict[str, dict[str, _Counter]] = {}

    def add(self, sample: Sample, end: float | None = None) -> None:
        """Take one sample; ``end`` is the window's where that is known already."""
        for gpu in sample.gpus:
            gauges = self._gauges.setdefault(gpu.uuid, {})
            for name in _GAUGES:
                value = getattr(gpu, name)
                if value is not None:
                    self._gauge(gauges.setdefault(name, _Gauge()), sample.mono, value, end)
            counters = self._counters.setdefault(gpu.uuid, {})
            for name in _COUNTERS:
                value = getattr(gpu, name)
                if value is not None:
                    self._counter(counters, name, (sample.mono, value), end)

    def _gauge(self, gauge: _Gauge, mono: float, value: float, end: float | None) -> None:
        if mono < self._start:
            gauge.before = value
        elif end is None or mono <= end:
            gauge.inside(mono, value, self._start)
        elif gauge.after is None:
            gauge.after = value

    def _counter(
        self, counters: dict[str, _Counter], name: str, reading: tuple[float, float], end: float | None
    ) -> None:
        counter = counters.get(name)
        if counter is None or reading[0] <= self._start:
            counters[name] = _Counter(first=reading)
            return
        if counter.second is None:
            counter.second = reading
        if end is None or counter.newer is None or counter.newer[0] < end:
            counter.older, counter.newer = counter.newer or counter.first, reading

    def tables(self, names: dict[str, str], end: float, only: Collection[str] | None = None) -> dict[str, Table]:
        """``mean``, ``peak``, ``rise`` and ``delta`` by the devices' names; what is not known is left out.

        Args:
            names: UUID → name of the devices.
            end: the window's, in monotonic seconds.
            only: names of the metrics; None is all of them.
        """
        found: dict[str, Table] = {"mean": {}, "peak": {}, "rise": {}, "delta": {}}
        for uuid, label in names.items():
            for metric, gauge in _some(self._gauges.get(uuid, {}), only):
                for key, value in _of_gauge(gauge, self._start, end, state=metric in _STATES).items():
                    found[key].setdefault(label, {})[metric] = value
            for metric, counter in _some(self._counters.get(uuid, {}), only):
                growth = _growth(counter, self._start, end, whole=METRICS[metric].unit == "count")
                if growth is not None:
                    found["delta"].setdefault(label, {})[metric] = growth
        return found


def _some(kept: dict[str, T], only: Collection[str] | None) -> list[tuple[str, T]]:
    # A copy: the monitor's thread may add a metric meanwhile.
    return [(name, value) for name, value in list(kept.items()) if only is None or name in only]


def _of_gauge(gauge: _Gauge, start: float, end: float, *, state: bool) -> dict[str, float]:
    """A window without a sample is told by the first one after it, whose reading reaches back into the window."""
    if gauge.last is None and gauge.after is not None:
        gauge.inside(end, gauge.after, start)
    mean, peak, before = gauge.mean(start, end), gauge.peak, gauge.before
    if state and before is not None:
        mean = before if mean is None else mean
        peak = before if peak is None else max(peak, before)
    found = {}
    if mean is not None:
        found["mean"] = mean
    if peak is not None:
        found["peak"] = peak
        if before is not None:
            found["rise"] = peak - before
    return found


def _growth(counter: _Counter, start: float, end: float, *, whole: bool) -> float | None:
    if counter.second is None or counter.older is None or counter.newer is None:
        return None
    if whole:  # errors come one by one: no half of one belongs to the window
        growth = counter.newer[1] - counter.first[1]
    else:
        growth = _at(counter.older, counter.newer, end) - _at(counter.first, counter.second, start)
    return growth if growth >= 0 else None  # the counter began anew


def _at(a: tuple[float, float], b: tuple[float, float], moment: float) -> float:
    """A counter's value at a moment: linear between two readings, and on at the same rate."""
    if moment <= a[0] or b[0] <= a[0]:
        return a[1]
    return a[1] + (b[1] - a[1]) * (moment - a[0]) / (b[0] - a[0])

"""What the devices did during a run: a row per sample, added in the monitor's thread; a long run folds its rows."""

from __future__ import annotations

from collections.abc import Mapping

from ..metrics import Host
from ..model import Columns, Gpu, Sample

METRICS = ("utilization", "memory_activity", "memory_used", "power", "temperature", "clock_sm")
HOST = ("cpu", "memory_used")
MOST = 4000
"""Rows from which on two become one: over an hour by the second, a week by the minute and a half."""

_Row = dict[str, float]


class Usage:
    """Takes the samples from ``start`` to ``end`` (monotonic seconds)."""

    def __init__(self, start: float) -> None:
        self._start, self._end = start, float("inf")
        self._times: list[float] = []
        self._rows: list[dict[str, _Row]] = []
        self._fold, self._waiting = 1, 0
        """Samples that make a row, and how many of those the last row has."""
        self.samples = self.widest = 0.0
        self._last = start

    def take(self, sample: Sample) -> None:
        """Take one sample."""
        if not self._start <= sample.mono <= self._end or not (sample.gpus or sample.host):
            return
        self.widest, self._last = max(self.widest, sample.mono - self._last), sample.mono
        self.samples += bool(sample.gpus)
        row: dict[str, _Row] = {gpu.uuid: _values(gpu, METRICS) for gpu in sample.gpus}
        if sample.host is not None:
            row[""] = _values(sample.host, HOST)
        self._add(sample.time, row)

    def close(self, end: float) -> None:
        """Take nothing that is later."""
        self._end, self.widest = end, max(self.widest, end - self._last)

    def _add(self, time: float, row: dict[str, _Row]) -> None:
        if self._waiting and self._waiting < self._fold:
            self._rows[-1] = _mixed(self._rows[-1], row, self._waiting)
            self._times[-1] = time
            self._waiting += 1
        else:
            self._rows.append(row)
            self._times.append(time)
            self._waiting = 1
        if len(self._rows) >= MOST and self._waiting == self._fold:
            self._halve()

    def _halve(self) -> None:
        pairs = range(0, len(self._rows) - 1, 2)
        self._rows = [_mixed(self._rows[i], self._rows[i + 1], 1) for i in pairs]
        self._times = [self._times[i + 1] for i in pairs]
        self._fold *= 2
        self._waiting = self._fold

    def columns(self, names: Mapping[str, str]) -> Columns | None:
        """The rows by column, devices by these names; None where no sample came."""
        rows, times = list(self._rows), list(self._times)
        if not rows:
            return None
        devices = {name: _columns(rows, uuid, METRICS) for uuid, name in names.items()}
        step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
        return Columns(
            time=[round(time, 3) for time in times],
            step=round(step, 3),
            gpus={name: kept for name, kept in devices.items() if kept},
            host=_columns(rows, "", HOST),
        )


def _values(source: Gpu | Host, names: tuple[str, ...]) -> _Row:
    found = {name: getattr(source, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _mixed(older: dict[str, _Row], newer: dict[str, _Row], weight: int) -> dict[str, _Row]:
    """One row for two, of which the older already is the mean of ``weight``."""
    return {
        key: {
            name: _mean(older.get(key, {}).get(name), newer.get(key, {}).get(name), weight)
            for name in older.get(key, {}) | newer.get(key, {})
        }
        for key in older | newer
    }


def _mean(older: float | None, newer: float | None, weight: int) -> float:
    if older is None or newer is None:
        return (older if newer is None else newer) or 0.0
    return (older * weight + newer) / (weight + 1)


def _columns(rows: list[dict[str, _Row]], key: str, names: tuple[str, ...]) -> dict[str, list[float | None]]:
    columns = {name: [_short(row.get(key, {}).get(name)) for row in rows] for name in names}
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def _short(value: float | None) -> float | None:
    """Six significant digits: no sensor knows more, and it is kept by the thousand."""
    return None if value is None else float(f"{value:.6g}")

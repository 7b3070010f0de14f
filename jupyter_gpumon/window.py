"""What one device did between two moments: means, peaks, rises and growth of every metric, off the samples there are.

A gauge's mean is weighted by time: a reading holds until the next one. A window shorter than the sampling interval has
the readings just before and after it. Counters grow; where one falls back it began anew, and its growth goes on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct, field

from .metrics import METRICS
from .model import Gpu, Sample

GAUGES = tuple(name for name, metric in METRICS.items() if metric.kind == "gauge")
COUNTERS = tuple(name for name, metric in METRICS.items() if metric.kind == "counter")


class Summary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device over one window. A metric that was not known in it is not in the dicts."""

    mean: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    rise: dict[str, float] = field(default_factory=dict)
    """Peak less the value at the start."""
    delta: dict[str, float] = field(default_factory=dict)
    xids: tuple[int, ...] = ()
    foreign: int = 0
    """The most processes of others that were on the device at one time."""


def summarise(samples: Sequence[Sample], uuid: str, start: float, end: float) -> Summary:
    """The summary of one device between two monotonic times; ``samples`` in the order of time."""
    monos = [sample.mono for sample in samples]
    # One sample further on each side: what held at the start, and counters' value at the end.
    first, last = max(0, bisect_right(monos, start) - 1), bisect_left(monos, end) + 1
    seen = samples[first:last]
    readings = [(sample.mono, gpu) for sample in seen for gpu in sample.gpus if gpu.uuid == uuid]
    inside = [sample for sample in samples[bisect_left(monos, start) :] if sample.mono <= end]
    summary = Summary(
        xids=tuple(e.code for s in inside for e in s.events if e.kind == "xid" and e.uuid == uuid and e.code),
        foreign=max((_foreign(sample, uuid) for sample in seen), default=0),
    )
    for name in GAUGES:
        _gauge(summary, name, _known(readings, name), start, end)
    for name in COUNTERS:
        values = [value for _, value in _known(readings, name)]
        if len(values) > 1:
            summary.delta[name] = sum(_grown(a, b) for a, b in pairwise(values))
    return summary


def _known(readings: Sequence[tuple[float, Gpu]], name: str) -> list[tuple[float, float]]:
    return [(mono, value) for mono, gpu in readings if (value := getattr(gpu, name)) is not None]


def _gauge(summary: Summary, name: str, readings: list[tuple[float, float]], start: float, end: float) -> None:
    """Mean, peak and rise of one gauge."""
    if not readings:
        return
    within = [(mono, value) for mono, value in readings if mono <= end] or readings[:1]
    if all(mono <= start for mono, _ in within):  # shorter than a sample lasts: the nearest ones stand for it
        within = readings
    summary.mean[name] = _weighted(within, start, end)
    summary.peak[name] = max(value for _, value in within)
    summary.rise[name] = summary.peak[name] - within[0][1]


def _weighted(readings: Sequence[tuple[float, float]], start: float, end: float) -> float:
    until = [mono for mono, _ in readings[1:]] + [max(end, readings[-1][0])]
    spans = [max(0.0, min(stop, end) - max(mono, start)) for (mono, _), stop in zip(readings, until, strict=True)]
    if sum(spans) <= 0:
        spans = [1.0] * len(readings)
    return sum(value * span for (_, value), span in zip(readings, spans, strict=True)) / sum(spans)


def _grown(before: float, after: float) -> float:
    return after - before if after >= before else after


def _foreign(sample: Sample, uuid: str) -> int:
    return sum(process.count for process in sample.processes or () if process.uuid == uuid and not process.own)

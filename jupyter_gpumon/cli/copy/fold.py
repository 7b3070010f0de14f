"""Samples brought to steps: means of gauges, the last value of counters and sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from ...metrics import HOST_METRICS, METRICS, Gpu, Host, Metric
from ...model import Sample
from ...wire import Stream

S = TypeVar("S", Gpu, Host)


def folded(messages: Iterable[Stream], step: float) -> Iterator[Stream]:
    """One sample per ``step`` seconds of Unix time in which there was one, stamped with the step's beginning."""
    bucket: _Bucket | None = None
    for message in messages:
        if not isinstance(message, Sample):
            yield message
            continue
        start = message.time // step * step
        if bucket is not None and start != bucket.start:
            yield bucket.sample()
            bucket = None
        bucket = bucket or _Bucket(start)
        bucket.add(message)
    if bucket is not None:
        yield bucket.sample()


class _Bucket:
    """What came in one step."""

    def __init__(self, start: float) -> None:
        self.start, self._mono = start, 0.0
        self._gpus: dict[str, _Mean] = {}
        self._host: _Mean | None = None

    def add(self, sample: Sample) -> None:
        self._mono = sample.mono
        for gpu in sample.gpus:
            self._gpus.setdefault(gpu.uuid, _Mean(METRICS)).add(gpu)
        if sample.host is not None:
            self._host = self._host or _Mean(HOST_METRICS)
            self._host.add(sample.host)

    def sample(self) -> Sample:
        gpus = tuple(Gpu(uuid=uuid, **mean.values()) for uuid, mean in self._gpus.items())
        host = None if self._host is None else Host(**self._host.values())
        return Sample(time=self.start, mono=self._mono, gpus=gpus, host=host)


class _Mean:
    """The values of one device in one step."""

    def __init__(self, metrics: dict[str, Metric]) -> None:
        self._gauges = [name for name, metric in metrics.items() if metric.kind == "gauge"]
        self._others = [name for name, metric in metrics.items() if metric.kind != "gauge"]
        self._sums: dict[str, tuple[float, int]] = {}
        self._last: dict[str, Any] = {}

    def add(self, values: Gpu | Host) -> None:
        for name in self._gauges:
            if (value := getattr(values, name)) is not None:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = total + value, count + 1
        for name in self._others:
            if (value := getattr(values, name)) is not None:
                self._last[name] = value

    def values(self) -> dict[str, Any]:
        return {name: total / count for name, (total, count) in self._sums.items()} | self._last

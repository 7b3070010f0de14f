"""What a database is given in tests: samples of two GPUs and their host, by the second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from jupyter_gpumon.model import Device, Event, Gpu, Hello, Host, Sample
from jupyter_gpumon.sinks.sql import SqlSink, open_sink

START = 1_795_302_000.0
"""A full hour."""
HELLO = Hello(
    hostname="n1", devices=tuple(Device(uuid=f"GPU-{n}", index=n, name="H100", memory_total=8e10) for n in range(2))
)
PATIENCE = 60.0


def gpu(number: int, at: float) -> Gpu:
    """Power climbs by the second, energy with it; the second GPU has no temperature."""
    known = {"temperature": 40.0} if number == 0 else {}
    return Gpu(
        uuid=f"GPU-{number}",
        power=100.0 + at,
        energy=1000.0 + 100 * at,
        memory_used=8e9,
        clock_events=("idle",),
        **known,
    )


def sample(at: float, gpus: Iterable[int] = range(2), **more: Any) -> Sample:
    """The sample ``at`` seconds after the start."""
    return Sample(
        time=START + at, mono=at, gpus=tuple(gpu(n, at) for n in gpus), host=Host(cpu=0.5, disk_read=10.0 * at), **more
    )


def xid(at: float) -> Event:
    """A driver error."""
    return Event(kind="xid", time=START + at, mono=at, title="XID 79", uuid="GPU-1", code=79, level="critical")


def opened(url: str, run: str = "", **options: Any) -> SqlSink:
    """A sink that commits at once; ``options`` go into its URL."""
    words = "&".join(f"{name}={value}" for name, value in ({"commit_every": 0, "buffer": 100_000} | options).items())
    return open_sink(f"{url}{'&' if '?' in url else '?'}{words}", run)


def fed(url: str, samples: Iterable[Sample], run: str = "", **options: Any) -> SqlSink:
    """A sink that has written these samples, closed."""
    sink = opened(url, run, **options)
    sink.write(HELLO)
    for each in samples:
        sink.write(each)
    sink.close()
    return sink


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until the condition holds, and return what it gave."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)
    return found

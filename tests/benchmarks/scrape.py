"""What a scrape of eight GPUs costs: time at the server, bytes, and that it asks the driver nothing."""

from __future__ import annotations

import statistics
import time
import urllib.request

from ..fakenvml.driver import FakeDriver
from .rows import Row
from .servers import Server

SCRAPES = 100


def scrapes(server: Server, driver: FakeDriver) -> Row:
    """Median and 95th percentile of requests in turn, from outside; bytes of a page, plain and compressed."""
    _get(server)
    before, begin = driver.stats().total_calls, time.monotonic()
    seconds = []
    for _ in range(SCRAPES):
        start = time.perf_counter()
        _get(server)
        seconds.append(time.perf_counter() - start)
    calls = (driver.stats().total_calls - before) / (time.monotonic() - begin)
    plain, packed = len(_get(server)), len(_get(server, encoding="gzip"))
    p95 = statistics.quantiles(seconds, n=20)[-1]
    figures = f"{statistics.median(seconds) * 1e3:.1f} ms, 95th percentile {p95 * 1e3:.1f} ms"
    size = f"{plain / 1e3:.0f} kB, {packed / 1e3:.1f} kB compressed; {calls:.0f} NVML calls/s meanwhile"
    return Row("a scrape of gpumon/metrics, 8 GPUs", f"{figures}; {size}", "at most 20 ms, 20 kB compressed")


def _get(server: Server, encoding: str = "identity") -> bytes:
    request = urllib.request.Request(server.url("gpumon/metrics"), headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
    return body

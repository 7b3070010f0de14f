"""What it costs to judge a sample: the shipped rules on a machine with 64 GPUs, all at work and all well.

python -m tests.benchmarks.judging    prints its rows alone
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from msgspec.structs import replace

from jupyter_gpumon.alerts import Alerts
from jupyter_gpumon.model import Host, Sample
from jupyter_gpumon.rules.book import Book
from jupyter_gpumon.rules.pack import shipped

from ..rules.faults import AT_WORK, BOARD, TRAINS
from ..rules.feed import hello, sample
from .rows import Row

TICKS, WARM = 400, 150


def judging() -> Iterator[Row]:
    """Median and 95th percentile of a tick, on the clock and of this thread's CPU time; 8 and 64 GPUs."""
    for gpus in (8, 64):
        rules = Book(shipped()).judging
        clock, cpu = _ticks(Alerts(rules), gpus)
        figures = f"{_told(cpu)} CPU time; {_told(clock)} on the clock"
        yield Row(f"judging a sample: {len(rules)} rules × {gpus} GPUs", figures, "at most 2 ms")


def _ticks(alerts: Alerts, gpus: int) -> tuple[list[float], list[float]]:
    """Seconds of each tick, by the clock and by the CPU."""
    alerts.write(hello(gpus, **BOARD))
    clock, cpu = [], []
    for each in _samples(gpus):
        began, used = time.perf_counter(), time.thread_time()
        alerts.write(each)
        cpu.append(time.thread_time() - used)
        clock.append(time.perf_counter() - began)
    assert not alerts.firing
    return clock[WARM:], cpu[WARM:]


def _samples(gpus: int) -> Iterator[Sample]:
    processes = tuple(replace(TRAINS, uuid=f"GPU-{n}", kernel=f"k{n}", pid=n + 10) for n in range(gpus))
    for at in range(TICKS):
        each = [AT_WORK | {"power": 400.0 + at % 7 + n, "temperature": 60.0 + at % 9} for n in range(gpus)]
        yield sample(float(at), *each, processes=processes, host=Host(cpu=0.3))


def _told(seconds: list[float]) -> str:
    median, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    return f"{median * 1e3:.2f} ms, 95th percentile {p95 * 1e3:.2f} ms"


if __name__ == "__main__":
    for row in judging():
        print(f"| {row.what} | {row.ours} | {row.goal} | {row.peer} |")

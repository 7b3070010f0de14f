"""One board's energy counter and power sensors, read as raw as NVML gives them, and what a row of reads tells."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import pynvml as nvml

AVERAGE, INSTANT, ENERGY = 185, 186, 83
MILLI = 1e-3


class Read(NamedTuple):
    """One read: monotonic seconds before and after the call, and the value in joules or watts."""

    before: float
    after: float
    value: float


class Step(NamedTuple):
    """A change of what is read: the old value was still seen at ``since``, the new one at ``time``."""

    since: float
    time: float
    value: float


class Board:
    """The GPU of this index, by NVML."""

    def __init__(self, index: int) -> None:
        nvml.nvmlInit()
        self.index, self.handle = index, nvml.nvmlDeviceGetHandleByIndex(index)
        self.uuid: str = nvml.nvmlDeviceGetUUID(self.handle)

    def counter(self) -> Read:
        """The energy counter, joules."""
        return _timed(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle) * MILLI)

    def power(self, field: int = INSTANT) -> Read:
        """Power in watts: momentary, or the mean that the default reading is on Ampere and later."""
        return _timed(lambda: self.field(field).value.uiVal * MILLI)

    def field(self, number: int) -> Any:
        """A field with its timestamp and latency.

        Raises:
            NVMLError: this board does not have it.
        """
        (found,) = nvml.nvmlDeviceGetFieldValues(self.handle, [number])
        if found.nvmlReturn != nvml.NVML_SUCCESS:
            raise nvml.NVMLError(found.nvmlReturn)
        return found

    def buffer(self) -> list[tuple[float, float]]:
        """The driver's own record of power: (Unix seconds, watts), oldest first."""
        _, samples = nvml.nvmlDeviceGetSamples(self.handle, nvml.NVML_TOTAL_POWER_SAMPLES, 0)
        return [(sample.timeStamp * 1e-6, sample.sampleValue.uiVal * MILLI) for sample in samples]


def _timed(read: Callable[[], float]) -> Read:
    before = time.monotonic()
    value = read()
    return Read(before, time.monotonic(), value)


def tells(read: Callable[[], object]) -> bool:
    """Whether the board answers this at all."""
    try:
        read()
    except nvml.NVMLError:
        return False
    return True


def poll(read: Callable[[], Read], seconds: float, every: float) -> list[Read]:
    """Reads for so long, on a grid of ``every`` seconds; what comes late is not made up for."""
    found, start, n = [], time.monotonic(), 0
    while (now := time.monotonic()) < start + seconds:
        found.append(read())
        n = max(n + 1, int((now - start) / every) + 1)
        time.sleep(max(0.0, start + n * every - time.monotonic()))
    return found


def steps(reads: Sequence[Read]) -> list[Step]:
    """Where the value changed."""
    return [Step(a.before, b.after, b.value) for a, b in pairwise(reads) if a.value != b.value]


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and intercept of the straight line nearest to these points."""
    if len(points) < 2:
        return 0.0, points[0][1] if points else 0.0
    slope, intercept = statistics.linear_regression(*zip(*points, strict=True))
    return slope, intercept


def cadence(found: Sequence[Step]) -> dict[str, float | int | None]:
    """Period and jitter of the changes, in seconds, where there are enough of them to tell."""
    if len(found) < 4:
        return {"updates": len(found), "period": None, "jitter": None}
    usual = statistics.median(step.time - step.since for step in found)
    sharp = [step for step in found if step.time - step.since <= 3 * usual]  # the others were late
    gaps = sorted(b.time - a.time for a, b in pairwise(sharp))
    rough = gaps[len(gaps) // 10]  # a value may stay the same over an update, but not change between two
    jumps = [max(1, round((b.time - a.time) / rough)) for a, b in pairwise(sharp)]
    numbers = [0, *accumulate(jumps)]
    period, phase = line([(n, (step.since + step.time) / 2) for n, step in zip(numbers, sharp, strict=True)])
    off = [(step.since + step.time) / 2 - phase - n * period for n, step in zip(numbers, sharp, strict=True)]
    return {"updates": len(found), "period": period, "jitter": statistics.pstdev(off)}


def integral(reads: Sequence[Read], start: float, end: float) -> float:
    """Joules between two moments if each reading held until the next; the first and the last reach to the ends."""
    inside = [read for read in reads if start <= read.after <= end]
    if not inside:
        raise ValueError("no reading of power in that time")
    times = [start, *(read.after for read in inside[1:]), end]
    return sum(read.value * (b - a) for read, (a, b) in zip(inside, pairwise(times), strict=True))


def next_edge(board: Board, patience: float = 3.0) -> Step:
    """Wait for the counter's next update, reading as fast as it goes.

    Raises:
        TimeoutError: it stands still.
    """
    for a, b in _pairs(board, time.monotonic() + patience):
        if a.value != b.value:
            return Step(a.before, b.after, b.value)
    raise TimeoutError("the energy counter stands still")


def _pairs(board: Board, end: float) -> Iterator[tuple[Read, Read]]:
    last = board.counter()
    while time.monotonic() < end:
        time.sleep(0.0005)
        this = board.counter()
        yield last, this
        last = this


def mean_power(first: Step | Read, last: Step | Read) -> float:
    """Watts by the counter between two of its updates, or between two reads of it."""
    began, ended = (each.time if isinstance(each, Step) else each.before for each in (first, last))
    return (last.value - first.value) / (ended - began)


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and greatest."""
    ordered = sorted(values)
    return {
        "median": statistics.median(ordered),
        "p95": ordered[max(0, -(-95 * len(ordered) // 100) - 1)],
        "greatest": ordered[-1],
    }

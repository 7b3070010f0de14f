"""What only a board can tell about its sensors: one function per experiment, each gives a part of the result file.

Numbers of the list: ``reference`` §4.5 of the evaluation plan. Watts, joules, seconds. None of it needs a wall meter,
so none of it says anything about the absolute scale of the sensor.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .load import Load
from .readings import (
    AVERAGE,
    ENERGY,
    INSTANT,
    Board,
    Read,
    cadence,
    integral,
    line,
    mean_power,
    next_edge,
    poll,
    quantiles,
    steps,
    tells,
)

Found = dict[str, Any]
LAGGING = 1.5
"""Seconds after a load in which a mean over a second still speaks of it."""
KINDS = {"instant": INSTANT, "average": AVERAGE}


@dataclass(frozen=True)
class Bench:
    """The board, something to load it with, and how thorough to be: 1 is in full, less is for trying it out."""

    board: Board
    load: Load
    share: float = 1.0

    def seconds(self, full: float, least: float = 1.0) -> float:
        """So many seconds in full."""
        return max(least, full * self.share)


def probe(bench: Bench) -> Found:
    """Period, jitter and read latency of the counter and of both power readings; timestamps; the driver's buffer."""
    board, seconds = bench.board, bench.seconds(6, 1.5)
    reads = poll(board.counter, seconds, 0.001)
    grown = [b.value - a.value for a, b in pairwise(reads) if b.value > a.value]
    found: Found = {
        "counter": cadence(steps(reads)[1:])
        | {"read_seconds": _latency(reads), "least_growth_joules": min(grown, default=None)}
    }
    with _working(bench, 2 * seconds):
        for name, field in KINDS.items():
            if tells(lambda field=field: board.field(field)):
                reads = poll(lambda field=field: board.power(field), seconds, 0.002)
                found[name] = cadence(steps(reads)[1:]) | {"read_seconds": _latency(reads)}
    found["timestamps"] = {str(field): _timestamps(board, field) for field in (ENERGY, INSTANT, AVERAGE)}
    found["buffer"] = _buffer(board) if tells(board.buffer) else None
    return found


def _latency(reads: Sequence[Read]) -> dict[str, float]:
    return quantiles([read.after - read.before for read in reads])


def _timestamps(board: Board, field: int) -> Found | None:
    """Whether a field's timestamp is of the read or of the value: does it move while the value stands?"""
    if not tells(lambda: board.field(field)):
        return None
    looks = []
    for _ in range(200):
        found = board.field(field)
        looks.append((found.timestamp, bytes(found.value), time.time() - found.timestamp * 1e-6, found.latencyUsec))
        time.sleep(0.003)
    same = [a[0] != b[0] for a, b in pairwise(looks) if a[1] == b[1]]
    return {
        "moves_while_value_stands": statistics.fmean(same) if same else None,
        "age_seconds": quantiles([look[2] for look in looks]),
        "latency_seconds": quantiles([look[3] * 1e-6 for look in looks]),
    }


def _buffer(board: Board) -> Found:
    kept, now = board.buffer(), time.time()
    gaps = [b[0] - a[0] for a, b in pairwise(kept)]
    return {
        "depth": len(kept),
        "spacing": quantiles(gaps) if gaps else None,
        "newest_age": now - kept[-1][0] if kept else None,
    }


def polling(bench: Bench) -> Found:
    """Mean power by the counter, idle, when it is read ever more often, over that when it is left alone.

    Between two plain reads: to look for updates would be to read often. So a ratio is known to a period over the time.
    """
    board, seconds = bench.board, bench.seconds(10, 2.5)
    rows = []
    for every in (1.0, 0.3, 0.1, 0.03, 0.01, 0.005, 0.002, 0.001) if bench.share >= 1 else (0.1, 0.01, 0.001):
        time.sleep(0.5)
        first = board.counter()
        time.sleep(seconds)
        alone = mean_power(first, board.counter())
        reads = poll(board.counter, seconds, every)
        polled = mean_power(reads[0], reads[-1])
        rows.append({"every": every, "alone_watts": alone, "polled_watts": polled, "ratio": polled / alone})
    return {"rows": rows, "least_ratio": min(row["ratio"] for row in rows)}


def between_edges(board: Board, what: Callable[[], object]) -> float:
    """Watts by the counter from the update before something to the one after it."""
    first = next_edge(board)
    what()
    return mean_power(first, next_edge(board))


def square(bench: Bench) -> Found:
    """A load that is there half of the time, 1 to 20 times a second: does the counter integrate, or sum short looks?

    The true mean is the same at every frequency, but for the time that clocks and power take to rise. A counter that
    looks for 25 ms of every 100 ms scatters at 10 Hz and 20 Hz, differently each time; one that integrates does not.
    At 3 Hz and 7 Hz neither does: ten looks are spread over a cycle, five a half; at 2 Hz it is two or three.
    """
    idle = between_edges(bench.board, lambda: time.sleep(bench.seconds(3)))
    tones, times = ((1, 2, 3, 5, 7, 10, 13, 20), 6) if bench.share >= 1 else ((3, 7, 10, 20), 3)
    rows = [_square(bench, hertz, idle) for hertz in tones for _ in range(times)]
    spreads = {hertz: _spread([row["counter"] for row in rows if row["hertz"] == hertz]) for hertz in (3, 7, 10, 20)}
    resonant, calm = max(spreads[10], spreads[20]), max(spreads[3], spreads[7])
    return {"idle_watts": idle, "rows": rows, "spread": spreads, "integrates": resonant < max(0.03, 3 * calm)}


def _square(bench: Bench, hertz: float, idle: float) -> Found:
    """Mean watts in a square wave of whole cycles by each sensor: what it told beyond rest, from before until after."""
    board, seconds = bench.board, bench.seconds(6, 2.0)
    fields = [field for field in KINDS.values() if tells(lambda field=field: board.field(field))]
    first = next_edge(board)
    time.sleep(random.uniform(0.0, 1.0))  # another phase against the sensor each time
    worker = threading.Thread(target=bench.load.square, args=(hertz, seconds))
    worker.start()
    reads: dict[int, list[Read]] = {}
    _poll_fields(board, fields, reads, time.monotonic() + seconds + LAGGING)
    worker.join()
    last = next_edge(board)
    span = last.time - first.time
    told = {name: integral(reads[f], first.time, last.time) for name, f in KINDS.items() if f in reads}
    told["counter"] = last.value - first.value
    return {"hertz": hertz} | {name: idle + (joules - idle * span) / seconds for name, joules in told.items()}


def _poll_fields(board: Board, fields: Sequence[int], into: dict[int, list[Read]], end: float) -> None:
    while time.monotonic() < end:
        for field in fields:
            into.setdefault(field, []).append(board.power(field))
        time.sleep(0.01)


def _spread(values: Sequence[float]) -> float:
    """Greatest less least, as a share of the mean."""
    return (max(values) - min(values)) / statistics.fmean(values)


def step(bench: Bench) -> Found:
    """A load that begins and ends: how long each power reading takes to follow, and how late the counter is."""
    board, held = bench.board, bench.seconds(4, 1.8)
    found: Found = {}
    for name, field in KINDS.items():
        if tells(lambda field=field: board.field(field)):
            start, _, reads = _stepped(bench, lambda field=field: board.power(field), held)
            found[name] = _response([read for read in reads if read.after < start + held], start)
    start, end, reads = _stepped(bench, board.counter, held)
    edges = [(e.time, e.value) for e in steps(reads)]
    before = line([edge for edge in edges if edge[0] < start])
    during = line([edge for edge in edges if start + 0.5 * held < edge[0] < end])
    crossing = (before[1] - during[1]) / (during[0] - before[0])
    return found | {"counter_delay": crossing - start, "idle_watts": before[0], "load_watts": during[0]}


def _stepped(bench: Bench, read: Callable[[], Read], held: float) -> tuple[float, float, list[Read]]:
    """Rest, load, rest, while something is read every 5 ms; when the load was, and the reads."""
    when: list[tuple[float, float]] = []

    def play() -> None:
        time.sleep(held)
        when.append(bench.load.busy(held))

    worker = threading.Thread(target=play)
    worker.start()
    reads = poll(read, 3 * held, 0.005)
    worker.join()
    return *when[0], reads


def _response(reads: Sequence[Read], start: float) -> Found:
    """When a reading has risen by 10, 50 and 90 % of its step, and over how long a mean such a rise speaks of."""
    low = statistics.median(read.value for read in reads if read.after < start)
    high = statistics.median(read.value for read in reads[-max(1, len(reads) // 20) :])
    reached = {
        share: next((r.after - start for r in reads if r.after > start and r.value >= low + share * (high - low)), None)
        for share in (0.1, 0.5, 0.9)
    }
    rise = None if None in reached.values() else reached[0.9] - reached[0.1]
    return {"low": low, "high": high, "reached": reached, "window": None if rise is None else rise / 0.8}


def decay(bench: Bench) -> Found:
    """How long a board draws more than before, after a load has ended."""
    board = bench.board
    before = statistics.fmean(read.value for read in poll(board.power, bench.seconds(5), 0.1))
    _, end = bench.load.busy(bench.seconds(8, 2.0))
    reads = poll(board.power, bench.seconds(40, 4.0), 0.1)
    excess = {
        at: _at(reads, end + at) - before for at in (0.2, 0.5, 1, 2, 3, 5, 10, 20, 30) if end + at < reads[-1].after
    }
    near = 0.05 * before
    settled = next(
        (r.after - end for i, r in enumerate(reads) if all(x.value < before + near for x in reads[i:])), None
    )
    return {"before_watts": before, "excess_watts": excess, "settled_seconds": settled}


def _at(reads: Sequence[Read], moment: float) -> float:
    return min(reads, key=lambda read: abs(read.after - moment)).value


@contextlib.contextmanager
def _working(bench: Bench, seconds: float) -> Iterator[None]:
    """A load that comes and goes for so long, so that readings of power change."""
    worker = threading.Thread(target=bench.load.square, args=(3.7, seconds))
    worker.start()
    yield
    worker.join()

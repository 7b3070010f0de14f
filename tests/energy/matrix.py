"""The matrix of profiles, sensors and lengths on the ledger: ``python -m tests.energy.matrix`` prints it as Markdown.

Each line is 200 cells at random phases on a simulated GPU of 60 W idle, whose counter is read by the agent's own energy
tier (2.5 ms a read). An error is |measured − true| / true, and the truth is the exact integral of power.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from jupyter_gpumon.energy.ledger import Ledger
from jupyter_gpumon.model import Device, Energy, Hello, Sensor

from .rig import IDLE, Counter, Run, follow, schedule

GPU = "GPU-1"
LENGTHS = (0.05, 0.1, 0.3, 1.0, 10.0)
TRIALS = 200
LIMIT = 700.0
"""The board's power limit in watts."""


@dataclass(frozen=True)
class Board:
    """A board's counter, and how well its delay is known: ``told`` seconds off at most."""

    name: str
    period: float
    jitter: float = 0.0
    delay: float = 0.0
    told: float = 0.0
    tried: bool = True
    """Whether a trial has told what the counter is like."""
    learned: bool = True
    """Whether cells have told by now how late it is."""
    bounds: tuple[float, ...] = ()
    """What the 95th percentile of the error must not exceed, in percent, per length."""


BOARDS = (
    Board("100 ms", 0.1, bounds=(10, 3, 1, 0.5, 0.1)),
    Board("100 ms, ±5 ms, 30 ms late", 0.1, 0.005, 0.03, 0.003, bounds=(25, 12, 4, 2, 0.5)),
    Board("20 ms", 0.02, bounds=(3, 1, 0.5, 0.2, 0.05)),
    Board("100 ms, ±5 ms, not tried yet", 0.1, 0.005, tried=False),
    Board("100 ms, ±5 ms, 30 ms late, which is not known yet", 0.1, 0.005, 0.03, learned=False),
)

LOADS: dict[str, tuple[str, dict[str, float | bool]]] = {
    "constant": ("const", {}),
    "square 0.5 Hz": ("square0.5", {}),
    "square 2 Hz": ("square2", {}),
    "square 10 Hz": ("square10", {}),
    "square 33 Hz": ("square33", {}),
    "ramp": ("ramp", {}),
    "bursts": ("bursts", {}),
    "idle": ("idle", {}),
    "constant, power falls slowly after": ("const", {"decays": True}),
    "constant, idle power drifts": ("const", {"drift": 7.5}),
    "constant, neighbours 150 ms away": ("const", {"neighbours": 0.15}),
    "constant, neighbours 20 ms away": ("const", {"neighbours": 0.02}),
}
"""What the cells do. The first seven are the ones that bounds are promised for."""
PROMISED, ALONE = tuple(LOADS)[:7], tuple(LOADS)[:8]


@dataclass(frozen=True)
class Trial:
    """One cell: what the ledger says, what is true, the plain difference of two reads, and the best there could be."""

    energy: Energy
    true: float
    naive: float
    best: float
    """What one could say who knows the very moments of the updates that were read, and the mean idle power."""

    @property
    def error(self) -> float:
        """Percent; where only a bound is said, that of its middle."""
        e = self.energy
        value = e.joules if e.joules is not None else (e.high if e.high is not None else 2 * self.true) / 2
        return 100 * (value - self.true) / self.true


def trials(board: Board, load: str, seconds: float, count: int = TRIALS, after: float = 1.0) -> Iterator[Trial]:
    """Cells as the ledger tells them, each asked so many seconds after its end."""
    rng = random.Random(f"{board.name} {load} {seconds}")
    profile, kind = LOADS[load]
    run = schedule(profile, seconds, count=count, rng=rng, **kind)
    counter = Counter(run.truth, rng, period=board.period, jitter=board.jitter, delay=board.delay, until=run.until)
    ledger = Ledger()
    sensor = trial(board, rng) if board.tried else Sensor()
    ledger.take(hello(sensor))
    yield from told(ledger, run, counter, sensor, rng, after)


def trial(board: Board, rng: random.Random) -> Sensor:
    """What a trial of the board's counter finds: its period to 0.1 %, its jitter and its delay."""
    return Sensor(
        period=board.period * rng.uniform(0.999, 1.001),
        jitter=board.jitter / math.sqrt(3),
        delay=max(0.0, board.delay + rng.uniform(-board.told, board.told)) if board.learned else None,
        checked=1.0,
    )


def hello(sensor: Sensor) -> Hello:
    """A board with this sensor."""
    return Hello(devices=(Device(uuid=GPU, index=0, name="H200", power_limit_max=LIMIT, sensor=sensor),))


def told(
    ledger: Ledger, run: Run, counter: Counter, sensor: Sensor, rng: random.Random, after: float
) -> Iterator[Trial]:
    """Feed the ledger with what the agent reads, and ask it for each cell when its time has come."""
    cells = iter(run.cells)
    cell = next(cells, None)
    marks = sorted([*run.cells, *run.others], key=lambda window: window[1])
    moments, read = dict(zip(counter.values, counter.updates, strict=True)), [(0.0, 0.0)]
    for now, edges in follow({GPU: counter}, run.until, rng, sensor=sensor):
        for edge in edges:
            ledger.add(edge)
            read.append((moments[edge.joules], edge.joules))
        while marks and marks[0][1] < now:
            ledger.mark(*marks.pop(0))
        if cell is not None and now > cell[1] + after:
            best = _best(read[-800:], *cell)
            yield Trial(ledger.measure(GPU, *cell), run.truth.between(*cell), counter.naive(*cell), best)
            cell = next(cells, None)


def _best(read: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Growth between the updates read next to the window, less idle power outside of it."""
    since, before = max(one for one in read if one[0] <= start)
    until, after = min(one for one in read if one[0] >= end)
    return after - before - IDLE * (start - since + until - end)


@dataclass(frozen=True)
class Row:
    """What many trials of one kind come to, in percent."""

    load: str
    seconds: float
    p95: float
    median: float
    likely: float
    """Share of trials whose likely interval holds the truth."""
    hard: float
    width: float
    """Median half of the likely interval, of the truth."""
    hard_width: float
    unresolved: float
    """Share of trials of which only an upper bound is said."""
    naive: float
    """95th percentile of the plain difference's error."""
    best: float
    """The same of the best there could be; nan where the cells are not alone."""


def row(load: str, seconds: float, found: Sequence[Trial]) -> Row:
    """Summed up."""
    energies = [(t.energy, t.true) for t in found]
    return Row(
        load=load,
        seconds=seconds,
        p95=quantile([abs(t.error) for t in found], 0.95),
        median=quantile([t.error for t in found], 0.5),
        likely=share(_within(e.low, true, e.high) for e, true in energies),
        hard=share(_within(e.least, true, e.most) for e, true in energies),
        width=quantile([_half(e.low, e.high, true) for e, true in energies], 0.5),
        hard_width=quantile([_half(e.least, e.most, true) for e, true in energies], 0.5),
        unresolved=share(e.joules is None for e, _ in energies),
        naive=quantile([abs(100 * (t.naive - t.true) / t.true) for t in found], 0.95),
        best=quantile([abs(100 * (t.best - t.true) / t.true) for t in found], 0.95),
    )


def quantile(values: Sequence[float], part: float) -> float:
    """The value that this part of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def share(held: Iterator[bool]) -> float:
    """Percent that are true."""
    known = list(held)
    return 100 * sum(known) / len(known)


def _within(low: float | None, true: float, high: float | None) -> bool:
    return (low is None or low <= true + 0.002) and (high is None or true <= high + 0.002)


def _half(low: float | None, high: float | None, true: float) -> float:
    return float("nan") if high is None else 100 * (high - (low or 0.0)) / 2 / true


HEADER = (
    "load, s, error, promised, best possible, plain difference, median, likely: holds, ±, certain: holds, ±, only ≤"
)


def table(board: Board, rows: Sequence[Row]) -> Iterator[str]:
    """One board's rows as Markdown."""
    yield f"\n#### Counter {board.name}\n"
    yield f"| {HEADER.replace(', ', ' | ')} |"
    yield "|---" + "|--:" * HEADER.count(", ") + "|"
    for r in rows:
        cells = [
            r.load,
            f"{r.seconds:g}",
            f"{r.p95:.2g} %",
            *_promise(board, r),
            f"{r.naive:.3g} %",
            f"{r.median:+.2g} %",
        ]
        cells += [f"{r.likely:.0f} %", f"{r.width:.2g} %", f"{r.hard:.0f} %", f"{r.hard_width:.2g} %"]
        yield "| " + " | ".join([*cells, f"{r.unresolved:.0f} %"]) + " |"


def _promise(board: Board, r: Row) -> list[str]:
    """What the error may be at most, and the least that is possible: for cells that are alone on an idle GPU."""
    bound = dict(zip(LENGTHS, board.bounds, strict=False)).get(r.seconds)
    best = f"{r.best:.2g} %" if r.load in ALONE else ""
    if r.load not in PROMISED or bound is None:
        return ["", best]
    return [f"{bound:g} %" if r.p95 <= bound else f"**{bound:g} %, missed**", best]


def _row(job: tuple[Board, str, float, int]) -> Row:
    board, load, seconds, count = job
    return row(load, seconds, list(trials(board, load, seconds, count)))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    print_tables(argv, __doc__, BOARDS, _row, table)


def print_tables(
    argv: Sequence[str] | None,
    about: str | None,
    boards: Sequence[Any],
    each: Callable[[Any], Any],
    told: Callable[[Any, list[Any]], list[str]],
) -> None:
    """Measure all that was chosen on the command line, and print a table per board.

    Args:
        argv: the command line; None is this process's.
        about: what the help says.
        boards: the first part of each job.
        each: makes a row of a job: (board, load, seconds, trials).
        told: lines of a board's table.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--board", type=int, action="append", help="number of a board; default all")
    parser.add_argument("--load", action="append", help="name of a load; default all")
    parser.add_argument("--length", type=float, action="append", help="seconds; default all")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    chosen = parser.parse_args(argv)
    with ProcessPoolExecutor(chosen.workers) as pool:
        for number, board in enumerate(boards):
            if chosen.board is not None and number not in chosen.board:
                continue
            lengths, loads = chosen.length or LENGTHS, chosen.load or list(LOADS)
            jobs = [(board, load, seconds, chosen.trials) for load in loads for seconds in lengths]
            sys.stdout.write("\n".join(told(board, list(pool.map(each, jobs)))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

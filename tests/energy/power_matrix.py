"""The matrix without an energy counter: ``python -m tests.energy.power_matrix`` prints it as Markdown.

Each line is 200 cells at random phases on a simulated GPU of 60 W idle whose power is read every 25 ms, as the agent
does while somebody measures. An error is |measured − true| / true, and the truth is the exact integral of power.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jupyter_gpumon.energy.ledger import Ledger
from jupyter_gpumon.model import Device, Energy, Hello, PowerRun, Sample

from .matrix import GPU, LENGTHS, LIMIT, LOADS, PROMISED, TRIALS, print_tables, quantile, share
from .rig import METERS, readings, schedule

BATCH = 0.2
"""Seconds of readings that come together."""
LATER = 0.6
"""Seconds after a cell at which it is asked for."""


@dataclass(frozen=True)
class Board:
    """A board that tells nothing but its power."""

    name: str
    meter: str
    kind: str
    architecture: str
    poll: float = 0.025
    bounds: tuple[float, ...] = ()
    """What the 95th percentile of the error must not exceed for cells that are alone, in percent, per length."""


BOARDS = (
    Board("mean of 1 s every 100 ms", "average", "average", "Ada", bounds=(5, 2, 2, 1, 0.5)),
    Board("mean of 100 ms every 100 ms", "instant", "instant", "Ada", bounds=(5, 2, 2, 1, 0.5)),
    Board("25 ms in every 100 ms", "duty", "instant", "Hopper"),
    Board("mean of 1 s, read once a second", "average", "average", "Ada", poll=1.0),
)
PERIODIC = ("square 0.5 Hz", "square 2 Hz", "square 10 Hz", "square 33 Hz")


@dataclass(frozen=True)
class Trial:
    """One cell: what the ledger says, and what is true."""

    energy: Energy
    true: float

    @property
    def error(self) -> float:
        """Percent; where only a bound is said, that of its middle."""
        e = self.energy
        value = e.joules if e.joules is not None else (e.high if e.high is not None else 2 * self.true) / 2
        return 100 * (value - self.true) / self.true

    @property
    def held(self) -> bool:
        """Whether the likely interval holds the truth."""
        e = self.energy
        return (e.low is None or e.low <= self.true + 0.002) and (e.high is None or self.true <= e.high + 0.002)

    @property
    def certain(self) -> bool:
        """Whether the hard interval does."""
        e = self.energy
        return (e.least is None or e.least <= self.true) and (e.most is None or self.true <= e.most)


def trials(board: Board, load: str, seconds: float, count: int = TRIALS) -> Iterator[Trial]:
    """Cells as the ledger tells them from readings that come in batches, each asked a little after its end."""
    rng = random.Random(f"{board.name} {load} {seconds}")
    profile, kind = LOADS[load]
    run = schedule(profile, seconds, count=count, rng=rng, **kind)
    ledger = Ledger()
    ledger.take(Hello(devices=(device(board.architecture),)))
    told = readings(run.truth, METERS[board.meter], run.until, rng, poll=board.poll)
    cells, others = iter(run.cells), sorted(run.others, key=lambda window: window[1])
    cell = next(cells, None)
    batch: list[tuple[float, float]] = []
    for mono, watts in told:
        batch.append((mono, watts))
        if mono - batch[0][0] < BATCH:
            continue
        monos, powers = zip(*batch, strict=True)
        ledger.take(
            Sample(time=mono, mono=mono, powers=(PowerRun(uuid=GPU, kind=board.kind, monos=monos, watts=powers),))
        )
        batch = []
        while others and others[0][1] < mono:
            ledger.mark(*others.pop(0))
        if cell is not None and mono > cell[1] + LATER and ledger.settled(GPU, cell[1]):
            yield Trial(ledger.measure(GPU, *cell), run.truth.between(*cell))
            cell = next(cells, None)


def device(architecture: str) -> Device:
    """A board without an energy counter."""
    absent = {"energy": "unsupported"}
    return Device(uuid=GPU, index=0, name="X", architecture=architecture, power_limit_max=LIMIT, absent=absent)


@dataclass(frozen=True)
class Row:
    """What many trials of one kind come to, in percent."""

    load: str
    seconds: float
    p95: float
    likely: float
    width: float
    hard: float
    unresolved: float
    warned: float


def row(load: str, seconds: float, found: Sequence[Trial]) -> Row:
    """Summed up."""
    widths = [100 * (t.energy.high - (t.energy.low or 0.0)) / 2 / t.true for t in found if t.energy.high is not None]
    return Row(
        load=load,
        seconds=seconds,
        p95=quantile([abs(t.error) for t in found], 0.95),
        likely=share(t.held for t in found),
        width=quantile(widths, 0.5) if widths else float("nan"),
        hard=share(t.certain for t in found),
        unresolved=share(t.energy.joules is None for t in found),
        warned=share("aliasing" in t.energy.warning for t in found),
    )


def table(board: Board, rows: Sequence[Row]) -> Iterator[str]:
    """One board's rows as Markdown."""
    yield f"\n### No counter; power, {board.name}\n"
    yield "| load | s | error p95 | likely holds | ± | certain holds | only ≤ | aliasing warning |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for r in rows:
        bound = dict(zip(LENGTHS, board.bounds, strict=False)).get(r.seconds, float("inf"))
        mark = " **!**" if r.load in PROMISED and r.p95 > bound else ""
        yield (
            f"| {r.load} | {r.seconds:g} | {r.p95:.2g} %{mark} | {r.likely:.0f} % | {r.width:.2g} % | {r.hard:.0f} % "
            f"| {r.unresolved:.0f} % | {r.warned:.0f} % |"
        )


def _row(job: tuple[Board, str, float, int]) -> Row:
    board, load, seconds, count = job
    return row(load, seconds, list(trials(board, load, seconds, count)))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    print_tables(argv, __doc__, BOARDS, _row, table)


if __name__ == "__main__":
    main()

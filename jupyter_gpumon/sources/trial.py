"""A trial of one board at rest: how its counter ticks, whether it agrees with power, and whether it minds being read.

A few seconds of reads, one at a time, so that whoever else needs the driver gets it between any two of them:

1. Power alone. Where it is not steady there is nothing to compare, and the trial is given up.
2. The counter, read densely until a dozen updates are seen: period, phase, jitter.
3. The counter, polled as often as it ever is while cells are measured.
4. The counter, left alone between two reads; and once more a few updates, far from the first: that tells the period.

Power is read all along, which costs microseconds and does not touch the counter.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Generator, Iterator

from ..model import Device
from . import Power
from .edges import MOST_READS, SEARCH_SHARE, Look
from .verdict import CONTINUOUS, Bracket, Findings, Grid, Growth, grid_of, holds, refined, sharp_ones, spacing, steady

QUIET = 0.6
"""Seconds in which power alone is watched at first."""
DENSE, PACE = 0.01, 0.025
"""Seconds between readings of power: while its own updates are looked for, and later."""
SEARCH = 1.0
"""Seconds for which updates are looked for at least,"""
SEARCH_LIMIT = 6.0
"""and at most: a counter that was not updated in that time stands still."""
ENOUGH = 12
"""Updates, known well, after which the search may end."""
AGAIN = 4
"""Updates that are looked for at the end; the first of them is vague."""
STRETCH = 1.6
"""Seconds for which the counter is polled, and then left alone; three periods at least."""

UNSTEADY = "its power was not steady, so that there was nothing to compare the counter with"
SILENT = "it stopped answering"


class Trial:
    """One trial, driven from outside: when ``due`` has come, ``poll`` makes the next read.

    Args:
        device: the board.
        look: reads its counter, as ``EdgeWatch.look`` does.
        power: reads its power.
        mono: the monotonic clock.
    """

    def __init__(
        self, device: Device, look: Callable[[], Look], power: Callable[[], Power | None], mono: Callable[[], float]
    ) -> None:
        self.device = device
        self.findings: Findings | None = None
        """What it saw, once it is over; None where it was given up."""
        self.why = ""
        """Why it was given up."""
        self.over = False
        self._look, self._power, self._mono = look, power, mono
        self._kind: str | None = None
        self._readings: list[tuple[float, float]] = []
        self._changes: list[Bracket] = []
        self._edges: list[Bracket] = []
        self._steps = self._run()
        self.due = mono()

    def poll(self) -> None:
        """Make the read that is due."""
        try:
            self.due = next(self._steps)
        except StopIteration:
            self.over, self.due = True, math.inf

    def _run(self) -> Iterator[float]:
        """The whole trial; yields when to go on."""
        yield from self._wait(self._mono() + QUIET, DENSE)
        if not steady(self._readings):
            self.why = UNSTEADY
        elif "energy" in self.device.absent:
            self.findings = Findings(self._kind, self._updates(), False, None, None, None)
        else:
            yield from self._try_counter()

    def _try_counter(self) -> Iterator[float]:
        self._counter()  # What it shows first spans the time before the trial.
        self._edges.clear()
        yield from self._search(ENOUGH, SEARCH)
        grid, update = grid_of(self._edges), self._updates()
        polled = yield from self._polled(grid)
        yield from self._wait(self._mono() + (2 * grid.period if grid else 0.2))
        alone = yield from self._alone(grid)
        yield from self._search(AGAIN if grid else 0, 0.0)
        grid = refined(grid, self._edges) if grid else None
        if grid is not None and not holds(grid, self._edges):
            grid = None  # Reads came too late too often to tell the period; growth over seconds is told all the same.
        growths = [self._growth(grid, *looks) for looks in (alone, polled)]
        if None in growths:
            self.why = SILENT
        elif not steady(self._readings):
            self.why = UNSTEADY
        else:
            self.findings = Findings(self._kind, update, True, grid, *growths)

    def _wait(self, until: float, pace: float = PACE) -> Iterator[float]:
        """Let time pass, reading power."""
        while (now := self._mono()) < until:
            self._read_power()
            yield min(until, now + pace)

    def _read_power(self) -> None:
        before, told = self._mono(), self._power()
        if told is None:
            return
        if self._readings and told.watts != self._readings[-1][1]:
            self._changes.append(Bracket(self._readings[-1][0], self._mono()))
        self._kind = told.kind
        self._readings.append((before, told.watts))

    def _counter(self) -> Look:
        """One read of the counter; an update that it shows is noted."""
        look = self._look()
        if look.edge is not None:
            self._edges.append(Bracket(look.edge.since, look.edge.mono, look.edge.joules))
        return look

    def _search(self, enough: int, least: float) -> Iterator[float]:
        """Read densely until so many more updates are known well, for so many seconds at least."""
        began, first, uneven = self._mono(), len(self._edges), 0.5
        while (now := self._mono()) < began + SEARCH_LIMIT and (now < began + least or self._seen(first) < enough):
            look = self._counter()
            self._read_power()
            pause = max(0.004, (look.after - look.before) * (1 / SEARCH_SHARE - 1))
            # Evenly spread from 0.8 to 1.2: reads at a rhythm of their own would be taken for the counter's.
            uneven = (uneven + 0.618033988749895) % 1
            yield self._mono() + pause * (0.8 + 0.4 * uneven)

    def _seen(self, first: int) -> int:
        """How many updates since that one are known well enough; of a counter that always moves, all."""
        found = self._edges[first:]
        gap = spacing(found)
        return len(found) if gap < CONTINUOUS else len(sharp_ones(found, gap))

    def _polled(self, grid: Grid | None) -> Generator[float, None, tuple[Look, Look]]:
        """The first and last read of a stretch in which it is read as often as it ever is."""
        start = yield from self._surely(grid)
        end = start.after + self._stretch(grid)
        while self._mono() < end:
            yield from self._wait(self._mono() + 1 / MOST_READS)
            self._counter()
        return start, (yield from self._surely(grid))

    def _alone(self, grid: Grid | None) -> Generator[float, None, tuple[Look, Look]]:
        """Two reads, and none between."""
        start = yield from self._surely(grid)
        yield from self._wait(start.after + self._stretch(grid))
        return start, (yield from self._surely(grid))

    def _surely(self, grid: Grid | None) -> Generator[float, None, Look]:
        """A read that is far from every update; one that came late, since the driver was busy, does not count."""
        while True:
            yield from self._wait(grid.middle(self._mono() + 0.002) if grid else self._mono())
            look = self._counter()
            if grid is None or look.joules is None or grid.is_clear((look.before + look.after) / 2):
                return look

    def _stretch(self, grid: Grid | None) -> float:
        return max(STRETCH, 3 * grid.period if grid else 0.0)

    def _growth(self, grid: Grid | None, start: Look, end: Look) -> Growth | None:
        if start.joules is None or end.joules is None:
            return None
        moments = [(look.before + look.after) / 2 for look in (start, end)]
        since, until = [grid.before(moment) for moment in moments] if grid else moments
        watts = [watts for mono, watts in self._readings if since <= mono <= until]
        return Growth(since, until, end.joules - start.joules, statistics.fmean(watts) if watts else None)

    def _updates(self) -> float | None:
        """Seconds between updates of the power reading; None where it did not change often enough to tell."""
        grid = grid_of(self._changes)
        return grid.period if grid else None

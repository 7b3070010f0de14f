"""One device's energy counter as the ledger keeps it: its updates, when they were, and its energy at any moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from ..model import Edge, Sensor
from . import pulse as pulses
from .curve import NOISE, Level, Marks, Near, Span, beside, solve, surround
from .phase import QUIET, ROUNDING, Timed, brackets, find_period, longest_quiet, place, refine
from .tempo import Tempo

KEPT = 600.0
"""Seconds of edges kept per device."""
MOST = 20_000
"""Edges kept per device, whatever their rate."""
BEFORE, AFTER = 20, 6
"""Edges before and after one from which its time is worked out."""
NEAR = 5
"""Edges before those wanted that help to tell their beats."""
SETTLED = 4
"""With so many later edges a time is final."""
_ATTEMPTS = frozenset({6, 8, 10, 12, 16, 20, 24, 32, 48})
RARELY = 64
"""After so many more edges the period is looked for again."""
NARROW = 0.05
"""Seconds within which an update must be known for a level of 1 s to begin or end with it."""
LEVEL, LONG_LEVEL = 1.0, 3.0
"""Seconds over which a level of power is taken: between two narrow edges, and else."""
LEVELS = 600
"""Idle levels kept: ten minutes of time without work."""
STRETCH = 4
"""Intervals over which the lowest power is taken where there are no levels yet."""
FEW = 3
"""Idle levels that are needed to say what idle is."""
UNKNOWN_DELAY = 0.05
"""Seconds by which a counter is taken to be late at most, for what is said for certain, until a trial tells."""
LIKELY_DELAY = 0.4
"""Share of its period by which a counter may be late, for what is said to be likely, until a trial tells."""
DELAY_DOUBT = 0.1
"""Share of a delay by which the trial that told it may be wrong,"""
LEAST_DOUBT = 0.002
"""and seconds."""


class Solved(NamedTuple):
    """A span that was told as final and stays as it is; ``first`` and ``last`` are its edges' ``mono``."""

    first: float
    last: float
    span: Span


class Account:
    """The edges of one device, oldest first; a counter that falls back begins a new epoch."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.edges: list[Edge] = []
        self.monos: list[float] = []
        self.epochs: list[int] = []
        self.period: float | None = None
        self.limit: float | None = None
        self.model: str | None = None
        self.lowest = float("inf")
        """Least power of a level so far."""
        self.seen = 0
        """Levels so far."""
        self.delay = 0.0
        self._late, self._told = (0.0, UNKNOWN_DELAY), False
        """By how much it may be late, and whether a trial has told the delay."""
        self._hint: float | None = None
        self._tempo: Tempo | None = None
        self._jitter: float | None = None
        self._unrest = 0.0
        """Jitter as the counter's own growth tells it; counts where no trial has told one."""
        self._times: list[Timed | None] = []
        self._fresh: dict[int, Timed] = {}
        self._solved: list[Solved] = []
        self._levels: deque[tuple[float, float, float]] = deque(maxlen=LEVELS)
        """(since, until, watts) of time outside of windows."""
        self._idle: Level | None = None
        self._mark: Edge | None = None
        self._heard = 0

    def meet(self, model: str, limit: float | None, sensor: Sensor | None) -> None:
        """Take what is known about the board."""
        self.model, self.limit = model, limit
        self._hint, self._jitter = (sensor.period, sensor.jitter) if sensor else (None, None)
        if self._hint != (self._tempo and self._tempo.told):
            self._tempo = Tempo(self._hint) if self._hint else None
        delay = sensor.delay if sensor else None
        doubt = LEAST_DOUBT + DELAY_DOUBT * (delay or 0.0)
        late = (0.0, UNKNOWN_DELAY) if delay is None else (max(0.0, delay - doubt), delay + doubt)
        if late != self._late:
            self.delay, self._late, self._told = delay or 0.0, late, delay is not None
            self._forget_times()

    def add(self, edge: Edge) -> None:
        """Take one edge; one that is not newer than the last is not taken."""
        last = self.edges[-1] if self.edges else None
        if last is not None and edge.mono <= last.mono:
            return
        fell = last is not None and edge.joules < last.joules
        self.epochs.append((self.epochs[-1] if self.epochs else 0) + fell)
        self.edges.append(edge)
        self.monos.append(edge.mono)
        self._times.append(None)
        self._fresh.clear()
        self._heard += 1
        self._take_level(edge, fell)
        self._prune()

    def _take_level(self, edge: Edge, fell: bool) -> None:
        mark, narrow = self._mark, edge.mono - edge.since < NARROW
        if mark is None or fell:
            self._mark = edge
            return
        seconds, sharp = edge.mono - mark.mono, mark.mono - mark.since < NARROW
        if seconds >= (LEVEL if narrow and sharp else LONG_LEVEL):
            watts = (edge.joules - mark.joules) / seconds
            self.lowest, self.seen = min(self.lowest, watts), self.seen + 1
            if not self.marks.within(mark.mono, edge.mono):
                self._levels.append((mark.mono, edge.mono, watts))
                self._idle = None
            self._mark = edge
        elif narrow and not sharp:
            self._mark = edge

    def work(self, start: float, end: float) -> None:
        """A window was opened or closed: power in it is not idle."""
        kept = []
        while self._levels and self._levels[-1][1] > start:
            level = self._levels.pop()
            if level[0] >= end:
                kept.append(level)
            else:
                self._idle = None
        self._levels.extend(reversed(kept))

    @property
    def idle(self) -> Level | None:
        """The power without work: the 10th percentile of what was seen outside of windows; None where too little."""
        if self._idle is None and len(self._levels) >= FEW:
            watts = sorted(level[2] for level in self._levels)
            tenth, middle = watts[len(watts) // 10], watts[len(watts) // 2]
            self._idle = Level(tenth, 1.0 + 0.05 * tenth + min(middle - tenth, 0.3 * tenth))
        return self._idle

    def look_for_period(self, hints: Callable[[], Iterable[float]]) -> None:
        """Now and then look whether the period is still what it was; else find it, also by what other boards have."""
        if self._heard not in _ATTEMPTS and self._heard % RARELY:
            return
        newest, before = self.edges[-BEFORE:], self.period
        if self._tempo and (pulse := pulses.listen(newest, self._tempo.period, self.jitter)):
            self.period = self._tempo.learn(pulse)  # begins with a trial, which knows better than what few reads tell
        elif self.period and (found := refine(newest, self.period)):
            self.period = found
        else:
            quiet = longest_quiet(self.edges[-RARELY:])
            counts = (24, 12, 6) if self._heard % RARELY else (RARELY, 24)
            siblings = (refine(newest, hint) for hint in hints() if quiet > QUIET / 2 * hint)
            tries = chain(siblings, (find_period(self.edges[-count:], quiet) for count in counts))
            self.period = next((period for period in tries if period is not None), self.period)
        if before is None and self.period is not None:
            self._forget_times()
        if self.period and self._jitter is None:
            seen = pulses.unrest(self._place(newest), self.period)
            self._unrest = self._unrest if seen is None else seen

    @property
    def jitter(self) -> float:
        """Seconds by which updates come early or late (standard deviation), as far as that is more than rounding."""
        if self._jitter is not None:
            return self._jitter
        return self._unrest if self._unrest > 2 * ROUNDING else 0.0

    def _forget_times(self) -> None:
        """Work all times out anew but those that were used for what is final."""
        used = bisect_right(self.monos, self._solved[-1].last) if self._solved else 0
        self._times[used:] = [None] * (len(self._times) - used)
        self._fresh.clear()

    def timed(self, i: int) -> Timed:
        """When edge ``i`` was, without the counter's delay."""
        found = self._times[i] or self._fresh.get(i)
        if found is None:
            self._fit(i)
            found = self._times[i] or self._fresh[i]
        return found

    def _fit(self, i: int) -> None:
        """Lay a grid through the edges round this one, within its epoch; keep the times of those nearby."""
        epoch = self.epochs[i]
        first = max(0, i - BEFORE, bisect_left(self.epochs, epoch))
        last = min(len(self.edges), i + AFTER, bisect_right(self.epochs, epoch))
        wanted = max(first, i - AFTER - NEAR)
        for n, found in enumerate(self._place(self.edges[first:last], wanted - first), wanted):
            if self._times[n] is None and n > i - AFTER:
                timed = self._dated_back(found)
                if n < len(self.edges) - SETTLED:
                    self._times[n] = timed
                else:
                    self._fresh[n] = timed

    def _dated_back(self, shown: Timed) -> Timed:
        """When the counter was right, of when it showed it. As long as its delay is not known, it may have been late.

        All updates are late alike; so what that leaves open is no doubt about the power between them.
        """
        if self._told:
            late = self.delay
            return Timed(shown.time - late, shown.low - late, shown.high - late, shown.joules, shown.own)
        most = min(UNKNOWN_DELAY, LIKELY_DELAY * (self.period or UNKNOWN_DELAY))
        return Timed(shown.time, shown.low - most, shown.high, shown.joules, shown.off)

    def _place(self, edges: Sequence[Edge], since: int = 0) -> list[Timed]:
        """The times of these edges, from number ``since`` on."""
        pulse = pulses.listen(edges, self.period, self.jitter) if self.period else None
        if pulse is not None:
            return pulses.place(edges, self._tempo.narrowed(pulse) if self._tempo else pulse, since)
        if self.period is None and self._hint and longest_quiet(edges) < self._hint:
            return brackets(edges, self._hint)[since:]  # too few to tell its beats; but none is older than one period
        return place(edges, self.period)[since:]

    def bracket(self, i: int) -> Timed:
        """Edge ``i`` with all that is certain of its time."""
        edge, (least, most) = self.edges[i], self._late
        return Timed(edge.mono - self.delay, edge.since - most, edge.mono - least, edge.joules)

    def index(self, time: float) -> int:
        """The last edge at or before that moment, -1 where there is none."""
        i = bisect_right(self.monos, time + self.delay) - 1
        while i >= 0 and self.timed(i).time > time:
            i -= 1
        while i + 1 < len(self.edges) and self.timed(i + 1).time <= time:
            i += 1
        return i

    def span(self, time: float) -> tuple[Solved | None, bool]:
        """The span round a moment, and whether it was final before; None where it is not known, as yet or for ever."""
        after = bisect_right(self._solved, time, key=lambda one: one.span.times[0])
        before = self._solved[after - 1] if after else None
        if before is not None and time <= before.span.times[-1]:
            return before, True
        i = self.index(time)
        if i < 0 or i + 1 >= len(self.edges):
            return None, False
        low = bisect_left(self.monos, before.last) if before else 0
        high = bisect_left(self.monos, self._solved[after].first) if after < len(self._solved) else len(self.edges) - 1
        near = self._near(i)
        found = surround(near, max(i, low), low, high)
        span = solve(near, *found) if found else None
        return (Solved(self.monos[found[0]], self.monos[found[1]], span), False) if found and span else (None, False)

    def _near(self, i: int) -> Near:
        """What a span round edge ``i`` is solved from."""
        epoch = self.epochs[i]

        def edge(n: int) -> Timed | None:
            return self.timed(n) if 0 <= n < len(self.edges) and self.epochs[n] == epoch else None

        return Near(edge, self.marks, self.idle or self._least_near(i))

    def _least_near(self, i: int) -> Level:
        """The lowest power round edge ``i``, or of any second, while nobody knows better what idle is."""
        near = range(max(0, i - BEFORE), min(len(self.edges) - STRETCH, i + AFTER))
        pairs = [(self.edges[n], self.edges[n + STRETCH]) for n in near if self.epochs[n] == self.epochs[n + STRETCH]]
        watts = min([(b.joules - a.joules) / (b.mono - a.mono) for a, b in pairs], default=0.0)
        watts = min(watts, self.lowest)
        return Level(watts, 0.3 * watts + NOISE)

    @property
    def delay_doubt(self) -> float:
        """Seconds by which a delay that was told may be wrong; 0 where none was."""
        return LEAST_DOUBT + DELAY_DOUBT * self.delay if self.delay else 0.0

    def together(self, solved: Solved) -> float:
        """Seconds by which all edges round this span may be off together."""
        return self.delay_doubt + self.timed(bisect_left(self.monos, solved.first)).shared

    def level_before(self, i: int) -> Level:
        """The power as it was last before edge ``i``, inside or outside of windows."""
        near, since = self._near(i), self.timed(max(i - 1, 0)).time
        until = self.timed(i).time
        return beside(near, i, -1, self.marks.within(since, until), until) or near.idle

    def settled(self, end: float) -> bool:
        """Whether the update after a window's end has come, and the one after it, which tells the power between."""
        i = bisect_left(self.monos, end + self.delay)
        return any(self.timed(n).low >= end for n in range(i, min(i + 4, len(self.edges) - 1)))

    def keeps(self, solved: Solved) -> bool:
        """Whether this span is final already."""
        after = bisect_right(self._solved, solved.span.times[0], key=lambda one: one.span.times[0])
        return after > 0 and self._solved[after - 1] is solved

    def freeze(self, solved: Solved) -> None:
        """What follows from this span was told as final: keep it, and the times of its edges."""
        first, last = bisect_left(self.monos, solved.first), bisect_left(self.monos, solved.last)
        for i in range(first, min(last + 1, len(self.edges))):
            self._times[i] = self.timed(i)
        insort(self._solved, solved, key=lambda one: one.span.times[0])

    def _prune(self) -> None:
        if len(self.edges) > MOST or self.monos[0] < self.monos[-1] - 1.2 * KEPT:
            old = max(bisect_left(self.monos, self.monos[-1] - KEPT), len(self.edges) - MOST + MOST // 8)
            del self.edges[:old], self.monos[:old], self.epochs[:old], self._times[:old]
            self._fresh.clear()
            self._solved = [one for one in self._solved if one.first >= self.monos[0]]

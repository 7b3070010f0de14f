"""A device's energy over time, as an energy counter's updates and the windows of its user tell it.

At an update the counter is right; between two updates it is not known how its growth was spread. Where nothing began or
ended in between, a straight line will do. Where a window did, the growth is divided at its ends: what lies outside of
windows has the power found outside next to it, what lies inside has the power found inside, and what then is left over
goes to the part whose power is known least. So the parts of neighbouring windows, and of the idle time between them,
always add up to what the counter grew by.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .phase import Timed

GRAIN = 2.0**20
"""Energies are multiples of 1/GRAIN joules: sums and differences of such numbers are exact."""
STEADY = 0.15
"""Two neighbouring intervals whose power differs by less are one level."""
NOISE = 0.7
"""Watts by which a level may be off in any case (standard deviation)."""
LOOSE, HELD = 1.0, 0.3
"""Share of its power by which a load may be another in the next interval; and where it held for two, beside another."""
LEAST = 0.5
"""Share of idle power below which no part falls."""
VAGUE = 4.0
"""How many times less well than the next an update's time is known, for the next one to be taken instead."""
WIDEST = 8
"""Updates that are taken together at most where none of them is clear of a window's begin or end."""


Power = tuple[float, float, float]
"""Watts of a time between two updates, its middle, and by how much they may be off."""


class Level(NamedTuple):
    """A power in watts and by how much it may be off (standard deviation)."""

    watts: float
    off: float


class Span(NamedTuple):
    """The time between two updates that are clear of all windows' ends: energy at its cuts, joules of the counter."""

    times: tuple[float, ...]
    joules: tuple[float, ...]
    weights: tuple[float, ...]
    """Variance of each part between two cuts as it was foreseen, joules squared."""
    levels: tuple[float, float]
    """Power just after its first and just before its last update."""

    def energy(self, time: float) -> float:
        """The counter at that moment, which lies in the span."""
        i = min(max(bisect_right(self.times, time) - 1, 0), len(self.times) - 2)
        (t0, t1), (e0, e1) = self.times[i : i + 2], self.joules[i : i + 2]
        return e0 + (e1 - e0) * min(max((time - t0) / (t1 - t0), 0.0), 1.0) if t1 > t0 else e1

    def variance(self, since: float, until: float) -> float:
        """Of the energy between two moments, in joules squared; the whole is known, so its parts share their errors."""
        inside = outside = 0.0
        for (t0, t1), weight in zip(pairwise(self.times), self.weights, strict=True):
            part = (min(t1, until) - max(t0, since)) / (t1 - t0) if t1 > t0 else 0.0
            part = min(max(part, 0.0), 1.0)
            inside += part * weight
            outside += (1 - part) * weight
        return inside * outside / (inside + outside) if inside + outside > 0 else 0.0


def grain(joules: float) -> float:
    """Rounded so that sums are exact."""
    return round(joules * GRAIN) / GRAIN


class Marks:
    """The moments at which windows begin or end, and the time that lies within any of them."""

    def __init__(self) -> None:
        self._cuts: list[float] = []
        self._begins: list[float] = []
        self._windows: list[tuple[float, float]] = []
        self._union: list[tuple[float, float]] = []
        self._indexed = True
        """Whether the lists above are of these windows: they are made when asked for, not while a cell waits."""

    def add(self, start: float, end: float) -> bool:
        """Take a window, whose end may be infinite as yet; False where it was known."""
        i = bisect_left(self._windows, (start, -math.inf))
        while i < len(self._windows) and self._windows[i][0] == start:
            if self._windows[i][1] == end:
                return False
            if self._windows[i][1] == math.inf:
                del self._windows[i]
                break
            i += 1
        self._windows.insert(bisect_left(self._windows, (start, end)), (start, end))
        self._indexed = False
        return True

    def forget(self, before: float) -> None:
        """Forget the windows that ended before that."""
        if self._windows and self._windows[0][1] < before:
            self._windows = [window for window in self._windows if window[1] >= before]
            self._indexed = False

    def _index(self) -> None:
        """The cuts, and the windows that touch as one."""
        if self._indexed:
            return
        self._indexed = True
        self._cuts = sorted({t for window in self._windows for t in window if t < math.inf})
        self._union = []
        for start, end in self._windows:
            if self._union and start <= self._union[-1][1]:
                self._union[-1] = (self._union[-1][0], max(end, self._union[-1][1]))
            else:
                self._union.append((start, end))
        self._begins = [start for start, _ in self._union]

    def between(self, since: float, until: float) -> list[float]:
        """The cuts after the one and before the other moment."""
        self._index()
        return self._cuts[bisect_right(self._cuts, since) : bisect_left(self._cuts, until)]

    def within(self, since: float, until: float) -> bool:
        """Whether some of this time belongs to a window."""
        self._index()
        i = bisect_left(self._begins, until) - 1
        return i >= 0 and self._union[i][1] > since


class Near(NamedTuple):
    """What a span is solved from: its updates' times, all cuts, and the levels that are known."""

    edge: Callable[[int], Timed | None]
    """The update of this number; None beyond the first and last, and where the counter began anew."""
    marks: Marks
    idle: Level


def surround(near: Near, i: int, low: int, high: int) -> tuple[int, int] | None:
    """The updates next to update ``i`` and the one after it, from ``low`` to ``high``, that are clear of every cut.

    None where there is none on one side, as yet or for ever.
    """
    first, last = i, i + 1
    while last - first < WIDEST:
        a, b = near.edge(first), near.edge(last)
        if a is None or b is None:
            return None
        if first > low and _unfit(near, a, near.edge(first - 1)):
            first -= 1
        elif last < high and _unfit(near, b, near.edge(last + 1)):
            last += 1
        else:
            break
    return first, last


def _unfit(near: Near, edge: Timed, next_one: Timed | None) -> bool:
    """Whether a cut may be on either side of an edge, or the edge next to it is far better known."""
    if next_one is None:
        return False
    vague = edge.high - edge.low > VAGUE * (next_one.high - next_one.low)
    return vague or bool(near.marks.between(edge.low, edge.high))


def solve(near: Near, first: int, last: int) -> Span | None:
    """Spread the counter's growth between two updates over the parts between the cuts."""
    a, b = near.edge(first), near.edge(last)
    if a is None or b is None:
        return None
    cuts = near.marks.between(a.time, b.time)
    times = (a.time, *cuts, b.time)
    if not cuts:
        watts = (b.joules - a.joules) / max(b.time - a.time, 1e-6)
        whole = (watts * (b.time - a.time) * LOOSE) ** 2
        return Span(times, (grain(a.joules), grain(b.joules)), (whole,), (watts, watts))
    levels = _levels(near, first, last, times, b.joules - a.joules)
    seconds = [until - since for since, until in pairwise(times)]
    foreseen = [level.watts * each for level, each in zip(levels, seconds, strict=True)]
    weights = [(level.off * each) ** 2 + 1e-9 for level, each in zip(levels, seconds, strict=True)]
    # The first and last part are as uncertain as the times of the updates are.
    least = near.idle.watts  # a power that lies below was told by vague times itself
    weights[0] += (max(levels[0].watts, least) * a.off) ** 2
    weights[-1] += (max(levels[-1].watts, least) * b.off) ** 2
    parts = _settled(foreseen, weights, b.joules - a.joules, [LEAST * near.idle.watts * each for each in seconds])
    joules, total = [grain(a.joules)], a.joules
    for part in parts[:-1]:
        total += part
        joules.append(grain(total))
    return Span(times, (*joules, grain(b.joules)), tuple(weights), (levels[0].watts, levels[-1].watts))


def _settled(foreseen: Sequence[float], weights: Sequence[float], whole: float, idle: Sequence[float]) -> list[float]:
    """The parts nearest to what was foreseen that add up to the whole, none of them far below idle or foreseen."""
    least = [min(part / 3, floor) for part, floor in zip(foreseen, idle, strict=True)]
    if sum(least) >= whole:
        return (
            [whole * part / sum(foreseen) for part in foreseen]
            if sum(foreseen) > 0
            else [whole / len(least)] * len(least)
        )
    free = list(range(len(foreseen)))
    parts = list(foreseen)
    for _ in foreseen:
        left = whole - sum(parts[i] for i in range(len(parts)) if i not in free) - sum(foreseen[i] for i in free)
        scale = left / sum(weights[i] for i in free)
        low = [i for i in free if foreseen[i] + scale * weights[i] < least[i]]
        for i in free:
            parts[i] = least[i] if i in low else foreseen[i] + scale * weights[i]
        free = [i for i in free if i not in low]
        if not low or not free:
            break
    return parts


def _levels(near: Near, first: int, last: int, times: Sequence[float], whole: float) -> list[Level]:
    """The power foreseen for each part; where nothing tells, what is left over, evenly."""
    parts = list(pairwise(times))
    inside = [near.marks.within(since, until) for since, until in parts]
    known = [None if load else near.idle for load in inside]
    known[0] = beside(near, first, -1, inside[0], sum(parts[0]) / 2) or known[0]
    known[-1] = beside(near, last, 1, inside[-1], sum(parts[-1]) / 2) or known[-1]
    if not inside[-1] and known[-1] is not None:
        known[-1] = _at_most(known[-1], near.edge(last - 1), near.edge(last), times[-2])
    rest = sum(until - since for (since, until), level in zip(parts, known, strict=True) if level is None)
    told = sum(level.watts * (until - since) for (since, until), level in zip(parts, known, strict=True) if level)
    even = max((whole - told) / max(rest, 1e-6), near.idle.watts)
    levels = [level or Level(even, max(even, 100.0)) for level in known]
    if sum(inside) > 1:
        return levels
    # Beside idle power alone, a load need not be known: so it is not trusted to be what it was.
    return [
        Level(p, max(off, LOOSE * p)) if load else Level(p, off) for (p, off), load in zip(levels, inside, strict=True)
    ]


def _at_most(level: Level, before: Timed | None, after: Timed | None, cut: float) -> Level:
    """The level after a cut; at most what was drawn between two updates that were both shown after it.

    The first of them may have shown too little as yet, where the counter is late, but never too much.
    """
    if before is None or after is None or not cut < before.time < after.time:
        return level
    seconds = after.time - before.time
    watts = (after.joules - before.joules) / seconds
    return level if watts >= level.watts else Level(watts, watts * math.hypot(before.off, after.off) / seconds + NOISE)


def beside(near: Near, i: int, step: int, inside: bool, middle: float) -> Level | None:
    """The level next to update ``i``, before (step -1) or after it (1), as far as it is of the same kind.

    Args:
        near: the updates.
        i: the one from which to look.
        step: where to look.
        inside: whether the level within a window is wanted, or that outside.
        middle: of the time for which it is wanted.
    """
    nearest, next_one = _power(near, i, step, 0), _power(near, i, step, 1)
    if nearest is None:
        return None
    if inside:
        differ = LOOSE * nearest[0] if next_one is None else abs(nearest[0] - next_one[0])
        return Level(nearest[0], max(HELD * nearest[0], differ, 3 * NOISE))
    if next_one is None:
        (watts, _, off), idle = nearest, near.idle
        at_rest = watts - idle.watts <= STEADY * watts + off  # below what is taken for idle it is idle all the more
        return Level(watts, off + 0.05 * watts) if at_rest else idle
    return _outside(near.idle, nearest, next_one, middle)


def _outside(idle: Level, nearest: Power, next_one: Power, middle: float) -> Level:
    """Of two powers that differ little the mean goes on, or the slope where there clearly is one.

    Of two that differ much the nearer holds the begin or end of somebody else's load; outside of that it is idle.
    """
    (watts, time, off), (far, far_time, far_off) = nearest, next_one
    differ, doubt = abs(watts - far), math.hypot(off, far_off)
    if differ > STEADY * max(watts, far) + off + far_off:
        if watts <= idle.watts:  # so idle it is: what was taken for that had a load in it
            return Level(watts, off + 0.05 * watts + NOISE)
        return Level(idle.watts, max(idle.off, abs(watts - idle.watts) / 2))
    flat, sloped = (watts + far) / 2, watts + (watts - far) / (time - far_time) * (middle - time)
    trend = differ**2 / (differ**2 + (3 * doubt + 2 * NOISE) ** 2)  # noise and vague times feign slopes, too
    return Level(max(flat + trend * (sloped - flat), watts / 2), doubt / 2 + NOISE + differ / 3)


def _power(near: Near, i: int, step: int, n: int) -> Power | None:
    """Power of the n-th interval beside update ``i``, its middle, and by how much it may be off.

    None where a window begins or ends in it.
    """
    near_edge, far_edge = near.edge(i + step * n), near.edge(i + step * (n + 1))
    if near_edge is None or far_edge is None:
        return None
    a, b = (far_edge, near_edge) if step < 0 else (near_edge, far_edge)
    if near.marks.between(a.low, b.high) or b.time <= a.time:
        return None
    watts = (b.joules - a.joules) / (b.time - a.time)
    off = watts * math.hypot(a.off, b.off) / (b.time - a.time)
    return watts, (a.time + b.time) / 2, off

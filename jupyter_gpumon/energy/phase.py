"""When an energy counter was really updated: its period and phase, from reads that only bracket each update.

An edge says: at ``since`` the counter still had its old value, at ``mono`` it had the new one. If updates come on a
grid ``phase + n * period``, every edge is a pair of linear constraints on these two numbers; the fit is the point with
the most slack. Where the updates jitter, the slack is negative, and its size is how far the grid is off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ..model import Edge

CROWDED = 0.25
"""Share of a period by which brackets may miss the grid; beyond, there is no grid."""
EARLY = 0.15
"""Share of a period by which jitter may bring an update forward."""
FEWEST = 5
"""Edges in a row that are needed to tell a period."""
QUIET = 0.5
"""Share of the period that must surely have been without an update for it to be told."""
CLEAR = 0.8
"""Share of the period that is surely without an update where a somewhat shorter period need not be feared."""
WANDER = 0.03
"""Share by which a period that was found may differ from the true one."""
ROUNDING = 1e-3
"""Seconds to which updates are never known better: a board's own clock wanders, too."""


UNIFORM = 1 / math.sqrt(12)
"""Standard deviation of what may be anywhere in an interval, by the interval's length."""
JITTERS = (0.001, 0.006)
"""Seconds by which updates may be off a regular grid, as tried one after the other."""
MANY = 20
"""Edges from which the longest of several possible periods may be taken."""
MOST_TRIED = 500
"""Periods tried at most in one search."""


class Timed(NamedTuple):
    """An edge whose time has been worked out: at ``time``, surely between ``low`` and ``high``."""

    time: float
    low: float
    high: float
    joules: float
    own: float | None = None
    """By how many seconds it is off alone (standard deviation), beside what its neighbours are off, too. None: all."""

    @property
    def off(self) -> float:
        """Seconds by which it is off against its neighbours (standard deviation).

        Near one end of what is possible it may as well be at the other: it was one of two updates.
        """
        far = max(self.time - self.low, self.high - self.time)
        return max((self.high - self.low) * UNIFORM, far / 2) if self.own is None else self.own

    @property
    def shared(self) -> float:
        """Seconds by which it and its neighbours may be off together."""
        return 0.0 if self.own is None else max(0.0, (self.high - self.low) / 2 - 2 * self.own)


def find_period(edges: Sequence[Edge], quiet: float | None = None) -> float | None:
    """Seconds between updates; None where the edges allow more than one answer, or none.

    Reads that come less often than updates find a new value every time, and would do for any fraction of the period.
    Reads that come more often find the old value at times: between one edge's ``mono`` and the next one's ``since`` was
    no update, so the period is longer. It is shorter than any stretch that holds as many updates.

    Args:
        edges: some in a row, oldest first.
        quiet: the longest stretch surely without an update; None is that between these edges.
    """
    if len(edges) < FEWEST:
        return None
    shortest = longest_quiet(edges) if quiet is None else quiet
    longest = min((b.mono - a.since) / n for i, a in enumerate(edges) for n, b in enumerate(edges[i + 1 :], 1))
    if shortest < longest * QUIET:
        return None
    for jitter in JITTERS:  # updates that jitter are looked for only where none are regular
        possible = _possible(edges, shortest - 2 * jitter, longest + 2 * jitter, jitter)
        if possible:
            return _settled(possible, shortest if len(edges) >= MANY else 0.0)
    return None


def _settled(possible: list[float], quiet: float) -> float | None:
    """The only period that is possible, or the longest, beside which a shorter one would need updates in hiding."""
    longest = possible[-1]
    near = [period for period in possible if period > longest * (1 - 1.5 * WANDER)]
    if near[0] < longest * (1 - WANDER) or (len(near) < len(possible) and quiet < CLEAR * longest):
        return None
    return (near[0] + longest) / 2


def _possible(edges: Sequence[Edge], shortest: float, longest: float, jitter: float) -> list[float]:
    """The periods in this range at which some phase has an update in every bracket and none between two of them."""
    spans = [(e.since - jitter, e.mono + jitter) for e in edges if e.mono - e.since + 2 * jitter < longest]
    stretches = [(a.mono + jitter, b.since - jitter) for a, b in pairwise(edges) if b.since - a.mono > 2 * jitter]
    if not spans:
        return []
    spans.sort(key=lambda span: span[1] - span[0])  # the sharpest first: most periods fail soon
    reach = max(max(abs(t - spans[0][0]) for t in span) for span in [*spans, *stretches])
    step = max(1 + 2 * jitter / reach, (longest / shortest) ** (1 / MOST_TRIED))
    tries = (shortest * step**n for n in range(int(math.log(longest / shortest) / math.log(step)) + 1))
    return [period for period in tries if _fits(period, spans, stretches)]


def _fits(period: float, spans: Sequence[tuple[float, float]], stretches: Sequence[tuple[float, float]]) -> bool:
    """Whether updates of this period can have one in each of the spans and none in the stretches."""
    origin = spans[0][0]
    left = [(0.0, min(period, spans[0][1] - origin))]
    for low, high in spans[1:]:
        if high - low < period:
            left = _overlap(left, (low - origin) % period, high - low, period)
            if not left:
                return False
    for low, high in stretches:
        left = _overlap(left, (high - origin) % period, period - (high - low), period)
        if not left:
            return False
    return True


def _overlap(pieces: list[tuple[float, float]], low: float, width: float, period: float) -> list[tuple[float, float]]:
    """What an interval, repeated every period, has in common with these pieces of one period."""
    found = []
    for a, b in pieces:
        for start in (low - period, low):
            if start <= b and start + width >= a:
                found.append((start if start > a else a, start + width if start + width < b else b))
    return found


def refine(edges: Sequence[Edge], period: float) -> float | None:
    """This period as these edges have it; None where they do not keep to it."""
    for jitter in JITTERS:
        possible = _possible(edges, period * (1 - WANDER), period * (1 + WANDER), jitter)
        if possible:
            return (possible[0] + possible[-1]) / 2
    return None


def longest_quiet(edges: Sequence[Edge]) -> float:
    """The longest stretch surely without an update, in seconds."""
    return max((b.since - a.mono for a, b in pairwise(edges)), default=0.0)


def _fit(edges: Sequence[Edge], period: float, wander: float) -> tuple[float, float, float, list[int]]:
    """Period, phase and slack of the best grid near this period, and the edges' numbers on it."""
    numbers = _number(edges, period)
    lows = [max(edge.since, edge.mono - 1.05 * period) for edge in edges]
    return (*_roomiest(numbers, lows, [edge.mono for edge in edges], period, wander), numbers)


def place(edges: Sequence[Edge], period: float | None, wander: float = WANDER) -> list[Timed]:
    """The edges with their times.

    Without a period, or where the updates keep to no grid, a time is the middle of its bracket.

    Args:
        edges: in a row, oldest first.
        period: seconds between updates.
        wander: share by which it may be another.
    """
    if period is None or not _tells(edges, period):
        return brackets(edges, period)
    fitted, phase, slack, numbers = _fit(edges, period, wander)
    if slack < -CROWDED * fitted:
        return brackets(edges, period)
    loose = _looseness(edges, [phase + n * fitted for n in numbers], slack, fitted)
    return [_on_grid(edge, phase + n * fitted, loose, fitted) for edge, n in zip(edges, numbers, strict=True)]


def _looseness(edges: Sequence[Edge], grid: Sequence[float], slack: float, period: float) -> float:
    """How far an update may be from its place on the grid, in seconds.

    Slack is what the brackets leave open; where there is too little of it, updates jitter. So they do where the middles
    of the narrow brackets scatter round the grid: twice their standard deviation is taken.
    """
    mids = [(e.since + e.mono) / 2 - g for e, g in zip(edges, grid, strict=True) if e.mono - e.since < period / 5]
    mean = sum(mids) / max(1, len(mids))
    jitter = 2 * math.sqrt(sum((mid - mean) ** 2 for mid in mids) / max(1, len(mids)))
    return (slack / 2 + jitter if slack >= 0 else max(-2.5 * slack, jitter)) + ROUNDING


def _tells(edges: Sequence[Edge], period: float) -> bool:
    """Whether enough of the brackets hold one update only, so that a grid can be laid through them."""
    single = sum(edge.mono - edge.since < 1.3 * period for edge in edges)
    narrow = sum(edge.mono - edge.since < 0.2 * period for edge in edges)
    return len(edges) >= 3 and (single >= 0.7 * len(edges) or narrow >= 4)


def brackets(edges: Sequence[Edge], period: float | None) -> list[Timed]:
    """The edges with the middles of their brackets as times."""
    return [_bracket(edge, period) for edge in edges]


def _bracket(edge: Edge, period: float | None) -> Timed:
    """The middle of the bracket, of which only the last period counts: its value is that of the last update."""
    since = edge.since if period is None else max(edge.since, edge.mono - edge.took - 1.1 * period)
    return Timed((since + edge.mono) / 2, since, edge.mono, edge.joules)


def _on_grid(edge: Edge, grid: float, loose: float, period: float) -> Timed:
    """The grid's time within the bracket; the nearer end of the bracket where the update came off the grid.

    Where it cannot be told whether that was the last update before the read or the one next to it, both are possible.
    """
    low, high = max(edge.since, grid - loose), min(edge.mono, grid + loose)
    if low > high:
        nearest = edge.since if grid < edge.since else edge.mono
        low, high = max(edge.since, nearest - 2 * loose), min(edge.mono, nearest + 2 * loose)
    if grid + loose / 2 > edge.mono and grid - period + loose / 2 > edge.since:
        low = max(edge.since, grid - period - loose)
    if grid + period - loose / 2 < edge.mono:
        high = edge.mono
    return Timed(min(max(grid, low), high), low, high, edge.joules)


def _number(edges: Sequence[Edge], period: float) -> list[int]:
    """The number of the last update before each edge's ``mono``, counted from the edge that is known best."""
    best = min(range(len(edges)), key=lambda i: (edges[i].mono - edges[i].since, -i))
    numbers = [0] * len(edges)
    known = _span(edges[best], period)
    for i in range(best + 1, len(edges)):
        steps = 1
        if edges[i].mono - edges[i].since > 0.98 * period:  # several updates may lie in this bracket
            steps = max(1, math.floor((edges[i].mono - sum(known) / 2) / period))
        numbers[i] = numbers[i - 1] + steps
        known = _meet(known, steps * period, _span(edges[i], period))
    known = _span(edges[best], period)
    for i in range(best - 1, -1, -1):
        steps = 1
        if edges[i + 1].mono - edges[i + 1].since > 0.98 * period:
            steps = max(1, math.ceil((sum(known) / 2 - edges[i].mono) / period - EARLY))
        numbers[i] = numbers[i + 1] - steps
        known = _meet(known, -steps * period, _span(edges[i], period))
    return numbers


def _span(edge: Edge, period: float) -> tuple[float, float]:
    """When the last update before ``mono`` can have been."""
    return max(edge.since, edge.mono - period), edge.mono


def _meet(known: tuple[float, float], shift: float, span: tuple[float, float]) -> tuple[float, float]:
    """What is known of one update and what its neighbour, so far away, tells; jitter aside, they agree."""
    low, high = max(known[0] + shift, span[0]), min(known[1] + shift, span[1])
    return (low, high) if low <= high else span


def _roomiest(
    numbers: Sequence[int], lows: Sequence[float], highs: Sequence[float], period: float, wander: float
) -> tuple[float, float, float]:
    """Period, phase and slack of the grid that stays farthest from the ends of all brackets.

    For a given period the slack is the least upper less the greatest lower bound of the phase: concave in the period,
    so that the sign of its slope leads to the best one.
    """
    middle = numbers[len(numbers) // 2]
    rows = [(n - middle, low, high) for n, low, high in zip(numbers, lows, highs, strict=True)]
    left, right = period * (1 - wander), period * (1 + wander)
    for _ in range(14):
        period = (left + right) / 2
        n_above, n_below, above, below = 0, 0, math.inf, -math.inf
        for n, low, high in rows:
            shift = n * period
            if high - shift < above or (high - shift == above and n < n_above):
                above, n_above = high - shift, n
            if low - shift > below or (low - shift == below and n > n_below):
                below, n_below = low - shift, n
        if n_below > n_above:  # the slack grows with the period
            left = period
        elif n_below < n_above:
            right = period
        else:
            break
    return period, (above + below) / 2 - middle * period, above - below

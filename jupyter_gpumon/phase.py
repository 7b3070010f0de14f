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

from .model import Edge

CROWDED = 0.25
"""Share of a period by which brackets may miss the grid; beyond, there is no grid."""
EARLY = 0.15
"""Share of a period by which jitter may bring an update forward."""
FEWEST = 5
"""Edges in a row that are needed to tell a period."""
QUIET = 0.5
"""Share of the longest bracket that the longest stretch without an update must have."""
WANDER = 0.03
"""Share by which a period that was found may differ from the true one."""
ROUNDING = 1e-3
"""Seconds to which updates are never known better: a board's own clock wanders, too."""


class Timed(NamedTuple):
    """An edge whose time has been worked out: at ``time``, surely between ``low`` and ``high``."""

    time: float
    low: float
    high: float
    joules: float


def find_period(edges: Sequence[Edge]) -> float | None:
    """Seconds between updates, from edges of which each is one update; None where that cannot be told well.

    Reads that come less often than updates find a new value every time, and tell nothing about the period. Reads that
    come more often find the old value at times: then there is a stretch between one edge's ``mono`` and the next one's
    ``since`` without any update, nearly as long as the brackets.
    """
    if len(edges) < FEWEST:
        return None
    if _quiet(edges) < QUIET * max(edge.mono - edge.since for edge in edges[1:]):
        return None
    pairs = [(a, b, n) for i, a in enumerate(edges) for n, b in enumerate(edges[i + 1 :], 1)]
    least = max((b.since - a.mono) / n for a, b, n in pairs)
    most = min(((b.mono - a.since) / n for a, b, n in pairs if a is not edges[0]), default=least)
    # A hair of jitter makes the bounds cross; more than that means that some edges were several updates.
    sure = abs(most - least) < 2 * WANDER * least
    return (least + most) / 2 if sure else None


def keeps(edges: Sequence[Edge], period: float) -> float | None:
    """This period, refined, where the edges keep to it; None where they do not, or do not tell."""
    if not _tells(edges, period):
        return None
    fitted, _, slack, _ = _fit(edges, period)
    # Without a stretch of quiet, any fraction of the period would do as well.
    return fitted if slack > -CROWDED / 2 * fitted and QUIET * fitted < _quiet(edges) < 1.05 * fitted else None


def _quiet(edges: Sequence[Edge]) -> float:
    """The longest stretch surely without an update, in seconds."""
    return max(b.since - a.mono for a, b in pairwise(edges))


def _fit(edges: Sequence[Edge], period: float) -> tuple[float, float, float, list[int]]:
    """Period, phase and slack of the best grid near this period, and the edges' numbers on it."""
    numbers = _number(edges, period)
    lows = [max(edge.since, edge.mono - 1.05 * period) for edge in edges]
    return (*_roomiest(numbers, lows, [edge.mono for edge in edges], period), numbers)


def place(edges: Sequence[Edge], period: float | None) -> tuple[list[Timed], float | None]:
    """The edges with their times, and the refined period.

    Without a period, or where the updates keep to no grid, a time is the middle of its bracket.
    """
    if period is None or not _tells(edges, period):
        return [_bracket(edge, period) for edge in edges], period
    fitted, phase, slack, numbers = _fit(edges, period)
    if slack < -CROWDED * fitted:
        return [_bracket(edge, period) for edge in edges], period
    loose = _looseness(edges, [phase + n * fitted for n in numbers], slack, fitted)
    return [_on_grid(edge, phase + n * fitted, loose) for edge, n in zip(edges, numbers, strict=True)], fitted


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


def _bracket(edge: Edge, period: float | None) -> Timed:
    """The middle of the bracket, of which only the last period counts: its value is that of the last update."""
    since = edge.since if period is None else max(edge.since, edge.mono - 1.1 * period)
    return Timed((since + edge.mono) / 2, since, edge.mono, edge.joules)


def _on_grid(edge: Edge, grid: float, loose: float) -> Timed:
    """The grid's time within the bracket; the nearer end of the bracket where the update came off the grid."""
    low, high = max(edge.since, grid - loose), min(edge.mono, grid + loose)
    if low > high:
        nearest = edge.since if grid < edge.since else edge.mono
        low, high = max(edge.since, nearest - 2 * loose), min(edge.mono, nearest + 2 * loose)
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
    numbers: Sequence[int], lows: Sequence[float], highs: Sequence[float], period: float
) -> tuple[float, float, float]:
    """Period, phase and slack of the grid that stays farthest from the ends of all brackets.

    For a given period the slack is the least upper less the greatest lower bound of the phase: concave in the period,
    so that the sign of its slope leads to the best one.
    """
    middle = numbers[len(numbers) // 2]
    rows = [(n - middle, low, high) for n, low, high in zip(numbers, lows, highs, strict=True)]
    left, right = period * (1 - WANDER), period * (1 + WANDER)
    for _ in range(14):
        period = (left + right) / 2
        above, n_above = min((high - n * period, n) for n, _, high in rows)
        below, n_below = max((low - n * period, n) for n, low, _ in rows)
        if n_below > n_above:  # the slack grows with the period
            left = period
        elif n_below < n_above:
            right = period
        else:
            break
    return period, (above + below) / 2 - middle * period, above - below

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

SURE = 0.25
"""A fit that leaves an edge open by more than this share of a period tells nothing."""
FEWEST = 5
"""Edges in a row that are needed to tell a period."""
QUIET = 0.3
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
    """Seconds between updates, from edges of which each is one update; None where that cannot be told.

    Reads that come less often than updates find a new value every time, and tell nothing about the period. Reads that
    come more often find the old value at times: then there is a stretch between one edge's ``mono`` and the next one's
    ``since`` without any update, nearly as long as the brackets.
    """
    if len(edges) < FEWEST:
        return None
    quiet = max(b.since - a.mono for a, b in pairwise(edges))
    if quiet < QUIET * max(edge.mono - edge.since for edge in edges[1:]):
        return None
    pairs = [(a, b, n) for i, a in enumerate(edges) for n, b in enumerate(edges[i + 1 :], 1)]
    least = max((b.since - a.mono) / n for a, b, n in pairs)
    most = min(((b.mono - a.since) / n for a, b, n in pairs if a is not edges[0]), default=least)
    # A hair of jitter makes the bounds cross; more than that means that some edges were several updates.
    sure = abs(most - least) < 2 * WANDER * least
    return (least + most) / 2 if sure else None


def place(edges: Sequence[Edge], period: float | None) -> tuple[list[Timed], float | None]:
    """The edges with their times, and the refined period.

    Without a period, or where the updates keep to no grid, a time is the middle of its bracket.
    """
    if period is None or len(edges) < 3:
        return [_bracket(edge) for edge in edges], period
    numbers = _number(edges, period)
    lows = [max(edge.since, edge.mono - period * (1 + SURE / 5)) for edge in edges]
    highs = [edge.mono for edge in edges]
    fitted, phase, slack = _roomiest(numbers, lows, highs, period)
    if slack < -SURE * fitted:
        return [_bracket(edge) for edge in edges], period
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


def _bracket(edge: Edge) -> Timed:
    return Timed((edge.since + edge.mono) / 2, edge.since, edge.mono, edge.joules)


def _on_grid(edge: Edge, grid: float, loose: float) -> Timed:
    """The grid's time within the bracket; the nearer end of the bracket where the update came off the grid."""
    low, high = max(edge.since, grid - loose), min(edge.mono, grid + loose)
    if low > high:
        nearest = edge.since if grid < edge.since else edge.mono
        low, high = max(edge.since, nearest - 2 * loose), min(edge.mono, nearest + 2 * loose)
    return Timed(min(max(grid, low), high), low, high, edge.joules)


def _number(edges: Sequence[Edge], period: float) -> list[int]:
    """The number of the last update before each edge's ``mono``, counted from the first edge."""
    low, high = max(edges[0].since, edges[0].mono - period), edges[0].mono
    numbers = [0]
    for edge in edges[1:]:
        steps = 1
        if edge.mono - edge.since > 0.98 * period:  # several updates may lie in this bracket
            steps = max(1, math.floor((edge.mono - (low + high) / 2) / period))
        numbers.append(numbers[-1] + steps)
        low, high = low + steps * period, high + steps * period
        since = max(edge.since, edge.mono - period)
        low, high = max(low, since), min(high, edge.mono)
        if low > high:  # jitter, or the period is not quite right: believe this edge
            low, high = since, edge.mono
    return numbers


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

"""The pulse of an energy counter whose period is known: at which moments it was updated, from reads that bracket them.

An update was between a read that still had the old value and one that had the new one; and none was between a read
that had a new value and a later one that still had it. Each such fact allows an arc of one period. The phase is where
most arcs overlap: so a few updates that came early, late or not at all do not spoil it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..model import Edge
from .phase import ROUNDING, Timed

TELLING = 0.75
"""Share of the period below which an arc tells something about the phase."""
FEWEST = 4
"""Arcs that are needed."""
AGREED = 0.6
"""Share of the arcs that must overlap; with fewer there is no pulse."""
NARROW = 0.3
"""Share of the period below which the middle of an arc tells how far an update was off the pulse."""
CLOSE = 0.2
"""Share of the period to which the growth of the counter must hit a beat to tell one from the next."""


STEADY = 0.25
"""Share by which power may change from one interval to the next for them to tell the unrest of a pulse."""
NORMAL = 1.48
"""Standard deviation over median deviation."""


class Pulse(NamedTuple):
    """Updates come at ``time + n * period``, each off by ``off`` seconds at most."""

    time: float
    period: float
    off: float
    jitter: float
    """Part of it: by which each comes early or late by itself (standard deviation)."""


def listen(edges: Sequence[Edge], period: float, jitter: float = 0.0) -> Pulse | None:
    """The pulse of these edges; None where they are too few or keep to none.

    Args:
        edges: in a row, oldest first.
        period: seconds between updates.
        jitter: seconds by which updates are known to come early or late (standard deviation).
    """
    if not edges:
        return None
    origin = edges[len(edges) // 2].mono
    arcs = [(since - origin, width) for since, width in _arcs(edges, period)]
    if len(arcs) < FEWEST:
        return None
    low, high, count = _crowded(arcs, period)
    if count < AGREED * len(arcs):
        return None
    phase = (low + high) / 2
    jitter = jitter or _scatter(arcs, phase, period)
    off = (high - low) / 2 + ROUNDING + 2 * jitter
    return Pulse(origin + phase, period, min(off, period / 2), jitter)


def _arcs(edges: Sequence[Edge], period: float) -> list[tuple[float, float]]:
    """(begin, width) of every stretch of time that must hold an update."""
    found = []
    for edge in edges:
        if edge.mono - edge.since < TELLING * period:
            found.append((edge.since, edge.mono - edge.since))
    for a, b in pairwise(edges):
        if (1 - TELLING) * period < b.since - a.mono < period:
            found.append((b.since, period - (b.since - a.mono)))
    return found


def _crowded(arcs: Sequence[tuple[float, float]], period: float) -> tuple[float, float, int]:
    """The part of one period that lies in most arcs, and in how many; where several do, the widest."""
    turns: list[tuple[float, int]] = []
    for since, width in arcs:
        begin = since % period
        turns += [(begin, -1), (begin + width, 1), (begin + period, -1), (begin + width + period, 1)]
    turns.sort()  # where one ends as another begins they overlap
    inside, most, best = 0, 0, (0.0, 0.0)
    for n, (at, turn) in enumerate(turns):
        inside -= turn
        if turn < 0 and n + 1 < len(turns):
            width = turns[n + 1][0] - at
            if inside > most or (inside == most and width > best[1] - best[0]):
                most, best = inside, (at, at + width)
    return (*best, most)


def _scatter(arcs: Sequence[tuple[float, float]], phase: float, period: float) -> float:
    """Seconds by which updates come early or late (standard deviation); 0 where one pulse goes through all arcs."""
    if all((phase - since) % period <= width + 2 * ROUNDING for since, width in arcs):
        return 0.0
    narrow = [(since, width) for since, width in arcs if width < NARROW * period]
    middles = [(since + width / 2 - phase + period / 2) % period - period / 2 for since, width in narrow]
    return math.sqrt(sum(middle * middle for middle in middles) / len(middles)) if middles else period / 4


def place(edges: Sequence[Edge], pulse: Pulse, since: int = 0) -> list[Timed]:
    """The edges from number ``since`` on with their times: the last beat before each one's ``mono``.

    Where that beat is so near to ``mono`` that the one before it may have been the last, its neighbours tell, which had
    beats of their own; else growth that was steady does.
    """
    beats = [_candidates(edge, pulse) for edge in edges]
    _exclude(beats)
    edges, beats = edges[since:], beats[since:]
    found = [_at(edge, pulse, low, high) for edge, (low, high) in zip(edges, beats, strict=True)]
    for i, (low, high) in enumerate(beats):
        if low < high:
            told = {beat for side in _sides(found, beats, i) for beat in _beat_by_growth(edges[i], side, pulse)}
            if len(told) == 1 and low <= min(told) <= high:
                found[i] = _at(edges[i], pulse, min(told), max(told))
    return found


def _candidates(edge: Edge, pulse: Pulse) -> tuple[int, int]:
    """The earliest and latest number that the last beat before this edge's ``mono`` may have."""
    high = math.floor((edge.mono - pulse.time + pulse.off) / pulse.period)
    low = math.floor((edge.mono - edge.took - pulse.time - pulse.off) / pulse.period)
    while low < high and pulse.time + low * pulse.period + pulse.off <= edge.since:
        low += 1
    return low, high


def _exclude(beats: list[tuple[int, int]]) -> None:
    """Every edge has a later beat than the one before it."""
    for i in range(1, len(beats)):
        low, high = beats[i]
        beats[i] = (min(max(low, beats[i - 1][0] + 1), high), high)
    for i in range(len(beats) - 2, -1, -1):
        low, high = beats[i]
        beats[i] = (low, max(min(high, beats[i + 1][1] - 1), low))


def _at(edge: Edge, pulse: Pulse, first: int, last: int) -> Timed:
    """The edge at one of these two beats: of two at the later one that is in its bracket.

    What is wrong with a steady beat is wrong with all alike; else the middle of what is possible is best.
    """
    early, late = pulse.time + first * pulse.period, pulse.time + last * pulse.period
    time = late if late <= edge.mono or first == last else early
    low, high = max(edge.since, early - pulse.off), min(edge.mono, late + pulse.off)
    if low > high:  # it came off the pulse: near that end of the bracket which is near to the beat
        low, high = edge.since, edge.mono if late >= edge.since else min(edge.mono, edge.since + 2 * pulse.off)
        return Timed((low + high) / 2, low, high, edge.joules)
    if first < last:
        return Timed(min(max(time, low), high), low, high, edge.joules)
    if pulse.jitter or not low <= time <= high:
        return Timed((low + high) / 2, low, high, edge.joules)
    return Timed(time, low, high, edge.joules, ROUNDING)


def _sides(found: Sequence[Timed], beats: Sequence[tuple[int, int]], i: int) -> Iterator[list[Timed]]:
    """Up to three edges on either side of an edge whose beats are known, the nearest first."""
    for side in (range(i - 1, max(-1, i - 6), -1), range(i + 1, min(len(found), i + 6))):
        yield [found[n] for n in side if beats[n][0] == beats[n][1]][:3]


def _beat_by_growth(edge: Edge, sure: Sequence[Timed], pulse: Pulse) -> Iterator[int]:
    """The number of this edge's beat, if power was as between those edges.

    It may not have been; but then a beat would be hit by chance only.
    """
    if len(sure) < 2 or sure[0].joules == sure[-1].joules or sure[0].time == sure[-1].time:
        return
    power = (sure[0].joules - sure[-1].joules) / (sure[0].time - sure[-1].time)
    number = (sure[0].time + (edge.joules - sure[0].joules) / power - pulse.time) / pulse.period
    if abs(number - round(number)) < CLOSE:
        yield round(number)


def unrest(found: Sequence[Timed], period: float) -> float | None:
    """Seconds by which updates come early or late (standard deviation), as the counter's growth tells at steady power.

    An update that comes late brings more than its share, and leaves less to the next. None where power is not steady.
    """
    told = []
    for a, b, c in zip(found, found[1:], found[2:], strict=False):
        before, after = round((b.time - a.time) / period), round((c.time - b.time) / period)
        if before > 0 and after > 0 and c.joules > a.joules:
            power = (c.joules - a.joules) / ((before + after) * period)
            differ = abs((c.joules - b.joules) / after - (b.joules - a.joules) / before) / power
            if differ < STEADY * period:
                told.append(differ / math.sqrt(before**-2 + (1 / before + 1 / after) ** 2 + after**-2))
    return NORMAL * sorted(told)[len(told) // 2] if len(told) >= FEWEST else None

"""What a window of time cost by an energy counter: the value, what is likely, and what is certain.

The value is what the device's curve (``curve``) grew by. The likely interval is how far the two ends of the window may
have been put wrong. The certain one assumes nothing but that power stayed between the device's floor and ceiling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from ..model import Energy
from .account import FEW, Account, Solved
from .curve import grain
from .phase import Timed

UNRESOLVED = 3.0
"""Where ``high`` is more than this many times ``low``, only ``high`` is said."""
HEADROOM = 1.3
"""Power may exceed its limit for moments by about this."""
DEPTH = 0.9
"""Power may fall below the least mean of a second by about this."""
READING = 0.002
"""Joules by which the difference of two readings may be wrong."""
SURE = 2.2
"""Standard deviations within which the true value is with a likelihood of 95 %, as calibrated by simulation."""
NEXT_TO = 4
"""Updates on either side of a moment that bound the energy at it."""


class Bounds(NamedTuple):
    """The powers of one device that are physically plausible, in watts."""

    floor: float
    ceiling: float


class Range(NamedTuple):
    """Joules."""

    low: float
    high: float


def measure(account: Account, start: float, end: float, *, final: bool) -> Energy:
    """Energy of one device between two moments, both of which are marked.

    Args:
        account: the device's.
        start: monotonic seconds.
        end: the same; not before ``start``.
        final: whether all updates that could tell more have come; then the answer stays.
    """
    (opened, old), (closed, _) = account.span(start), account.span(end)
    if opened is None or closed is None or not final:
        return _provisional(account, opened, closed, start, end)
    certain = _between(account, start, end)
    if not old:
        account.freeze(opened)
        if closed.first < opened.last:
            kept, _ = account.span(end)
            closed = kept or closed
    if not account.keeps(closed):
        account.freeze(closed)
    joules = grain(closed.span.energy(end)) - grain(opened.span.energy(start))
    off = SURE * math.sqrt(_variance(opened, closed, start, end)) + READING + _late(account, opened, closed)
    return _said(account, (start, end), joules, Range(joules - off, joules + off), certain, final=True)


def at(account: Account, moment: float) -> float | None:
    """What the counter would have shown at that moment if it were updated all the time; None where nobody knows."""
    solved, _ = account.span(moment)
    return grain(solved.span.energy(moment)) if solved else None


def _variance(opened: Solved, closed: Solved, start: float, end: float) -> float:
    if opened.first == closed.first:
        return opened.span.variance(start, end)
    return opened.span.variance(start, opened.span.times[-1]) + closed.span.variance(closed.span.times[0], end)


def _late(account: Account, opened: Solved, closed: Solved) -> float:
    """Joules that go astray if all updates came earlier or later: none where power before and after is the same."""
    return abs(opened.span.levels[0] - closed.span.levels[1]) * account.together(opened)


def bounds(account: Account, near: Iterable[float]) -> Bounds:
    """What the device has been seen to draw, and what its limit allows; without a known limit there is no ceiling.

    Nobody has seen the least it can draw before it has been watched for a while.
    """
    least = min([*near, account.lowest])
    floor = DEPTH * max(0.0, least) if account.seen >= FEW else 0.0
    return Bounds(floor, HEADROOM * account.limit if account.limit else math.inf)


def _near(account: Account, moment: float) -> list[Timed]:
    """The updates next to a moment with all that is certain of their times, of one epoch."""
    i = account.index(moment)
    if i < 0:
        return []
    around = range(max(0, i + 1 - NEXT_TO), min(len(account.edges), i + 1 + NEXT_TO))
    return [account.bracket(n) for n in around if account.epochs[n] == account.epochs[i]]


def _certain(edges: Iterable[Timed], moment: float, limits: Bounds) -> Range:
    """Between which values the counter was at that moment, whatever happened in between."""
    low, high = -math.inf, math.inf
    for edge in edges:
        fast = limits.ceiling * max(0.0, edge.high - moment) if edge.high > moment else 0.0
        low = max(low, edge.joules + limits.floor * max(0.0, moment - edge.high) - fast)
        fast = limits.ceiling * (moment - edge.low) if moment > edge.low else 0.0
        high = min(high, edge.joules - limits.floor * max(0.0, edge.low - moment) + fast)
    return Range(low, high)


def _slopes(edges: Sequence[Timed]) -> Iterator[float]:
    """The least that power can have been between any two of these updates."""
    return ((b.joules - a.joules) / (b.high - a.low) for a, b in pairwise(edges) if b.high > a.low)


def _between(account: Account, start: float, end: float) -> Range:
    """The certain interval of a window."""
    before, after = _near(account, start), _near(account, end)
    seconds = end - start
    limits = bounds(account, chain(_slopes(before), _slopes(after)))
    opening, closing = _certain(before, start, limits), _certain(after, end, limits)
    low = max(limits.floor * seconds, closing.low - opening.high - READING, 0.0)
    high = min(limits.ceiling * seconds, closing.high - opening.low + READING)
    return Range(min(low, high), max(high, 0.0))


def _provisional(account: Account, opened: Solved | None, closed: Solved | None, start: float, end: float) -> Energy:
    """What can be said while updates are still to come: what the counter has not shown yet may be anything."""
    first = account.index(start)
    if first < 0:
        return Energy(final=False)
    certain = _between(account, start, end)
    begin = _lead(account, opened, first, start)
    if begin is None:
        return Energy(final=False)
    energy, off = begin
    edges = _near(account, end)
    closing = _certain(edges, end, bounds(account, _slopes(edges)))
    low = max(certain.low, closing.low - energy - off)
    high = min(certain.high, closing.high - energy + off)
    if low > high:  # the power before the window was no guide
        low, high = certain
    joules = (closed.span.energy(end) if closed else _foreseen(account, start, end, energy)) - energy
    return _said(account, (start, end), min(max(joules, low), high), Range(low, high), certain, final=False)


def _lead(account: Account, opened: Solved | None, first: int, start: float) -> tuple[float, float] | None:
    """The counter at the window's start, and by how much that may be wrong."""
    if opened is not None:
        off = SURE * math.sqrt(opened.span.variance(opened.span.times[0], start)) + READING
        return opened.span.energy(start), off + abs(opened.span.levels[0]) * account.delay_doubt
    edge, level = account.timed(first), account.level_before(first)
    seconds = start - edge.time
    doubt = level.watts * ((edge.high - edge.low) / 2 + account.delay_doubt)
    return edge.joules + level.watts * seconds, SURE * level.off * seconds + doubt + READING


def _foreseen(account: Account, start: float, end: float, energy: float) -> float:
    """The counter at the window's end, if power goes on as it was last."""
    last = account.index(end)
    edge = account.timed(last)
    return max(edge.joules, energy) + account.level_before(last).watts * (end - max(edge.time, start))


def _said(
    account: Account, window: tuple[float, float], joules: float, likely: Range, certain: Range, *, final: bool
) -> Energy:
    """A value with its intervals; only what it is at most, where they are too wide to call it a value."""
    low, high = max(likely.low, certain.low), min(likely.high, certain.high)
    if not low <= joules <= high:  # the neighbours were no guide
        low, high = min(certain.low, joules), max(certain.high, joules)
    upper = high if 0 < high < math.inf else None
    most = certain.high if certain.high < math.inf else None
    if low <= 0 or (joules if upper is None else high) > UNRESOLVED * low:
        return Energy(high=upper, least=certain.low, most=most, final=final)
    idle = account.idle.watts * (window[1] - window[0]) if account.idle else None
    least, most = min(certain.low, joules), None if most is None else max(most, joules)
    return Energy(joules=joules, low=low, high=upper, least=least, most=most, idle=idle, final=final)

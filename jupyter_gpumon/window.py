"""A window of time between two updates of an energy counter: what it took, and between which bounds.

The counter's growth between the last update before the window and the first after it is exact. From it go the two parts
outside the window, at the power found next to them; what that power could have been otherwise makes the interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .model import Energy
from .phase import Timed

STEADY = 0.15
"""Two neighbouring intervals whose power differs by less are one level."""
UNRESOLVED = 3.0
"""Where ``high`` is more than this many times ``low``, only ``high`` is said."""
HEADROOM = 1.3
"""Power may exceed its limit for moments by about this."""
READING = 0.002
"""Joules by which the difference of two readings may be wrong."""


class Bounds(NamedTuple):
    """The powers of one device that are physically plausible, in watts."""

    floor: float
    idle: float
    ceiling: float


class Lead(NamedTuple):
    """The part between the last update before a window and its start."""

    start: float
    opening: Timed
    watts: float
    """Power in it, as far as can be told."""
    off: float
    """By how much that may be wrong."""

    @property
    def joules(self) -> float:
        """What was drawn in it."""
        return self.watts * (self.start - self.opening.time)

    @property
    def doubt(self) -> float:
        """By how much that may be wrong."""
        seconds = self.start - self.opening.time
        return self.off * seconds + self.watts * (self.opening.high - self.opening.low) / 2


def bounds_of(levels: Sequence[float], near: Sequence[Timed], limit: float | None) -> Bounds:
    """What the device has been seen to draw: a second's mean hides short dips, so the updates near by count too.

    Args:
        levels: mean power of the seconds seen, sorted.
        near: the updates round the window's start.
        limit: the board's power limit in watts.
    """
    powers = [watts for a, b in pairwise(near) if (watts := _power(a, b)) is not None]
    seen = min([*powers, *levels[:1]], default=0.0)
    idle = levels[len(levels) // 10] if levels else seen
    # What was drawn so far says nothing about a burst; without a known limit there is no ceiling.
    return Bounds(0.9 * max(0.0, seen), idle, HEADROOM * limit if limit else math.inf)


def _power(a: Timed, b: Timed) -> float | None:
    return (b.joules - a.joules) / (b.time - a.time) if b.time > a.time else None


def _off(a: Timed, b: Timed) -> float:
    """Share by which the power between two edges may be wrong because of their times."""
    return ((a.high - a.low) + (b.high - b.low)) / 2 / (b.time - a.time)


def lead_to(start: float, edges: Sequence[Timed], bounds: Bounds) -> Lead:
    """The part before a window, from the last three updates before it.

    It has the power of the last two intervals where that is steady; else the idle power: a load has just ended.
    """
    return Lead(start, edges[-1], *_level(edges, bounds))


def _level(edges: Sequence[Timed], bounds: Bounds) -> tuple[float, float]:
    if len(edges) < 3:
        return bounds.idle, max(bounds.idle - bounds.floor, 0.3 * bounds.idle)
    far, near = _power(edges[0], edges[1]), _power(edges[1], edges[2])
    if far is None or near is None:
        return bounds.idle, bounds.idle - bounds.floor
    both = _power(edges[0], edges[2]) or near
    off = _off(edges[0], edges[2]) * both
    if abs(far - near) <= STEADY * max(far, near) + off:
        return both, abs(far - near) + off
    return bounds.idle, abs(near - bounds.idle) + off


def _after(edges: Sequence[Timed], before: float, bounds: Bounds) -> tuple[float, float]:
    """Power over the interval after the window, where it is as before the window or goes on after it.

    Where it does neither, the next load began somewhere in it, and the window was followed by idle power.
    """
    watts = _power(edges[0], edges[1]) if len(edges) > 1 else None
    if watts is None:
        return before, before - bounds.floor
    off = _off(edges[0], edges[1]) * watts
    next_watts = _power(edges[1], edges[2]) if len(edges) > 2 else None
    for level in (before, next_watts):
        if level is not None and abs(watts - level) <= STEADY * max(watts, level) + off:
            return watts, abs(watts - level) + off
    unsure = abs(watts - bounds.idle) + off
    return (watts if next_watts is None else bounds.idle), unsure


def closed(lead: Lead, end: float, edges: Sequence[Timed], bounds: Bounds) -> Energy:
    """A window's energy from up to three updates after it: what they make likely, within what is certain."""
    closing = edges[0]
    tail, whole = closing.time - end, closing.joules - lead.opening.joules
    after, after_off = _after(edges, lead.watts, bounds)
    best = whole - lead.joules - after * tail
    off = lead.doubt + after_off * tail + after * (closing.high - closing.low) / 2 + READING
    hard_low, hard_high = _certain(lead, end, closing, bounds)
    low, high = max(best - off, hard_low), min(best + off, hard_high)
    if low > high:  # the neighbours were no guide
        low, high = hard_low, hard_high
    return _said(best, low, high if high > 0 else hard_high)


def _said(best: float, low: float, high: float, *, final: bool = True) -> Energy:
    """A value with its interval; only what it is at most, where the interval is too wide to call it a value."""
    upper = high if 0 < high < math.inf else None
    if low <= 0 or (best if upper is None else high) > UNRESOLVED * low:
        return Energy(high=upper, final=final)
    return Energy(joules=min(max(best, low), high), low=low, high=upper, final=final)


def _certain(lead: Lead, end: float, closing: Timed, bounds: Bounds) -> tuple[float, float]:
    """The interval that assumes nothing but that power stays between floor and ceiling."""
    seconds, whole = end - lead.start, closing.joules - lead.opening.joules
    least = max(0.0, lead.start - lead.opening.high) + max(0.0, closing.low - end)
    most = (lead.start - lead.opening.low) + (closing.high - end)
    low = max(bounds.floor * seconds, whole - bounds.ceiling * most, 0.0)
    high = min(bounds.ceiling * seconds, whole - bounds.floor * least)
    return min(low, high), max(high, 0.0)


def provisional(lead: Lead, end: float, edges: Iterable[Timed], bounds: Bounds) -> Energy:
    """What can be said while updates are still to come.

    Every update since the window's opening bounds its energy from both sides: what the counter has not shown yet, or
    shows although it was drawn after the end, was between nothing and the ceiling.

    Args:
        lead: the part before the window.
        end: the window's, in monotonic seconds.
        edges: the updates from the window's opening on, oldest first.
        bounds: of the device's power.
    """
    known = list(edges)
    low, high = 0.0, bounds.ceiling * (end - lead.start)
    for edge in known:
        counted = edge.joules - lead.opening.joules - lead.joules
        low = max(low, counted - lead.doubt - READING - _most(edge.high - end, bounds))
        high = min(high, counted + lead.doubt + READING + _most(end - edge.low, bounds))
    if low > high:  # the power before the window was no guide
        whole = known[-1].joules - lead.opening.joules if known else math.inf
        return Energy(high=whole + _most(end - known[-1].low, bounds) if known else None, final=False)
    return _said(_foreseen(lead, end, known), low, high, final=False)


def _most(seconds: float, bounds: Bounds) -> float:
    """The most that can be drawn in that time; nothing where it is negative."""
    return bounds.ceiling * seconds if seconds > 0 else 0.0


def _foreseen(lead: Lead, end: float, edges: Sequence[Timed]) -> float:
    """The last power goes on; after the end it is as it was before the window."""
    if not edges:
        return lead.watts * (end - lead.start)
    near = next((edge for edge in edges if edge.time >= end), edges[-1])
    watts = lead.watts
    if near.time < end and len(edges) > 1:
        watts = _power(edges[-2], edges[-1]) or lead.watts
    return near.joules - lead.opening.joules - lead.joules + watts * (end - near.time)

"""A window of time on a curve made of readings of power (``pseudo``): what is likely, and what is certain."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ..model import Energy
from .curve import Level, Marks, Near, Span, solve, surround
from .phase import ROUNDING, Timed
from .pseudo import Curve

UNRESOLVED = 3.0
"""Where ``high`` is more than this many times ``low``, only ``high`` is said."""
HEADROOM, DEPTH = 1.3, 0.9
"""Power may exceed its limit for moments by about this, and fall below the least that was read."""
SURE = 2.2
"""Standard deviations within which the true value is with a likelihood of 95 %, as calibrated by simulation."""


class Bounds(NamedTuple):
    """The powers of the device that are physically plausible, in watts."""

    floor: float
    ceiling: float


class Ends(NamedTuple):
    """A window's two spans, and joules by which the readings leave its energy open (95 %) beyond what these tell."""

    opened: Span
    closed: Span
    doubt: float


def ends_of(curve: Curve, marks: Marks, idle: float, start: float, end: float, *, together: bool) -> Ends | None:
    """A window's ends on a curve; None where it does not reach far enough.

    Args:
        curve: of the readings round it.
        marks: where windows begin and end.
        idle: watts without work.
        start: monotonic seconds.
        end: the same.
        together: the updates' times are off by the same, as they lie on one grid: so only those count of which it
            is sure on which side of a window's end they are, and what is open is the power before less that after.
    """
    points, off = curve.points, 0.0
    if together:
        off = max((points[i].high - points[i].low) / 2 for i in (index(points, start), index(points, end)))
        clear = [point for point in points if not marks.between(point.low, point.high)]
        points = [Timed(p.time, p.time - ROUNDING, p.time + ROUNDING, p.joules) for p in clear]

    def edge(i: int) -> Timed | None:
        return points[i] if 0 <= i < len(points) else None

    near = Near(edge, marks, Level(idle, 0.3 * idle + 1.0))
    spans = []
    for moment in (start, end):
        found = surround(near, index(points, moment), 0, len(points) - 1)
        span = solve(near, *found) if found else None
        if span is None or not span.times[0] <= moment <= span.times[-1]:
            return None
        spans.append(span)
    opened, closed = spans
    if opened.times == closed.times:
        variance = opened.variance(start, end)
    else:
        variance = opened.variance(start, opened.times[-1]) + closed.variance(closed.times[0], end)
    doubts = curve.doubt(opened.times[0]), curve.doubt(closed.times[-1])
    differ = abs(opened.levels[0] - closed.levels[1])
    return Ends(opened, closed, SURE * math.sqrt(variance) + off * differ + math.hypot(*doubts))


def certain(curve: Curve, start: float, end: float, bounds: Bounds) -> tuple[float, float]:
    """The interval that assumes nothing but that power stays between floor and ceiling."""
    points, seconds = curve.points, end - start
    before = max((i for i, point in enumerate(points) if point.high <= start), default=0)
    after = min((i for i, point in enumerate(points) if point.low >= end), default=len(points) - 1)
    whole = points[after].joules - points[before].joules
    doubt = 4 * (curve.doubts[before] + curve.doubts[after])
    least = (start - points[before].high) + (points[after].low - end)
    most = (start - points[before].low) + (points[after].high - end)
    low = max(bounds.floor * seconds, whole - doubt - bounds.ceiling * most)
    high = min(bounds.ceiling * seconds, whole + doubt - bounds.floor * least)
    return min(low, high), max(low, high)


def index(points: Sequence[Timed], moment: float) -> int:
    """The last point at or before that moment, or the first one."""
    return max(0, bisect_right(points, moment, key=lambda point: point.time) - 1)


def slots(points: Sequence[Timed], start: float, end: float) -> list[float]:
    """Power between the points inside a window; between those round it where there are none inside."""
    first = bisect_left(points, start, key=lambda point: point.time)
    last = index(points, end)
    if last <= first:
        first, last = max(0, first - 1), min(len(points) - 1, last + 1)
    return [(b.joules - a.joules) / max(b.time - a.time, 1e-6) for a, b in pairwise(points[first : last + 1])]


def between(points: Sequence[Timed], moment: float) -> float:
    """Joules at a moment, on the straight line between the points next to it."""
    i = min(index(points, moment), max(0, len(points) - 2))
    if len(points) < 2:
        return points[0].joules
    a, b = points[i], points[i + 1]
    return a.joules + (b.joules - a.joules) * (moment - a.time) / max(b.time - a.time, 1e-6)


def finite(joules: float) -> float | None:
    """A bound; None where there is none."""
    return joules if 0 < joules < math.inf else None


def said(best: float, likely: tuple[float, float], certain: tuple[float, float]) -> Energy:
    """A value with its intervals; only what it is at most, where they are too wide to call it a value."""
    low, high = max(likely[0], certain[0]), min(likely[1], certain[1])
    if not low <= best <= high:
        low, high = min(best, certain[0]), max(best, certain[1])
    if low <= 0 or (best if high == math.inf else high) > UNRESOLVED * low:
        return Energy(high=finite(high), least=certain[0], most=finite(certain[1]))
    return Energy(
        joules=best, low=low, high=finite(high), least=min(certain[0], best), most=finite(max(certain[1], best))
    )

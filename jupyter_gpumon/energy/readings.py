"""Readings of one device's power of one kind, oldest first: how dense they are, and what they add up to."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise

STALE = 5.0
"""Seconds without a reading after which nobody knows what happened."""


class Readings:
    """Monotonic seconds and watts. They may come a little out of order."""

    def __init__(self) -> None:
        self.monos: list[float] = []
        self.watts: list[float] = []

    def add(self, mono: float, watts: float) -> None:
        """Take one, in its place; not a second one of the same time."""
        if not self.monos or mono > self.monos[-1]:
            self.monos.append(mono)
            self.watts.append(watts)
            return
        i = bisect_left(self.monos, mono)
        if self.monos[i] != mono:
            self.monos.insert(i, mono)
            self.watts.insert(i, watts)

    def drop(self, before: float) -> None:
        """Forget what is older."""
        old = bisect_left(self.monos, before)
        del self.monos[:old], self.watts[:old]

    def between(self, since: float, until: float) -> tuple[list[float], list[float]]:
        """Those from ``since`` to ``until``; not those before a time of which nobody knows."""
        first, last = bisect_left(self.monos, since), bisect_right(self.monos, until)
        for i in range(last - 1, first, -1):
            if self.monos[i] - self.monos[i - 1] > STALE:
                first = i
                break
        return self.monos[first:last], self.watts[first:last]

    def cover(self, start: float, end: float) -> bool:
        """Whether there is one before, one after, and nowhere in between too long without."""
        first, last = bisect_right(self.monos, start) - 1, bisect_left(self.monos, end)
        if first < 0 or last >= len(self.monos):
            return False
        return all(later - earlier <= STALE for earlier, later in pairwise(self.monos[first : last + 1]))

    def gap(self, start: float, end: float) -> float:
        """Usual seconds between two readings round a window; infinite where there are none."""
        monos, _ = self.between(start - 1.0, end + 1.0)
        gaps = sorted(b - a for a, b in pairwise(monos))
        return gaps[len(gaps) // 2] if gaps else math.inf

    def held(self, start: float, end: float) -> tuple[float, float, float]:
        """Joules of a window: straight lines from reading to reading, the last one going on.

        Before and after it what they would be at the lowest and highest of the readings next to each stretch.
        """
        first = max(0, bisect_right(self.monos, start) - 1)
        low = joules = high = 0.0
        for i in range(first, len(self.monos)):
            t0, p0 = self.monos[i], self.watts[i]
            t1, p1 = (self.monos[i + 1], self.watts[i + 1]) if i + 1 < len(self.monos) else (max(end, t0 + 1), p0)
            since, until = max(start, t0), min(end, t1)
            if until > since:
                near = self.watts[max(0, i - 1) : i + 3]
                low, high = low + min(near) * (until - since), high + max(near) * (until - since)
                joules += (p0 + (p1 - p0) * ((since + until) / 2 - t0) / (t1 - t0)) * (until - since)
        return low, joules, high

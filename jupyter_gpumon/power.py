"""Energy from readings of power, for devices without an energy counter: the integral and its bounds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from .model import Energy

STALE = 5.0
"""Seconds without a reading after which nobody knows what happened."""


class PowerTrace:
    """Readings of one device's power, oldest first, for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._monos: list[float] = []
        self._watts: list[float] = []

    def add(self, mono: float, watts: float) -> None:
        """Take one reading; one that is not newer than the last is not taken."""
        if self._monos and mono <= self._monos[-1]:
            return
        self._monos.append(mono)
        self._watts.append(watts)
        if self._monos[0] < mono - 1.2 * self._seconds:
            old = bisect_left(self._monos, mono - self._seconds)
            del self._monos[:old], self._watts[:old]

    def reaches(self, end: float) -> bool:
        """Whether a reading at or after ``end`` has come."""
        return bool(self._monos) and self._monos[-1] >= end

    def measure(self, start: float, end: float) -> Energy:
        """The trapezoid between the readings. Each stretch may have had any power its neighbours had."""
        first, last = bisect_right(self._monos, start) - 1, bisect_left(self._monos, end)
        final = self.reaches(end)
        if first < 0 or end < start or (not final and end - self._monos[-1] > STALE):
            return Energy(method="power", final=final)
        joules = low = high = 0.0
        for i in range(first, min(last, len(self._monos) - 1) if final else len(self._monos)):
            since, until = max(start, self._monos[i]), min(end, self._next(i, end))
            if self._next(i, end) - self._monos[i] > STALE:
                return Energy(method="power", final=final)
            near = self._watts[max(0, i - 1) : i + 3]
            joules += self._mean(i, since, until) * (until - since)
            low, high = low + min(near) * (until - since), high + max(near) * (until - since)
        return Energy(joules=joules, low=low, high=high, method="power", final=final)

    def _next(self, i: int, end: float) -> float:
        return self._monos[i + 1] if i + 1 < len(self._monos) else end

    def _mean(self, i: int, since: float, until: float) -> float:
        """Mean power of a stretch after reading ``i``, on the straight line to the next reading."""
        if i + 1 >= len(self._monos):
            return self._watts[i]
        t0, t1, p0, p1 = self._monos[i], self._monos[i + 1], self._watts[i], self._watts[i + 1]
        return p0 + (p1 - p0) * ((since + until) / 2 - t0) / (t1 - t0)

"""A line over time made of readings of power: what stands in for an energy counter where energy is divided."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence

STALE = 5.0
"""Seconds without a reading after which nobody knows what was drawn."""
LEVELS = 600
"""Readings whose power is kept."""
KEPT = 64
"""Readings before the last one asked for that stay."""


class Meter:
    """One board without a counter that can be trusted. Moments are monotonic seconds."""

    def __init__(self) -> None:
        self._monos: list[float] = []
        self._joules: list[float] = []
        self._watts = 0.0
        self._levels: deque[float] = deque(maxlen=LEVELS)

    def power(self, mono: float, watts: float) -> None:
        """Take a reading: the trapezoid to it from the one before, unless that is too long ago."""
        if self._monos and mono <= self._monos[-1]:
            return
        if self._monos and mono - self._monos[-1] <= STALE:
            joules = self._joules[-1] + (self._watts + watts) / 2 * (mono - self._monos[-1])
        else:
            self._monos, self._joules, joules = [], [], 0.0
        self._monos.append(mono)
        self._joules.append(joules)
        self._levels.append(watts)
        self._watts = watts

    @property
    def lowest(self) -> float | None:
        """A low one of the powers seen, in watts."""
        return sorted(self._levels)[len(self._levels) // 10] if self._levels else None

    def __call__(self, moments: Sequence[float]) -> list[float | None]:
        """Joules at these moments, from a beginning that does not matter; None outside of what is known."""
        return [self._at(moment) for moment in moments]

    def _at(self, moment: float) -> float | None:
        if not self._monos or not self._monos[0] <= moment <= self._monos[-1]:
            return None
        i = bisect_right(self._monos, moment) - 1
        if i + 1 >= len(self._monos):
            return self._joules[-1]
        t0, t1, e0, e1 = self._monos[i], self._monos[i + 1], self._joules[i], self._joules[i + 1]
        return e0 + (e1 - e0) * (moment - t0) / (t1 - t0)

    def forget(self, before: float) -> None:
        """What is not asked for again."""
        i = bisect_left(self._monos, before) - KEPT
        if i > KEPT:
            del self._monos[:i], self._joules[:i]

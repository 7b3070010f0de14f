"""Period and phase of something that happens regularly, from intervals in which it is known to have happened."""

from __future__ import annotations

import math
from collections import deque
from itertools import combinations

_MOST_MARKS = 24
_JITTER = 0.006
"""Seconds by which marks may contradict each other before the oldest is dropped."""


class Phase:
    """The straight lines (phase + period × number) through all marks; of them, the middle one.

    Midpoints will not do: an interval that was laid around the expected moment has it in its middle, so they would only
    confirm what was expected. Where no line passes through all marks (jitter), the middle of what they say serves.

    Args:
        period: seconds, as first seen.
        tolerance: share by which it may differ from that; small where it was learned from a board of the same model.
    """

    def __init__(self, period: float, tolerance: float = 0.2) -> None:
        self.period = period
        self._limits = period * (1 + tolerance), period * (1 - tolerance)
        self._marks: deque[tuple[int, float, float]] = deque(maxlen=_MOST_MARKS)
        """(number, earliest, latest)"""
        self._at, self._number = 0.0, 0
        self._slack = self._drift = 0.0

    def mark(self, earliest: float, latest: float, number: int | None = None) -> None:
        """It has happened once between these two moments; ``number`` is from ``after``, where it was expected."""
        if number is None:
            number = self._number + round(((earliest + latest) / 2 - self._at) / self.period) if self._marks else 0
        self._marks.append((number, earliest, latest))
        self._fit(number)

    def after(self, now: float, stride: int = 1) -> tuple[int, float, float]:
        """(number, moment, slack) of the ``stride``-th time from ``now`` on; it is within the slack of the moment."""
        ahead = math.ceil((now - self._at) / self.period) + stride - 1
        return self._number + ahead, self._at + ahead * self.period, self._slack + self._drift * abs(ahead)

    def _fit(self, number: int) -> None:
        slow, fast = self._bounds()
        while slow < fast - 2 * _JITTER / max(1, self._marks[-1][0] - self._marks[0][0]) and len(self._marks) > 6:
            self._marks.popleft()  # The period has changed, or the oldest mark was wrong.
            slow, fast = self._bounds()
        self.period = min(self._limits[0], max(self._limits[1], (slow + fast) / 2))
        self._drift = abs(slow - fast) / 2
        low = max(early - (n - number) * self.period for n, early, _ in self._marks)
        high = min(late - (n - number) * self.period for n, _, late in self._marks)
        self._at, self._number, self._slack = (low + high) / 2, number, abs(high - low) / 2

    def _bounds(self) -> tuple[float, float]:
        """(longest, shortest) period that any two marks allow; the wrong way round where no line passes through all."""
        longest, shortest = self._limits
        for (m, early, late), (n, earliest, latest) in combinations(self._marks, 2):
            if n > m:
                # Compared by hand: this is the innermost loop of all that is done while somebody measures.
                if (most := (latest - early) / (n - m)) < longest:
                    longest = most
                if (least := (earliest - late) / (n - m)) > shortest:
                    shortest = least
        return longest, shortest

"""The grid on which a sensor's readings change: its period and phase, from reads that bracket each change.

Unlike an energy counter's (``phase``), which is read on purpose just before and after each update, these brackets are
wide and many, and a few may be wrong: the grid is the one that most of them agree on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

USUAL = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
"""Seconds between updates that are tried where none is known; the longest that fits."""
WANDER = 0.02
"""Share by which a period may differ from what it is said to be."""
NARROW = 0.9
"""Share of a period below which a bracket tells something about the phase."""
FEWEST = 6
"""Brackets from which a grid can be told."""
MOST = 240
"""Brackets that are looked at; of more, some are left out evenly."""
AGREED = 0.9
"""Share of the brackets that must hold an update."""
STEPS = 12
"""Periods tried on either side of the best, each time the stretch is doubled."""

Span = tuple[float, float]


class Beat(NamedTuple):
    """Updates come at ``phase + n * period``, ``off`` seconds early or late at most."""

    period: float
    phase: float
    off: float

    def last(self, until: float) -> float:
        """The last update at or before that moment."""
        return self.phase + math.floor((until - self.phase) / self.period + 1e-9) * self.period


class _Vote(NamedTuple):
    votes: int
    period: float
    low: float
    high: float


def find(spans: Sequence[Span], period: float | None) -> Beat | None:
    """The grid on which an update falls into (almost) every span; None where they do not tell.

    Args:
        spans: (since, until) of each change, ascending.
        period: seconds between updates, as far as known.
    """
    tries = USUAL if period is None else (period,)
    return next((beat for each in tries if (beat := _find(spans, each)) is not None), None)


def _find(spans: Sequence[Span], period: float) -> Beat | None:
    narrow = [span for span in spans if span[1] - span[0] < NARROW * period]
    narrow = narrow[:: len(narrow) // MOST + 1]
    if len(narrow) < max(FEWEST, 0.3 * len(spans)):
        return None
    origin = narrow[0][0]
    best, wander, taken = period, WANDER, FEWEST
    while True:
        some = narrow[:taken]
        tries = (best * (1 + wander * n / STEPS) for n in range(-STEPS, STEPS + 1))
        votes = [_vote(some, each, origin) for each in tries if abs(each / period - 1) <= WANDER + 1e-9]
        most = max(vote.votes for vote in votes)
        agreeing = [vote for vote in votes if vote.votes == most]
        vote = agreeing[len(agreeing) // 2]
        best = vote.period
        # As fine as the longer stretch can tell: brackets that just part at its end.
        wander = max(2 * wander / STEPS, (agreeing[-1].period - agreeing[0].period) / best)
        if taken >= len(narrow):
            break
        taken *= 2
    if vote.votes < AGREED * len(narrow):
        return None
    return Beat(best, origin + (vote.low + vote.high) / 2, max((vote.high - vote.low) / 2, 0.0005))


def _vote(spans: Sequence[Span], period: float, origin: float) -> _Vote:
    """The phase that lies in most of the spans, taken modulo the period."""
    ends: list[tuple[float, int]] = []
    inside = 0
    for since, until in spans:
        low = (since - origin) % period
        high = low + until - since
        ends += [(low, -1), (min(high, period), 1)]
        if high > period:
            ends += [(0.0, -1), (high - period, 1)]
    ends.sort()
    best, low, high = 0, 0.0, 0.0
    for i, (at, step) in enumerate(ends):
        inside -= step
        if inside > best:
            best, low, high = inside, at, ends[i + 1][0] if i + 1 < len(ends) else at
    return _Vote(best, period, low, high)

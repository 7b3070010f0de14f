"""One energy counter: its period and phase as far as they are known, and the moments at which to look at it next."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

from ..model import Edge

_LEAST_MARGIN = 0.002
_CONTINUOUS = 0.015
"""Updates this close together cannot be told apart; such a counter is read in pairs at any time."""
_MISSES = 5
"""Updates in a row that were not where they were expected, before they are searched anew."""


class Counter:
    """What is known about one board's counter. Times are monotonic seconds."""

    def __init__(self, uuid: str, model: str, due: float) -> None:
        self.uuid, self.model, self.due = uuid, model, due
        self.value: float | None = None
        self.seen = -math.inf
        """Begin of the last read that showed ``value``."""
        self.period: float | None = None
        """Seconds between updates; 0 where they cannot be told apart; None where not known."""
        self.paired = False
        """The next read is the second one of a pair."""
        self._marks: deque[tuple[float, float]] = deque(maxlen=24)
        """(middle, width) of the edges that were caught narrowly."""
        self._anchor = 0.0
        self._margin = 0.005
        self._expected = 0.0
        self._pair_ahead = False
        self._round = hash(uuid) % 7
        self._misses = 0
        self._searched = -math.inf
        self._found: list[Edge] = []
        self._reads = 0
        self._hint: float | None = None

    @property
    def known(self) -> bool:
        """Whether the search has told when to look."""
        return self.period is not None

    def note(self, before: float, after: float, joules: float) -> Edge | None:
        """Take one read, begun at ``before`` and answered at ``after``; the edge, if the value is new."""
        edge = None
        if self.value is not None and joules != self.value:
            edge = Edge(uuid=self.uuid, since=self.seen, mono=after, joules=joules)
        self.value, self.seen = joules, before
        return edge

    def wait(self, until: float) -> None:
        """Look again at that time, whatever the plan."""
        self.due, self.paired, self._pair_ahead = until, False, False

    def too_late(self, now: float) -> bool:
        """Whether the moment just before an update has passed, so that a read would tell nothing about its start."""
        return self._pair_ahead and bool(self.period) and now > self._expected - self._margin / 3

    def wants_search(self, now: float, pause: float) -> bool:
        """Whether period and phase are to be found (again)."""
        return (not self.known or self._misses >= _MISSES) and now - self._searched > pause

    def start_search(self, now: float, period: float | None) -> None:
        """Begin to look densely; ``period`` is what a board of the same model has, if known."""
        # What a sibling has is no hint for a board that has just been found to differ.
        self._hint = None if self._misses else period
        self._searched, self._found, self._reads = now, [], 0
        self._misses = 0

    def search(self, edge: Edge | None, now: float, limit: float) -> bool:
        """Take one read of the search; True when it is over."""
        self._reads += 1
        if edge is not None and self._reads > 1:  # The first spans the time before the search.
            self._found.append(edge)
        enough = len(self._found) >= (2 if self._hint else 6) or now - self._searched > limit
        if enough:
            self._conclude()
        return enough

    def _conclude(self) -> None:
        edges = self._found
        if len(edges) >= 4 and len(edges) >= 0.6 * self._reads and _spacing(edges) < _CONTINUOUS:
            self.period = 0.0
        elif len(edges) >= 2:
            self._marks = deque((((e.since + e.mono) / 2, e.mono - e.since) for e in edges), maxlen=24)
            self.period = self._hint or _spacing(edges)
            self._margin = max(_LEAST_MARGIN, max(e.mono - e.since for e in edges))
            self._fit()
        self._found = []

    def learn(self, edge: Edge | None) -> None:
        """Take the outcome of a planned read into account."""
        if not self.period or not self.paired:
            return
        if edge is None:
            self._margin, self._misses = min(2 * self._margin, self.period / 3), self._misses + 1
        elif edge.mono - edge.since < 4 * self._margin + 0.01:  # Wider: the second read came late.
            self._marks.append(((edge.since + edge.mono) / 2, edge.mono - edge.since))
            self._margin, self._misses = max(_LEAST_MARGIN, 0.8 * self._margin), 0
            self._fit()

    def plan(self, now: float, reads: float) -> None:
        """Plan the next read, with ``reads`` per second to spend on this board."""
        if self.period is None:
            self.wait(now + max(0.1, 1 / reads))
        elif self.period == 0.0:
            self._plan_anytime(now, reads)
        elif self._pair_ahead:
            self.due, self.paired, self._pair_ahead = self._expected + self._margin, True, False
        else:
            self._plan_update(now, reads * self.period, self.period)

    def _plan_anytime(self, now: float, reads: float) -> None:
        """A pair back to back, then a pause."""
        self.paired = not self.paired
        self.due = now + (0.001 if self.paired else 2 / reads)

    def _plan_update(self, now: float, share: float, period: float) -> None:
        """A read after the next update; a pair around it, or a longer way off, as ``share`` reads per update allow."""
        self._round += 1
        stride = 1 if share >= 1 else math.ceil(2 / share)
        first = math.ceil((now + self._margin - self._anchor) / period)
        self._expected = self._anchor + period * (first + stride - 1)
        every = 1 if share >= 2 or share < 1 else math.ceil(1 / max(share - 1, 0.05))
        self._pair_ahead = self._round % every == 0
        self.paired = False
        self.due = self._expected + (-self._margin if self._pair_ahead else self._margin)

    def _fit(self) -> None:
        """Period and phase by weighted least squares over the marks."""
        period = self.period or 0.0
        last = self._marks[-1][0]
        rows = [(round((at - last) / period), at - last, 1 / (width * width + 1e-6)) for at, width in self._marks]
        total = sum(w for _, _, w in rows)
        n, t = sum(k * w for k, _, w in rows) / total, sum(x * w for _, x, w in rows) / total
        spread = sum(w * (k - n) ** 2 for k, _, w in rows)
        slope = sum(w * (k - n) * (x - t) for k, x, w in rows) / spread if spread > 0 else period
        if abs(slope - period) < 0.2 * period:
            self.period = period = slope
        self._anchor = last + t - period * n


def _spacing(edges: list[Edge]) -> float:
    """Median time between edges."""
    gaps = sorted(b.mono - a.mono for a, b in pairwise(edges))
    return gaps[len(gaps) // 2]

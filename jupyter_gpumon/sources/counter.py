"""One energy counter: its period and phase as far as they are known, and the moments at which to look at it next."""

from __future__ import annotations

import math
from itertools import pairwise

from ..model import Edge, Sensor
from .phase import Phase
from .verdict import minds_reads

_CONTINUOUS = 0.015
"""Updates this close together cannot be told apart; such a counter is read in pairs at any time."""
_LEAST_ROOM = 0.0015
"""Seconds between a read and the moment at which an update is expected."""
_RESTLESS = 0.0015
"""Standard deviation of the updates in seconds from which on nobody can be there at the right moment."""
_DENSE = 2.5
"""Reads per period with which evenly spaced ones are better then."""
_MISSES = 5
"""Updates in a row that were not where they were expected, before they are searched anew."""


class Counter:
    """What is known about one board's counter. Times are monotonic seconds."""

    def __init__(self, uuid: str, model: str, due: float) -> None:
        self.uuid, self.model, self.due = uuid, model, due
        self.value: float | None = None
        self.seen = -math.inf
        """Begin of the last read that showed ``value``."""
        self.phase: Phase | None = None
        self.continuous = False
        """Updates come too close to be told apart."""
        self.paired = False
        """The next read is the second one of a pair."""
        self.told: float | None = None
        """Seconds between updates, as a trial found them."""
        self.gentle = False
        """It is read seldom: it falls behind when it is polled, or its energy is not what is used."""
        self._pair_ahead = self._tight_before = False
        self._tight = self._second = self._latest_first = 0.0
        self._number, self._expected = 0, -math.inf
        self._misses = self._searches = 0
        self._searched = -math.inf
        self._found: list[Edge] = []
        self._reads = 0
        self._hint: float | None = None
        self._restless = self._even = False

    @property
    def known(self) -> bool:
        """Whether a search has told when to look."""
        return self._even or self.continuous or self.phase is not None

    @property
    def period(self) -> float | None:
        """Seconds between updates, where known."""
        return self.phase.period if self.phase else None

    def meet(self, sensor: Sensor | None) -> None:
        """Take what a trial has found."""
        self.told = sensor.period if sensor and sensor.checked else None
        self._restless = sensor is not None and self.told is not None and (sensor.jitter or 0.0) >= _RESTLESS
        self.gentle = sensor is not None and (sensor.method != "counter" or minds_reads(sensor))

    def note(self, before: float, after: float, joules: float) -> Edge | None:
        """Take one read, begun at ``before`` and answered at ``after``; the edge, if the value is new."""
        edge = None
        if self.value is not None and joules != self.value:
            edge = Edge(uuid=self.uuid, since=self.seen, mono=after, joules=joules, took=after - before)
        self.value, self.seen = joules, before
        return edge

    def afford(self, reads: float) -> None:
        """Take how many reads per second there are for this board: enough of them need not come at the right moment."""
        self._even = self._restless and self.told is not None and reads * self.told >= _DENSE

    def wait(self, until: float) -> None:
        """Look again at that time, whatever the plan."""
        self.due, self.paired, self._pair_ahead = until, False, False

    def too_late(self, now: float) -> bool:
        """Whether the moment just before an update has passed, so that a read would tell nothing about its start."""
        return self._pair_ahead and now > self._latest_first

    def wants_search(self, now: float, pause: float) -> bool:
        """Whether period and phase are to be found (again)."""
        lost = self._misses >= _MISSES and not self._even
        return (not self.known or lost) and now - self._searched > pause * 2**self._searches

    def start_search(self, now: float, period: float | None) -> None:
        """Begin to look densely; ``period`` is what a board of the same model has, if known."""
        self._searches = min(5, self._searches + 1)
        # What a sibling has is no hint for a board that was just found to differ.
        self._hint = None if self._misses else period
        self._searched, self._found, self._reads, self._misses = now, [], 0, 0

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
        self.continuous = len(edges) >= 4 and len(edges) >= 0.6 * self._reads and _spacing(edges) < _CONTINUOUS
        if len(edges) >= 2 and not self.continuous:
            self.phase = Phase(self._hint, 0.005) if self._hint else Phase(_spacing(edges))
            for edge in edges:
                self.phase.mark(edge.since, edge.mono)
        self._found = []

    def learn(self, edge: Edge | None) -> None:
        """Take the outcome of a planned read into account. Only what was caught between two reads is a fact."""
        if self.phase is None or not self.paired:
            return
        if edge is None:
            self._misses += 1
        elif edge.mono - edge.since < 0.9 * self.phase.period:  # Wider: the second read came late.
            self.phase.mark(edge.since, edge.mono, self._number)
            self._misses = 0

    def plan(self, now: float, reads: float, cost: float) -> None:
        """Plan the next read, with ``reads`` of ``cost`` seconds to spend per second on this board."""
        if self._even:
            self.wait(now + 1 / reads)
        elif self.continuous:
            self._plan_anytime(now, reads)
        elif self.phase is None:
            self.wait(now + max(0.1, 1 / reads))
        elif self._pair_ahead and now < self._second:
            self.due, self.paired, self._pair_ahead = self._second, True, False
        else:
            self._plan_update(now, self.phase, reads * self.phase.period, cost)

    def _plan_anytime(self, now: float, reads: float) -> None:
        """A pair back to back, then a pause."""
        self.paired = not self.paired
        self.due = now + (0.001 if self.paired else 2 / reads)

    def _plan_update(self, now: float, phase: Phase, share: float, cost: float) -> None:
        """A pair of reads around the next update, or around one further off, as ``share`` reads per update allow.

        One side is left less room than the update may need, in turn: a miss then tells on which side it was.
        """
        stride = max(1, math.ceil(2 / share - 0.05))
        number, expected, slack = phase.after(max(now, self._expected + phase.period / 2), stride)
        before, after = self._room(slack)
        before, after = min(before, phase.period / 3) + cost, min(after, phase.period / 3)
        if expected - before < now:
            number, expected = number + 1, expected + phase.period
        self._number, self._expected, self._second = number, expected, expected + after
        self._latest_first = expected - before + max(0.001, 0.3 * (before + after))
        self.due, self._pair_ahead, self.paired = expected - before, True, False

    def _room(self, slack: float) -> tuple[float, float]:
        """Seconds to leave before and after the expected moment.

        One side gets less than the update may need, in turn: whether it was caught then halves what is possible.
        """
        room = _LEAST_ROOM + slack * (1 + self._misses)
        if self._misses > 1:
            return room, room
        if self._misses == 1:  # It must have been beyond the tight side.
            beyond = 0.001 - self._tight
            return (room, beyond) if self._tight_before else (beyond, room)
        self._tight, self._tight_before = _LEAST_ROOM + 0.3 * slack, not self._tight_before
        return (self._tight, room) if self._tight_before else (room, self._tight)


def _spacing(edges: list[Edge]) -> float:
    """Median time between edges."""
    gaps = sorted(b.mono - a.mono for a, b in pairwise(edges))
    return gaps[len(gaps) // 2]

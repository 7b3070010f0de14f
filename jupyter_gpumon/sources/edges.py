"""The energy tier: when each board's counter was last seen with its old value, and when first with the new one.

A counter is updated every 20 to 1000 ms, and the board does not say when; a read may cost 2.5 ms. At rest every counter
is read once a second. While a kernel measures, the period and phase of each counter are found by a short search, one
board at a time; from then on it is read just after each update and, as often as the budget allows, also just before, so
that the update is caught between two reads a few milliseconds apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ..model import Device, Edge
from .counter import Counter

MEASURING_SHARE = 0.22
"""Part of each second that may be spent in counter reads while measuring: with the other tiers' 80 ms, 300 ms."""
SEARCH_SHARE = 0.35
"""The same during a search, which lasts a few periods of one board at a time; the others wait meanwhile."""
SEARCH_LIMIT = 2.5
"""Seconds after which a search gives up: the counter is slower than a second, or stands still."""
SEARCH_AGAIN = 10.0
"""Least time between two searches on one board."""
MOST_READS = 24.0
"""Reads per second and board, whatever they cost: some boards' counters fall behind when they are polled."""
LOOSE = 0.4
"""Seconds between reads of a board that waits for its search."""


class EdgeWatch:
    """Reads the energy counters of all boards and collects their edges. For one thread.

    Args:
        read: reads one counter by UUID, joules; None where there is none.
        mono: the monotonic clock.
    """

    def __init__(self, read: Callable[[str], float | None], mono: Callable[[], float]) -> None:
        self._read, self._mono = read, mono
        self._counters: dict[str, Counter] = {}
        self._edges: list[Edge] = []
        self._measuring = False
        self._searching: Counter | None = None
        self._cost = 0.0005

    @property
    def measuring(self) -> bool:
        """Whether counters are polled finely."""
        return self._measuring

    @measuring.setter
    def measuring(self, wanted: bool) -> None:
        if wanted == self._measuring:
            return
        for place, counter in enumerate(self._counters.values()):
            # Spread, so that boards of one phase do not all wait for the same moment.
            counter.wait(self._mono() + LOOSE * place / max(1, len(self._counters)))
        self._measuring, self._searching = wanted, None

    def watch(self, devices: Iterable[Device]) -> None:
        """Watch exactly the devices that answer; what is known about those that stay is kept."""
        wanted = {device.uuid: device for device in devices if device.state == "ok" and device.parent is None}
        kept = {uuid: counter for uuid, counter in self._counters.items() if uuid in wanted}
        for uuid, device in wanted.items():
            if uuid not in kept:
                kept[uuid] = Counter(uuid, device.name, due=self._mono())
        self._counters, self._searching = kept, None

    def forget(self, uuids: Iterable[str]) -> None:
        """Stop watching these: they have no counter, or are lost."""
        for uuid in uuids:
            self._counters.pop(uuid, None)
        self._searching = None

    def sweep(self, fresh: float) -> dict[str, float]:
        """Every counter's value in joules, read now unless it was read within ``fresh`` seconds."""
        for counter in list(self._counters.values()):
            if counter.value is None or self._mono() - counter.seen > fresh:
                self._look(counter)
        return {counter.uuid: counter.value for counter in self._counters.values() if counter.value is not None}

    def take(self) -> tuple[Edge, ...]:
        """The edges since the last call."""
        edges, self._edges = tuple(self._edges), []
        return edges

    @property
    def pending(self) -> bool:
        """Whether edges wait to be taken."""
        return bool(self._edges)

    def due(self) -> float:
        """Monotonic time of the next read; infinity where none is planned."""
        if not self._measuring:
            return math.inf
        counter = self._next()
        return counter.due if counter else math.inf

    def _next(self) -> Counter | None:
        if self._searching is not None:
            return self._searching
        # The second read of a pair goes first: its whole worth is in the moment.
        return min(self._counters.values(), key=lambda c: (c.due, not c.paired), default=None)

    def poll(self) -> None:
        """Do the read that is due, and plan the next one of that board."""
        now = self._mono()
        counter = self._next()
        if counter is None or counter.due > now:
            return
        if counter.too_late(now):
            counter.plan(now, self._affordable(), self._cost)
            return
        if self._searching is None and counter.wants_search(now, SEARCH_AGAIN):
            self._search(counter, now)
        edge = self._look(counter)
        if counter.uuid in self._counters:
            self._advance(counter, edge)

    def _search(self, counter: Counter, now: float) -> None:
        sibling = next((c for c in self._counters.values() if c.period and c.model == counter.model), None)
        counter.start_search(now, sibling.period if sibling else None)
        self._searching = counter

    def _advance(self, counter: Counter, edge: Edge | None) -> None:
        now = self._mono()
        if counter is not self._searching:
            counter.learn(edge)
            if counter.known:
                counter.plan(now, self._affordable(), self._cost)
            else:
                counter.wait(now + max(LOOSE, 1 / self._affordable()))
        elif counter.search(edge, now, SEARCH_LIMIT):
            self._searching = None
            counter.plan(now, self._affordable(), self._cost)
        else:
            counter.wait(now + max(0.004, self._cost * (1 / SEARCH_SHARE - 1)))

    def _affordable(self) -> float:
        """Reads per second for one board."""
        return min(MOST_READS, MEASURING_SHARE / self._cost / max(1, len(self._counters)))

    def _look(self, counter: Counter) -> Edge | None:
        before = self._mono()
        joules = self._read(counter.uuid)
        after = self._mono()
        self._cost += 0.1 * (max(after - before, 0.0001) - self._cost)
        if joules is None:
            self.forget([counter.uuid])
            return None
        edge = counter.note(before, after, joules)
        if edge is not None:
            self._edges.append(edge)
        return edge

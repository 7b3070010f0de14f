"""The energy tier: when each board's counter was last seen with its old value, and when first with the new one.

A counter is updated every 20 to 1000 ms, and the board does not say when; a read may cost 2.5 ms. At rest every counter
is read once a second. While a kernel measures, the period and phase of each counter are found by a short search, one
board at a time; from then on it is read just after each update and, as often as the budget allows, also just before, so
that the update is caught between two reads a few milliseconds apart. Where a trial has found that updates come early or
late, nobody can be there just then: such a counter is read at equal distances, if that is often enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..model import Device, Edge
from .counter import Counter
from .verdict import SLOW_READS

MEASURING_SHARE = 0.22
"""Part of each second that may be spent in counter reads while measuring: with the other tiers' 80 ms, 300 ms."""
SEARCH_SHARE = 0.35
"""The same during a search, which lasts a few periods of one board at a time; the others wait meanwhile."""
SEARCH_LIMIT = 2.5
"""Seconds after which a search gives up: the counter is slower than a second, or stands still."""
SEARCH_AGAIN = 10.0
"""Least time between two searches on one board."""
MOST_READS = 64.0
"""Reads per second and board, whatever they cost: some boards' counters fall behind when they are polled."""
LOOSE = 0.4
"""Seconds between reads of a board that waits for its search."""
SLOW, LEAST_SLOW = 2.5, 0.002
"""A read that takes so many times as long as usual, and so many seconds, was interrupted."""
USUAL_AFTER = 10
"""Reads after which it is known how long they usually take."""
ATTEMPTS = 3
"""Reads in a row until one is not interrupted."""


class Look(NamedTuple):
    """One read of a counter, begun at ``before`` and answered at ``after``."""

    before: float
    after: float
    joules: float | None
    edge: Edge | None
    """The update that it showed."""


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
        self._alone: str | None = None
        self._cost, self._reads = 0.0005, 0

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
            kept[uuid].meet(device.sensor)
        self._counters, self._searching = kept, None

    def leave_alone(self, uuid: str | None) -> None:
        """Read this counter no more than ``look`` is called for it; None ends that."""
        self._alone = uuid

    def look(self, uuid: str) -> Look:
        """Read one counter now, for whoever wants to know how it behaves; an edge is kept as any other."""
        counter = self._counters.get(uuid)
        if counter is None:
            now = self._mono()
            return Look(now, now, None, None)
        return self._look(counter)

    def forget(self, uuids: Iterable[str]) -> None:
        """Stop watching these: they have no counter, or are lost."""
        for uuid in uuids:
            self._counters.pop(uuid, None)
        self._searching = None

    def sweep(self, fresh: float) -> dict[str, float]:
        """Every counter's value in joules, read now unless it was read within ``fresh`` seconds."""
        for counter in list(self._counters.values()):
            age = max(fresh, 0.95 * SLOW_READS) if counter.gentle else fresh
            if counter.value is None or (self._mono() - counter.seen > age and counter.uuid != self._alone):
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
        first = None
        for counter in self._counters.values():
            if counter.gentle:
                continue
            # The second read of a pair goes first: its whole worth is in the moment.
            if first is None or counter.due < first.due or (counter.due == first.due and counter.paired > first.paired):
                first = counter
        return first

    def poll(self) -> None:
        """Do the read that is due, and plan the next one of that board."""
        now = self._mono()
        counter = self._next()
        if counter is None or counter.due > now:
            return
        counter.afford(self._affordable())
        if counter.too_late(now):
            counter.plan(now, self._affordable(), self._cost)
            return
        if self._searching is None and counter.wants_search(now, SEARCH_AGAIN):
            self._search(counter, now)
        edge = self._look(counter).edge
        if counter.uuid in self._counters:
            self._advance(counter, edge)

    def _search(self, counter: Counter, now: float) -> None:
        sibling = next((c for c in self._counters.values() if c.period and c.model == counter.model), None)
        counter.start_search(now, sibling.period if sibling else counter.told)
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

    def _look(self, counter: Counter) -> Look:
        """Read one counter; what an interrupted read has shown for the first time is not taken, but read again.

        The counter may have been updated between the answer and the end of such a read: its value would be taken for
        that of a later update than it is of, and the energy between the two be charged to the wrong time.
        """
        look, slow = self._read_once(counter.uuid)
        for _ in range(0 if counter.gentle else ATTEMPTS - 1):
            if not slow or look.joules is None or look.joules == counter.value:
                break
            look, slow = self._read_once(counter.uuid)
        if look.joules is None:
            self.forget([counter.uuid])
            return look
        if slow and look.joules != counter.value and counter.value is not None:
            return look
        edge = counter.note(look.before, look.after, look.joules)
        if edge is not None:
            self._edges.append(edge)
        return look._replace(edge=edge)

    def _read_once(self, uuid: str) -> tuple[Look, bool]:
        """One read, and whether it was interrupted."""
        before = self._mono()
        joules = self._read(uuid)
        after = self._mono()
        self._reads += 1
        longest = max(SLOW * self._cost, LEAST_SLOW) if self._reads > USUAL_AFTER else math.inf
        # What the machine did meanwhile is not what a read costs: it counts for as much as a slow read.
        self._cost += 0.1 * (min(max(after - before, 0.0001), longest) - self._cost)
        return Look(before, after, joules, None), after - before > longest

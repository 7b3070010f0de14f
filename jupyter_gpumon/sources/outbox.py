"""What waits to be written to a pipe: bounded; when the reader is slow, the oldest samples give way to newer ones."""

from __future__ import annotations

import threading
from collections import deque

from msgspec.structs import replace

from ..model import Hello, Sample
from ..wire import Stream

MOST_WAITING = 32
"""Messages; at 1 Hz half a minute."""
MOST_CARRIED = 4000
"""Events, and edges, that are carried over from samples that gave way; beyond it the oldest are lost."""


class Outbox:
    """A queue of messages for one writer. A sample that gives way leaves its events and edges to the next one."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[Stream] = deque()
        self._some = threading.Condition()
        self._closed = False

    def put(self, message: Stream) -> None:
        """Add a message; never blocks."""
        with self._some:
            if isinstance(message, Hello):
                # A new hello replaces one that nobody has seen yet.
                self._waiting = deque(m for m in self._waiting if not isinstance(m, Hello))
            self._waiting.append(message)
            if len(self._waiting) > self._most:
                self._give_way()
            self._some.notify()

    def get(self, timeout: float) -> Stream | None:
        """The oldest message; None when none came in time or the outbox was closed."""
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._closed, timeout)
            return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """What waits can still be got; nobody waits for more."""
        with self._some:
            self._closed = True
            self._some.notify_all()

    @property
    def done(self) -> bool:
        """Whether it is closed and empty."""
        with self._some:
            return self._closed and not self._waiting

    def _give_way(self) -> None:
        samples = [place for place, m in enumerate(self._waiting) if isinstance(m, Sample)]
        if len(samples) < 2:
            return
        oldest, heir = self._waiting[samples[0]], self._waiting[samples[1]]
        if isinstance(oldest, Sample) and isinstance(heir, Sample):
            self._waiting[samples[1]] = coalesced(oldest, heir)
            del self._waiting[samples[0]]


def coalesced(older: Sample, newer: Sample) -> Sample:
    """The newer sample with what must not be lost of the older: events, edges, and values it does not have itself."""
    return replace(
        newer,
        gpus=newer.gpus or older.gpus,
        host=newer.host or older.host,
        processes=newer.processes if newer.processes is not None else older.processes,
        edges=(*older.edges, *newer.edges)[-MOST_CARRIED:],
        links=older.links if newer.links is None else newer.links,
        powers=(*older.powers, *newer.powers)[-MOST_CARRIED:],
        events=(*older.events, *newer.events)[-MOST_CARRIED:],
        missed=older.missed + newer.missed + (1 if older.gpus and newer.gpus else 0),
    )

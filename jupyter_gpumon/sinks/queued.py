"""What sinks have in common: a bounded queue, and a thread that takes from it what the monitor puts in."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

from ..model import Hello
from ..wire import Stream
from .urls import shown

log = logging.getLogger("jupyter_gpumon")

MOST_WAITING = 1000
"""Messages that may wait for a slow destination before new ones are dropped: 16 minutes at one a second."""
PATIENCE = 10.0
"""Seconds that ``close`` waits for what still waits to be written."""


class Queued(ABC):
    """A sink that writes in a thread of its own. A subclass writes ``drain`` and calls ``start`` once it is ready.

    Args:
        url: as it was configured; shown without passwords.
        most: messages that may wait.
    """

    def __init__(self, url: str, most: int = MOST_WAITING) -> None:
        self.url = shown(url)
        self.dropped = 0
        """Messages lost: the destination was too slow, or away for too long."""
        self.problem = ""
        """What is the matter, in words for the user; empty when all is well."""
        self._most = most
        self._waiting: deque[Stream] = deque()
        self._changed = threading.Condition()
        self._closed = self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"gpumon-{self.url.partition(':')[0]}", daemon=True)

    @abstractmethod
    def drain(self) -> None:
        """Write what comes, by ``messages`` or ``batch``, until they end. In the thread; an error ends the sink."""

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, message: Stream) -> None:
        """Queue one message; never blocks. A hello is never lost: what follows cannot be read without it."""
        with self._changed:
            room = not self._ended and len(self._waiting) < self._most
            if room or (isinstance(message, Hello) and not self._ended):
                if not room and isinstance(self._waiting[-1], Hello):
                    self._waiting.pop()
                self._waiting.append(message)
                self._changed.notify()
            else:
                self.dropped += 1

    def close(self) -> None:
        """Write what waits, for some seconds at most, and let go."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)

    @property
    def closing(self) -> bool:
        """Whether nothing more comes: what waits is to be written now or never."""
        return self._closed

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    @property
    def room(self) -> int:
        """How many more may wait before messages are lost."""
        return 0 if self._ended else max(0, self._most - len(self._waiting))

    @property
    def ended(self) -> bool:
        """Whether nothing is written any more."""
        return self._ended

    def messages(self) -> Iterator[Stream]:
        """The messages one by one as they come, until the sink is closed."""
        while batch := self.batch(1, 0.0):
            yield from batch

    def batch(self, most: int, seconds: float) -> list[Stream]:
        """Up to ``most`` messages, or what has come ``seconds`` after the first was there; empty once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            end = time.monotonic() + seconds
            while len(self._waiting) < most and not self._closed and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def pause(self, seconds: float) -> None:
        """Wait, unless the sink is closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def _run(self) -> None:
        try:
            self.drain()
        except Exception as e:  # A sink may be a plug-in: whatever it raises is said, and the others go on.
            self.problem = str(e) or type(e).__name__
            log.error("gpumon: the sink %s ends here: %s", self.url, self.problem)
        with self._changed:
            self._ended = True
            self.dropped += len(self._waiting)
            self._waiting.clear()

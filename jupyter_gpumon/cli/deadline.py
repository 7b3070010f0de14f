"""The end of a look at a source: so many seconds after its first sample of a GPU, also where it falls silent."""

from __future__ import annotations

import threading

from ..clock import Clock
from ..model import Sample
from ..sources import Source
from ..wire import Stream

GRACE = 30.0
"""Seconds that a first sample of a GPU may take beside: an agent starts, a driver wakes up, a server is reached."""
_HOPEFUL = ("live", "starting", "stalled", "restarting", "disconnected")
"""States after which samples may come."""


class Deadline:
    """Closes a source when its time is over: whoever waits for its next message waits no longer.

    Args:
        source: what is looked at.
        seconds: how long; None is without end.
        clock: the time.
    """

    def __init__(self, source: Source, seconds: float | None, clock: Clock) -> None:
        self._source, self._seconds, self._clock = source, seconds, clock
        self._begun: float | None = None
        self._timer: threading.Timer | None = None
        if seconds is not None:
            self._close_in(seconds + GRACE)

    @property
    def passed(self) -> float:
        """Seconds of the look up to now; 0 where it has not begun."""
        return 0.0 if self._begun is None else self._clock.mono() - self._begun

    @property
    def over(self) -> bool:
        """Whether it has been long enough."""
        return self._seconds is not None and self._begun is not None and self.passed >= self._seconds

    def see(self, message: Stream) -> None:
        """Take a message: the first sample of a GPU is the beginning, or word that none is to be expected."""
        if self._begun is None and _begins(message):
            self._begun = self._clock.mono()
            if self._seconds is not None:
                self._close_in(self._seconds)

    def cancel(self) -> None:
        """The look has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _close_in(self, seconds: float) -> None:
        self.cancel()
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._source.close)
        self._timer.daemon = True
        self._timer.start()


def _begins(message: Stream) -> bool:
    if isinstance(message, Sample):
        return bool(message.gpus)
    return message.status.state not in _HOPEFUL

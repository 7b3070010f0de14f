"""Time: one clock that runs, and one that tests turn by hand."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """Unix time, monotonic time and a wait, all in seconds."""

    def time(self) -> float:
        """Unix time: a label, may step."""

    def mono(self) -> float:
        """Monotonic time of this boot, the same in every process of the machine."""

    def asleep(self) -> float:
        """Seconds of this boot in which the machine was suspended and ``mono`` stood still; 0 where not known."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set (True) or the time is over (False)."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        return time.time()

    def mono(self) -> float:
        return time.monotonic()

    def asleep(self) -> float:
        boot = getattr(time, "CLOCK_BOOTTIME", None)
        return 0.0 if boot is None else time.clock_gettime(boot) - time.clock_gettime(time.CLOCK_MONOTONIC)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(max(0.0, seconds))


class FakeClock:
    """A clock that moves only when it is told to, or waited on; for tests and replays faster than life."""

    def __init__(self, time: float = 1_795_302_000.0, mono: float = 1_000.0) -> None:
        self._time, self._mono, self._asleep = time, mono, 0.0

    def time(self) -> float:
        return self._time

    def mono(self) -> float:
        return self._mono

    def asleep(self) -> float:
        return self._asleep

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.advance(max(0.0, seconds))
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let both clocks run on."""
        self._time += seconds
        self._mono += seconds

    def step(self, seconds: float) -> None:
        """Step the Unix clock alone, as NTP or an operator would."""
        self._time += seconds

    def suspend(self, seconds: float) -> None:
        """Close the lid: Unix time goes on, monotonic time stands still."""
        self._time += seconds
        self._asleep += seconds


class _Span(NamedTuple):
    """A stretch of monotonic time, ``first`` to ``last``, in which Unix time was ``offset`` ahead."""

    offset: float
    first: float
    last: float


class Offsets:
    """How Unix time and monotonic time went together, so that a window is found again after a sleep or a clock step."""

    KEPT = 256
    """Spans; a clock that is slewed as fast as it may be begins one every two minutes."""
    SAME = 0.05
    """Seconds by which the offset may differ within a span."""
    SLACK = 60.0
    """Seconds for which the latest span goes on after its last sample, whatever an older one says of that time."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []

    def note(self, time: float, mono: float) -> None:
        """Take one moment by both clocks; a monotonic clock that went back is another boot's, and forgets the rest."""
        spans, offset = self._spans, time - mono
        if spans and mono < spans[-1].last:
            self._spans = [_Span(offset, mono, mono)]
        elif spans and abs(spans[-1].offset - offset) < self.SAME:
            self._spans = [*spans[:-1], spans[-1]._replace(last=mono)]
        else:
            self._spans = [*spans, _Span(offset, mono, mono)][-self.KEPT :]

    def mono(self, time: float) -> float | None:
        """The monotonic moment of a Unix time, the latest where a clock that was set back ran over it twice.

        A time in a sleep is the moment of falling asleep. None before the first ``note``.
        """
        after: _Span | None = None
        for span in reversed(self._spans):
            mono = time - span.offset
            if after is None and span.first <= mono <= span.last + self.SLACK:
                return mono
            if span.first <= mono <= span.last:
                return mono
            after = after or span
        return self._between(time) if after else None

    def _between(self, time: float) -> float:
        """The moment of a time that no span covers."""
        for earlier, later in pairwise(self._spans):
            if earlier.last + earlier.offset < time < later.first + later.offset:
                return min(max(time - later.offset, earlier.last), later.first)
        first, latest = self._spans[0], self._spans[-1]
        return time - (first if time < first.first + first.offset else latest).offset


def boot_id() -> str:
    """Identity of this boot: two ``mono`` values compare only within one. Empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""

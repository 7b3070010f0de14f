"""Time: one clock that runs, and one that tests turn by hand."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Protocol


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


def boot_id() -> str:
    """Identity of this boot: two ``mono`` values compare only within one. Empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""

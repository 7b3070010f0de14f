"""What the agent and its watcher have agreed on: exit codes, signs of life, and how a hung driver is told."""

from __future__ import annotations

import time
from typing import Protocol

from msgspec.structs import replace

from ..clock import Clock
from ..model import Hello, Status

EXIT_FRESH = 75
"""The driver is newer than the library in this process: start a fresh one."""
EXIT_REFUSED = 64
"""The backend cannot be opened as asked; an ``error`` line says why."""
REOPEN = 15.0
"""Seconds after which a driver with a lost device is opened anew, in case that brings it back; doubled each time."""
BEAT = 2.0
"""Seconds without a line after which the agent writes an empty sample, to show that it lives."""


class Watched(Protocol):
    """What the watchdog sees of the sampler."""

    hello: Hello
    call: tuple[float, str] | None


class Watchdog:
    """Says, from another thread than the driver's, that the driver does not respond; once per hung call."""

    def __init__(self, sampler: Watched, stall: float) -> None:
        self._sampler, self._stall = sampler, stall
        self._told: tuple[float, str] | None = None

    def look(self, clock: Clock) -> Hello | None:
        """The hello to send now: stalled; or the sampler's own, where the hung call has returned; else None."""
        call, hello = self._sampler.call, self._sampler.hello
        if self._told is not None:
            if call == self._told:
                return None
            self._told = None
            return hello
        if call is None or clock.mono() - call[0] <= max(self._stall, 3 * hello.interval):
            return None
        self._told = call
        return replace(hello, status=stalled(clock.time() - (clock.mono() - call[0])))


def stalled(since: float) -> Status:
    """The status of a driver that has not answered since that Unix time."""
    at = time.strftime("%H:%M:%S", time.localtime(since))
    return Status(
        state="stalled",
        message=f"The driver is not responding since {at}.",
        hint="It often comes back by itself within a minute. If it does not, dmesg tells more; a reboot may be needed.",
        since=since,
    )

"""Links on demand: each NVLink is looked at when somebody asks, at most every two seconds."""

from __future__ import annotations

import asyncio
import time

from ..links import Links
from ..model import Request
from ..monitor import Monitor
from ..wiring import Wiring

FRESH = 2.0
"""Seconds for which a look is good enough."""
WAIT = 3.0
"""Seconds for an answer of the source; one that has not answered is not waited for again in the next minute."""
SULK = 60.0
STEP = 0.05


class AskedLinks:
    """Asks the source, and waits for what it says.

    Args:
        monitor: through which the source is asked.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor, self._wiring = monitor, Wiring()
        self._silent = float("-inf")
        monitor.add(self._wiring)

    async def asked(self) -> Links:
        """Everything. The first time there are two looks, for without a second one no rate is known."""
        if time.monotonic() - self._silent > SULK:
            await self._look(FRESH)
            if not self._wiring.moving:
                await asyncio.sleep(1.0)
                await self._look(0.5)
        return self._wiring.links()

    async def _look(self, fresh: float) -> None:
        before, now = self._wiring.looked, time.monotonic()
        if before is not None and now - self._answered < fresh:
            return
        self._monitor.ask(Request(links=True))
        while self._wiring.looked == before:
            if time.monotonic() - now > self._patience:
                self._silent = time.monotonic()
                return
            await asyncio.sleep(STEP)
        self._answered = time.monotonic()

    _answered = float("-inf")

    @property
    def _patience(self) -> float:
        """A source that looks seldom, while nobody watches, answers with its next sample."""
        return WAIT + self._monitor.hello.interval

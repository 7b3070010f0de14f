"""Windows that last longer than updates are kept: what they took so far is put by, stretch after stretch.

A training cell runs for hours, a ledger remembers minutes. So every few minutes the energy of each open window up to
then is measured as if it ended there, and added to what was put by before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ..model import Energy
from .sums import total

LENGTH = 120.0
"""Seconds of a stretch, and between two looks."""
SETTLED = 10.0
"""Seconds after which all updates and readings of a moment have come."""
MOST = 256
"""Open windows that are looked after; a kernel that has more has lost count of them."""

Measure = Callable[[str, float, float], Energy]


class Stretches:
    """What the open windows took so far.

    Args:
        measure: energy of a device between two moments.
    """

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._open: list[float] = []
        self._done: dict[tuple[str, float], tuple[float, Energy]] = {}
        self._closed: dict[float, float] = {}
        """Windows that are over, and when they were."""
        self._looked = -math.inf

    @property
    def open(self) -> tuple[float, ...]:
        """When the windows began that go on."""
        return tuple(self._open)

    def window(self, start: float, end: float) -> None:
        """A window begins, or with a finite end is over."""
        if end == math.inf:
            self._open = [*self._open, start][-MOST:]
        elif start in self._open:
            self._open.remove(start)
            self._closed[start] = end

    def look(self, now: float, devices: Iterable[str], kept: float) -> None:
        """Put by what has settled, now and then; forget windows whose end is no longer kept either."""
        if now - self._looked < LENGTH:
            return
        self._looked = now
        for uuid in devices:
            for start in self._open:
                self._put_by(uuid, start, now - SETTLED)
        over = {start for start, end in self._closed.items() if end < now - kept}
        self._closed = {start: end for start, end in self._closed.items() if start not in over}
        self._done = {key: done for key, done in self._done.items() if key[1] in self._closed or key[1] in self._open}

    def _put_by(self, uuid: str, start: float, until: float) -> None:
        since, before = self._done.get((uuid, start), (start, None))
        if until - since < LENGTH:
            return
        stretch = self._measure(uuid, since, until)
        if stretch.final:
            self._done[uuid, start] = until, stretch if before is None else total((before, stretch))

    def begun(self, uuid: str, start: float) -> tuple[float, Energy] | None:
        """Until when a window's energy is put by, and what it was; None for windows that began a short time ago."""
        return self._done.get((uuid, start))

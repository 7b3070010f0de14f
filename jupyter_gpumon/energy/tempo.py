"""Period and phase of a counter's pulse, the better known the longer it was heard.

A trial tells a period to a thousandth, and the updates of a second tell little more, nor their phase to less than a
read takes. But between two phases a minute apart lie thousands of updates, over which is spread what is not known of
the two; and once the period is known, what one second allows for the phase has to agree with what was allowed before.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from .pulse import Pulse

DOUBT = 0.001
"""Share by which a period may be wrong as it was told at first."""
SURE = 0.3
"""Share of a period by which the next phase may be off for the updates until then to be counted without doubt."""
LONGEST = 120.0
"""Seconds over which a period is taken to be one; a board's clock may drift."""


class _Phase(NamedTuple):
    number: int
    time: float
    off: float


class Tempo:
    """One counter's pulse, as it was heard at different times.

    Args:
        told: its period in seconds, as a trial found it.
    """

    def __init__(self, told: float) -> None:
        self.told = self.period = told
        self._doubt = DOUBT * told
        self._heard: deque[_Phase] = deque()
        self._narrow: Pulse | None = None

    def learn(self, pulse: Pulse) -> float:
        """Take where the pulse is now; the period in seconds."""
        while self._heard and self._heard[0].time < pulse.time - LONGEST:
            self._heard.popleft()
        number = self._count(pulse)
        if number is None:  # begin anew from what is known by now
            self._heard.clear()
        self._heard.append(_Phase(number or 0, pulse.time, pulse.off))
        self._fit()
        self._narrow = self.narrowed(pulse)
        return self.period

    def _count(self, pulse: Pulse) -> int | None:
        """The number of this beat, from that of the last one heard; None where it is not sure."""
        if not self._heard:
            return None
        last = self._heard[-1]
        count = round((pulse.time - last.time) / self.period)
        off = abs(pulse.time - last.time - count * self.period) + count * self._doubt
        return last.number + count if off < SURE * self.period else None

    def _fit(self) -> None:
        """The period over the whole stretch, where that tells it better than what was known."""
        first, last = self._heard[0], self._heard[-1]
        count = last.number - first.number
        # Phases are heard by reads that are placed alike: what is wrong with both is wrong in the same way.
        doubt = (first.off + last.off) / 2 / count if count else self._doubt
        if doubt < self._doubt or (len(self._heard) > 2 and doubt < DOUBT * self.told):
            self.period, self._doubt = (last.time - first.time) / count, doubt

    def narrowed(self, pulse: Pulse) -> Pulse:
        """This pulse, heard in a second or so, as far as it agrees with what was heard before.

        Updates that come early or late by themselves tell no more together than they say of their own.
        """
        known = self._narrow
        if known is None or pulse.jitter:
            return pulse
        count = round((pulse.time - known.time) / self.period)
        time, off = known.time + count * self.period, known.off + abs(count) * self._doubt
        low, high = max(time - off, pulse.time - pulse.off), min(time + off, pulse.time + pulse.off)
        return pulse if low > high else Pulse((low + high) / 2, self.period, (high - low) / 2, 0.0)

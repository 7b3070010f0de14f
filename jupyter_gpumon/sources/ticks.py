"""When the next look is due, and whether time passed as it should since the one before."""

from __future__ import annotations

from ..clock import Clock
from ..model import Event
from ..units import duration

_LEAST_GAP = 2.0
"""Seconds; a shorter outage is a missed tick, not an event."""
_LEAST_STEP = 1.0
"""Seconds by which the clocks must come apart to be an event; NTP slews far less in a tick."""


class Ticks:
    """Ticks on the monotonic clock that neither drift nor pile up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = clock.mono()
        self._before = 0.0
        self._continuity = Continuity(clock)

    def due(self, interval: float) -> float:
        """Monotonic time of the next tick; never further away than one interval, which may have changed."""
        self._due = min(self._due, self._clock.mono() + interval)
        return self._due

    def take(self, interval: float) -> tuple[int, list[Event]]:
        """Begin a tick: how many before it were missed, and the gaps since the last one."""
        late = self._clock.mono() - self._due
        missed = max(0, int(late / interval))
        self._due += (missed + 1) * interval
        slower, self._before = max(interval, self._before), interval
        # A rate that was just raised: the tick before this one was still followed by the longer wait.
        return missed, self._continuity.check(slower)


class Continuity:
    """Tells a suspended machine, an outage and a stepped clock from the ordinary passing of time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = (clock.time(), clock.mono(), clock.asleep())

    def check(self, interval: float) -> list[Event]:
        """Gap events since the last call, which should have been ``interval`` seconds ago."""
        before, (time, mono, asleep) = self._last, (self._clock.time(), self._clock.mono(), self._clock.asleep())
        self._last = (time, mono, asleep)
        passed, slept = mono - before[1], asleep - before[2]
        stepped = (time - before[0]) - passed - slept
        start = before[0] + stepped  # As the clock of now would have called it.
        events = []
        if slept > _LEAST_STEP:
            title = f"The machine was asleep for {duration(slept)}"
            events.append(_gap(title, "Nothing was measured meanwhile.", start, time, mono))
        if passed > max(3 * interval, _LEAST_GAP):
            title = f"No samples for {duration(passed)}"
            events.append(_gap(title, "The driver or the machine was too busy to answer.", start, time, mono))
        if abs(stepped) > _LEAST_STEP:
            title = f"The clock was set {'forward' if stepped > 0 else 'back'} by {duration(abs(stepped))}"
            detail = "Times before and after do not join; durations and energy are not affected."
            events.append(_gap(title, detail, time, time, mono))
        return events


def _gap(title: str, detail: str, start: float, end: float, mono: float) -> Event:
    return Event(kind="gap", time=start, mono=mono, title=title, detail=detail, level="warning", until=end)

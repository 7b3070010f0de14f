"""The relation of a recording's time to ours: when each sample is due, and with which stamps."""

from __future__ import annotations

from msgspec.structs import replace

from ..clock import Clock
from ..model import Event, Sample


class Tape:
    """The relation of the recording's time to ours.

    New stamps keep the recording's own distances, so that rates and energies stay right. Played faster than life, it
    is stamped as if it had been recorded up to the moment at which it will have been played.
    """

    def __init__(self, clock: Clock, speed: float, length: float) -> None:
        self._clock, self._speed = clock, speed
        self._next = clock.mono() - length * (1 - 1 / speed if speed else 1)
        """The stamp that the first sample of a stretch gets."""
        self._begun: tuple[float, float] | None = None
        self._last = 0.0
        self._mono = self._time = 0.0

    def rewind(self) -> None:
        """The next sample is the first of another stretch."""
        self._begun = None

    def due(self, sample: Sample) -> float:
        """Our monotonic time at which to play the sample. Another boot in the recording begins another stretch."""
        if self._begun is None or sample.mono < self._last:
            self._begun = (sample.mono, self._clock.mono())
            self._mono = self._next - sample.mono
            self._time = self._next - self._clock.mono() + self._clock.time() - sample.time
        self._last = sample.mono
        self._next = sample.mono + self._mono + 1.0
        return self._begun[1] + ((sample.mono - self._begun[0]) / self._speed if self._speed else 0.0)

    def restamped(self, sample: Sample) -> Sample:
        """The sample with its new stamps."""
        mono, time = self._mono, self._time
        return replace(
            sample,
            time=sample.time + time,
            mono=sample.mono + mono,
            edges=tuple(replace(edge, since=edge.since + mono, mono=edge.mono + mono) for edge in sample.edges),
            powers=tuple(replace(run, monos=tuple(at + mono for at in run.monos)) for run in sample.powers),
            events=tuple(_event(event, time, mono) for event in sample.events),
        )


def _event(event: Event, time: float, mono: float) -> Event:
    until = None if event.until is None else event.until + time
    return replace(event, time=event.time + time, mono=event.mono + mono, until=until)

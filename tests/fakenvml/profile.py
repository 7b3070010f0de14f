"""Power over time and its exact integral: src/profile.c in Python, so that a test knows the truth. Change both.

A timeline is a list of segments ``[TIME=]PROFILE`` parted by blanks; each holds from TIME (``time.monotonic()``) until
the next. Profiles, in watts and seconds: ``300``, ``steps:60@2,300@1`` (cyclic), ``square:LOW,HIGH,HERTZ[,SHARE]`` (the
high part first), ``ramp:FROM,TO,SECONDS`` (then constant), ``bursts:IDLE,PEAK,LENGTH,PER_SECOND[,SEED]``.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field

Integral = Callable[[float], float]
MASK = (1 << 64) - 1


def noise(seed: int, n: int) -> float:
    """A number in [0, 1) drawn from (seed, n): splitmix64."""
    z = (seed * 0x9E3779B97F4A7C15 + (n + 1) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) * 2.0**-53


def steps(parts: list[tuple[float, float]]) -> Integral:
    """The integral of (watts, seconds) parts, repeated for ever."""
    cycle = sum(seconds for _, seconds in parts)
    whole = sum(watts * seconds for watts, seconds in parts)

    def integral(x: float) -> float:
        cycles = math.floor(x / cycle)
        rest, total = x - cycles * cycle, cycles * whole
        for watts, seconds in parts:
            total += watts * min(max(rest, 0.0), seconds)
            rest -= seconds
        return total

    return integral


def ramp(start: float, end: float, seconds: float) -> Integral:
    """The integral of a straight line from start to end watts that then stays."""

    def integral(x: float) -> float:
        rising = min(x, seconds)
        return start * rising + (end - start) * rising * rising / (2 * seconds) + end * (x - rising)

    return integral


def bursts(idle: float, peak: float, length: float, rate: float, seed: float = 1) -> Integral:
    """The integral of one burst in each slot of 1/rate seconds, at an offset drawn from the slot's number."""
    slot = 1 / rate

    def integral(x: float) -> float:
        n = math.floor(x / slot)
        offset = noise(int(seed), n) * (slot - length)
        busy = n * length + min(max(x - n * slot - offset, 0.0), length)
        return idle * x + (peak - idle) * busy

    return integral


def parse(profile: str) -> Integral:
    """The integral of a profile from its own time 0."""
    kind, _, values = profile.rpartition(":")
    if kind == "steps":
        pairs = [part.split("@") for part in values.split(",")]
        return steps([(float(watts), float(seconds)) for watts, seconds in pairs])
    numbers = [float(number) for number in values.split(",")]
    if kind == "square":
        low, high, rate, share = [*numbers, 0.5][:4]
        return steps([(high, share / rate), (low, (1 - share) / rate)])
    shapes: dict[str, Callable[..., Integral]] = {"ramp": ramp, "bursts": bursts}
    return shapes[kind](*numbers) if kind in shapes else steps([(numbers[0], 1.0)])


@dataclass
class Timeline:
    """What one GPU draws, and the joules between any two moments."""

    segments: list[tuple[float, str]] = field(default_factory=list)
    epoch: float = 0.0
    phase: float = 0.0

    @classmethod
    def of(cls, text: str, epoch: float = 0.0, phase: float = 0.0) -> Timeline:
        """From the scenario's own words."""
        timeline = cls(epoch=epoch, phase=phase)
        for word in text.split():
            start, equals, profile = word.rpartition("=")
            timeline.add(float(start) if equals else 0.0, profile)
        return timeline

    def add(self, start: float, profile: str) -> None:
        """From ``start`` on, draw this."""
        insort(self.segments, (start, profile), key=lambda segment: segment[0])

    def total(self, until: float) -> float:
        """Joules from ``epoch`` to ``until``."""
        ends = [start for start, _ in self.segments[1:]] + [math.inf]
        total = 0.0
        for (start, profile), end in zip(self.segments, ends, strict=True):
            first, last = max(start, self.epoch), min(end, until)
            if last > first:
                integral = parse(profile)
                total += integral(last - first + self.phase) - integral(self.phase)
        return total

    def energy(self, start: float, end: float) -> float:
        """Joules between two moments of ``time.monotonic()``."""
        return self.total(end) - self.total(start)

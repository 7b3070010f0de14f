"""What each board took since a moment: the growth of its counter, told apart by whether it worked meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..metrics import Gpu
from ..model import Device, Sample
from .sensors import counted

_QUIET = 0.005
"""Utilization up to which a board did nothing."""
HOLD = 30.0
"""Seconds between two readings of power up to which the power between them can be told; the slowest rate is 5 s."""


@dataclass(slots=True)
class Taken:
    """Sums over one period, of one board; joules and seconds."""

    joules: float | None = None
    idle: float = 0.0
    """Part of ``joules``: between two readings that both found the board without work."""
    idle_seconds: float = 0.0
    busy_seconds: float = 0.0
    integrated: bool = False
    """Whether some of it is the integral of power."""
    resets: int = 0
    uncovered: float = 0.0

    def add(self, step: Step, share: float = 1.0) -> None:
        """Take the time between two readings in, or this share of it."""
        self.resets += step.reset
        self.integrated |= step.integrated
        if step.joules is None:
            self.uncovered += step.seconds * share
            return
        self.joules = (self.joules or 0.0) + step.joules * share
        if step.idle:
            self.idle += step.joules * share
            self.idle_seconds += step.seconds * share
        else:
            self.busy_seconds += step.seconds * share

    def idle_joules(self, watts: float | None) -> float | None:
        """What the board would have taken in all this time without work, if that is ``watts``."""
        return None if watts is None else self.idle + watts * self.busy_seconds

    @property
    def idle_watts(self) -> float | None:
        """Mean power while it did nothing; None where it was never seen so."""
        return self.idle / self.idle_seconds if self.idle_seconds else None


@dataclass(frozen=True, slots=True)
class _Reading:
    mono: float
    counter: float | None
    watts: float | None
    idle: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The time between two readings; ``joules`` None where nobody can say what was drawn in it."""

    seconds: float
    joules: float | None
    idle: bool
    integrated: bool = False
    reset: bool = False


def _reading(mono: float, gpu: Gpu, counts: bool) -> _Reading | None:
    counter = gpu.energy if counts else None
    if counter is None and (counts or gpu.power is None):
        return None  # the counter is not in every sample
    return _Reading(mono, counter, gpu.power, gpu.utilization is not None and gpu.utilization <= _QUIET)


def _between(before: _Reading, now: _Reading) -> Step:
    seconds, idle = now.mono - before.mono, before.idle and now.idle
    if before.counter is not None and now.counter is not None:
        fell = now.counter < before.counter
        return Step(seconds, 0.0 if fell else now.counter - before.counter, idle, reset=fell)
    if before.watts is None or now.watts is None or seconds > HOLD:
        return Step(seconds, None, idle, integrated=True)
    return Step(seconds, (before.watts + now.watts) / 2 * seconds, idle, integrated=True)


@dataclass(slots=True)
class Meters:
    """One period's sums of all boards; ``since`` is Unix time."""

    since: float
    boards: dict[str, Taken] = field(default_factory=dict)

    def add(self, uuid: str, step: Step, share: float = 1.0) -> None:
        """Take a step of one board in."""
        self.boards.setdefault(uuid, Taken()).add(step, share)


class Reader:
    """Follows the readings of all boards."""

    def __init__(self) -> None:
        self._counting: dict[str, bool] = {}
        self._last: dict[str, _Reading] = {}
        self._boot: str | None = None

    def meet(self, devices: tuple[Device, ...], boot: str) -> None:
        """Which boards there are. An instance of one is none: it has neither a counter nor a sensor of its own."""
        self._counting = {device.uuid: counted(device) for device in devices if device.parent is None}
        if boot != self._boot:
            self._last.clear()  # another machine's clock and counters, or the same after it was started anew
        self._boot = boot

    def steps(self, sample: Sample) -> list[tuple[str, Step]]:
        """What has been drawn since each board's last reading."""
        found: list[tuple[str, Step]] = []
        for gpu in sample.gpus:
            counts = self._counting.get(gpu.uuid)
            reading = None if counts is None else _reading(sample.mono, gpu, counts)
            if reading is None:
                continue
            before, self._last[gpu.uuid] = self._last.get(gpu.uuid), reading
            if before is not None and reading.mono > before.mono:
                found.append((gpu.uuid, _between(before, reading)))
        return found

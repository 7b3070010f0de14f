"""The power tier: readings finer than samples while somebody measures, where the counter alone does not tell enough.

A board whose energy is not taken from a counter is read several times per update of its sensor, or, where the driver
keeps a record of its own, told by that: it is finer, and one call brings a second of it. Boards with a counter that is
read seldom get the same. Nothing is read here while nobody measures: samples hold the power of each second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from ..clock import Clock, Offsets
from ..model import Device, PowerRun
from . import Backend
from .verdict import minds_reads

PACE = 0.025
"""Seconds between readings: sensors are updated every 20 to 100 ms, and a reading costs microseconds."""
DRAIN = 0.2
"""Seconds between looks at a driver's record; a look costs 1.5 ms, and the record holds two seconds or more."""
FIRST = 1.0
"""Seconds of the record that are taken when measuring begins."""
TOGETHER = 0.2
"""Seconds for which readings are gathered before they are told."""
LEARN = 1.2
"""Seconds between looks at a record that only serves to learn how late a counter is."""
TOGETHER_CLOCKS = 0.001
"""Seconds within which both clocks must have been read to be compared."""
PLAUSIBLE = 2.0
"""Seconds: a record that ends longer ago than this, or has gaps as long, is not kept up and is not used."""
CHANCES = 3
"""Looks at a record that may fail before it is given up until the driver is opened anew."""

Readings = list[tuple[float, float]]
"""(monotonic time, watts), ascending."""


class Record:
    """The driver's own record of one board's power, on the monotonic clock.

    Its stamps are Unix time, and Unix time may be set; ``offsets`` knows how both went together.
    """

    def __init__(self, uuid: str, backend: Backend, clock: Clock, offsets: Offsets) -> None:
        self.uuid = uuid
        self._backend, self._clock, self._offsets = backend, clock, offsets
        self._last = -math.inf
        """Unix time of the newest entry that was taken."""
        self._failed = 0

    @property
    def usable(self) -> bool:
        """Whether it has told nothing impossible so far."""
        return self._failed < CHANCES

    def take(self, most: float = FIRST) -> list[tuple[float, float]]:
        """(monotonic seconds, watts) of the entries since the last call, of the last ``most`` seconds at first."""
        now = self._clock.time()
        since = self._last if abs(now - self._last) < 60.0 else now - most
        told = self._backend.power_history(self.uuid, since)
        if told is None:
            self._failed = CHANCES
            return []
        if not told:
            self._failed += now - self._last > PLAUSIBLE
            return []
        found = self._on_our_clock(told)
        self._last = told[-1][0]
        return found

    def _on_our_clock(self, told: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """The entries with monotonic times; nothing where they cannot be what they say."""
        now = self._clock.mono()
        found = [(mono, watts) for stamp, watts in told if (mono := self._offsets.mono(stamp)) is not None]
        ascending = all(a[0] < b[0] for a, b in pairwise(found))
        ends_now = bool(found) and now - PLAUSIBLE < found[-1][0] < now + 0.01
        if not ascending or not ends_now or any(not 0 <= watts < 1e5 for _, watts in found):
            self._failed += 1
            return []
        self._failed = 0
        return found


class _Board:
    """A board whose power is followed: for whoever measures (``told``), or to learn how late its counter is."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.told = self.learns = False
        self.drained = -math.inf

    def meet(self, device: Device, learns: bool) -> bool:
        """Take what is known of it; whether it is to be followed."""
        there = device.state == "ok" and device.parent is None
        self.told = there and _needs(device)
        self.learns = there and not self.told and learns and _learnable(device, self.record.usable)
        return self.told or self.learns

    @property
    def due(self) -> float:
        """When its record is to be read again; now, where power itself is read each time."""
        return self.drained + (DRAIN if self.told else LEARN) if self.record.usable else -math.inf


class PowerWatch:
    """Reads the power of the boards that need it, and collects the readings. For one thread."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend, self._clock = backend, clock
        self._offsets = Offsets()
        self._known: dict[str, _Board] = {}
        self._followed: dict[str, _Board] = {}
        self._readings: dict[tuple[str, str], Readings] = {}
        self._learned: dict[str, Readings] = {}
        self._measuring = False
        self._due = -math.inf
        self._since = math.inf
        """When the oldest reading that is not yet told was taken."""

    @property
    def measuring(self) -> bool:
        """Whether power is read."""
        return self._measuring

    @measuring.setter
    def measuring(self, wanted: bool) -> None:
        if wanted and not self._measuring:
            self._due = self._clock.mono()
        self._measuring = wanted

    def watch(self, devices: Iterable[Device], learns: Callable[[str], bool] = lambda _uuid: False) -> None:
        """Follow exactly the boards that need it, and those whose counter's delay is worth learning."""
        self._followed = {}
        for device in devices:
            if device.uuid not in self._known:
                self._known[device.uuid] = _Board(Record(device.uuid, self._backend, self._clock, self._offsets))
            if self._known[device.uuid].meet(device, learns(device.uuid)):
                self._followed[device.uuid] = self._known[device.uuid]

    def due(self) -> float:
        """Monotonic time of the next reading; infinity where none is planned."""
        return self._due if self._measuring and self._followed else math.inf

    def poll(self) -> None:
        """Read all boards of which a reading is due."""
        now = self._clock.mono()
        self._note_clocks()
        for uuid, board in self._followed.items():
            if now >= board.due:
                self._read(uuid, board, now)
        earliest = min((board.due for board in self._followed.values()), default=math.inf)
        # A pace of its own: late by a bit each time, readings would drift into step with the sensor.
        self._due = max(earliest, self._due + PACE, now + PACE / 2)

    def _note_clocks(self) -> None:
        """Take one moment by both clocks; not one between whose readings the process had to wait."""
        for _ in range(3):
            before, time, after = self._clock.mono(), self._clock.time(), self._clock.mono()
            if after - before < TOGETHER_CLOCKS:
                self._offsets.note(time, (before + after) / 2)
                return

    def _read(self, uuid: str, board: _Board, now: float) -> None:
        if board.record.usable:
            board.drained = now
            kind, found = "buffer", board.record.take()
        else:
            told = self._backend.power(uuid)
            kind = told.kind if told else ""
            found = [((now + self._clock.mono()) / 2, told.watts)] if told else []
        if found and board.told:
            self._readings.setdefault((uuid, kind), []).extend(found)
            self._since = min(self._since, now)
        elif found:
            self._learned.setdefault(uuid, []).extend(found)

    @property
    def pending(self) -> bool:
        """Whether readings wait that are old enough to be told."""
        return self._clock.mono() >= self._since + TOGETHER

    def take(self) -> tuple[PowerRun, ...]:
        """The readings since the last call."""
        found, self._readings, self._since = tuple(self._runs()), {}, math.inf
        return found

    def _runs(self) -> Iterator[PowerRun]:
        for (uuid, kind), readings in self._readings.items():
            monos, watts = zip(*((round(mono, 5), round(power, 3)) for mono, power in readings), strict=True)
            yield PowerRun(uuid=uuid, kind=kind, monos=monos, watts=watts)

    def learned(self, update: float = 0.1) -> dict[str, Readings]:
        """By UUID, what boards that learn told since the last call; each reading is the mean since the one before."""
        found, self._learned = self._learned, {}
        return {
            uuid: readings if self._known[uuid].record.usable else updates_of(readings, update)
            for uuid, readings in found.items()
        }


def updates_of(readings: Sequence[tuple[float, float]], update: float) -> Readings:
    """The updates of a sensor that was read more often than it is updated: each at the middle of the reads round it.

    Where the same was read for long, updates that brought the same are put in, so that each has one update before it.
    """
    found: Readings = []
    for (before, old), (after, new) in pairwise(readings):
        if new == old:
            continue
        moment = (before + after) / 2
        if found and moment - found[-1][0] > 1.5 * update:
            found.append((moment - update, old))
        found.append((moment, new))
    return found


def _needs(device: Device) -> bool:
    """Whether its counter does not tell enough: there is none, it is not trusted, or it is read seldom."""
    if device.sensor is None:
        return "energy" in device.absent and "power" not in device.absent
    return device.sensor.method in ("instant", "average") or minds_reads(device.sensor)


def _learnable(device: Device, recorded: bool) -> bool:
    """Whether its power can tell how late its counter is: by a record, or by a sensor that looks all the time."""
    sensor = device.sensor
    if sensor is None or sensor.method != "counter" or sensor.checked is None:
        return False
    whole = sensor.window is not None and sensor.update is not None and 0.8 < sensor.window / sensor.update < 1.2
    return recorded or (whole and (sensor.duty or 0.0) > 0.9)

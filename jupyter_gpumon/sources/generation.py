"""One generation of the driver: an open backend, from the first look at it until it goes away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ..clock import Clock
from ..links import Link
from ..metrics import in_tiers
from ..model import Device, Edge, Event, Gpu, PowerRun, Process
from . import Backend, TellsLinks
from .delay import DelayWatch
from .edges import EdgeWatch
from .inventory import changes, merged
from .known import KnownSensors
from .powers import PowerWatch
from .trials import Trials

LOST_AGAIN = 5.0
"""Seconds between looks at the inventory while a device is lost."""
ENERGY_FRESH = 0.5
"""Seconds for which a reading of the energy counter is good enough for a sample."""

_TIERS = {tier: in_tiers(tier) for tier in ("fast", "normal", "slow", "rare")}


class View(NamedTuple):
    """What one look at the driver gave."""

    gpus: tuple[Gpu, ...]
    processes: tuple[Process, ...] | None
    events: tuple[Event, ...]


class Generation:
    """Looks at the driver at each tier's own rate, and keeps the inventory.

    Args:
        backend: open, and closed by whoever opened it.
        clock: the clock.
        before: the devices of the generation before; empty for the first.
        known: what trials of the boards' sensors found before; None makes no trials.
    """

    def __init__(
        self, backend: Backend, clock: Clock, before: Sequence[Device] = (), known: KnownSensors | None = None
    ) -> None:
        self.backend = backend
        self.devices: tuple[Device, ...] = tuple(before)
        self.edges = EdgeWatch(backend.energy, clock.mono)
        # Of simulated boards everything is known.
        real = not backend.hello.simulated
        self.trials = Trials(backend, self.edges, clock, known) if known is not None and real else None
        self.powers, self._delays = PowerWatch(backend, clock), DelayWatch()
        trials = (self.trials,) if self.trials else ()
        self._watches: tuple[EdgeWatch | PowerWatch | Trials, ...] = (self.edges, self.powers, *trials)
        self._clock = clock
        self._first = not before
        self._read = dict.fromkeys(("normal", "slow", "rare"), float("-inf"))
        """When each tier was read last."""
        self._slow: dict[str, dict[str, dict[str, object]]] = {"normal": {}, "slow": {}, "rare": {}}
        self._inventoried = 0.0
        self._lost_since: float | None = None
        self._events: list[Event] = []
        self._settled = False

    def lost_for(self) -> float:
        """Seconds for which this generation has had a lost device; 0 where it has none."""
        return 0.0 if self._lost_since is None else self._clock.mono() - self._lost_since

    def take_inventory(self) -> None:
        """Look at the devices anew; what changed becomes events."""
        now = self.backend.devices()
        time, mono = self._clock.time(), self._clock.mono()
        if not self._first:
            self._events += changes(self.devices, now, time, mono)
        self._first, self._inventoried = False, mono
        devices = merged(self.devices, now)
        self._keep(self.trials.met(devices) if self.trials else devices)
        lost = any(device.state == "lost" for device in now)
        self._lost_since = (self._lost_since or mono) if lost else None

    def _keep(self, devices: tuple[Device, ...]) -> None:
        """These are the devices, with what is known of their sensors."""
        self.devices = devices
        self.edges.watch(devices)
        self.powers.watch(devices, self._delays.learns)

    def take(self) -> tuple[tuple[Edge, ...], tuple[PowerRun, ...]]:
        """The edges and the power readings since the last call."""
        edges = self.edges.take()
        if self.edges.measuring and self.trials:
            self._delays.note(edges)
        return edges, self.powers.take()

    def follow(self, measuring: bool) -> None:
        """Whether somebody measures: then counters and power are followed finely, and nothing is tried."""
        if measuring == self.edges.measuring:
            return
        self.edges.measuring = self.powers.measuring = measuring
        if self.trials:
            self.trials.measuring = measuring

    def due(self) -> tuple[float, EdgeWatch | PowerWatch | Trials]:
        """When something is to be read next between two looks, and what."""
        due, first = self.edges.due(), self._watches[0]
        for watch in self._watches[1:]:
            if (other := watch.due()) < due:
                due, first = other, watch
        return due, first

    def look(self, periods: dict[str, float], processes: bool) -> View:
        """Read the tiers that are due; ``periods`` holds seconds per tier."""
        tiers = self._due(periods)
        wanted = frozenset[str]().union(*(_TIERS[tier] for tier in tiers))
        # The energy counters have a tier of their own; asked for once, so that the backend can say why one is absent.
        gpus = self.backend.read(wanted - {"energy"} if self._settled else wanted)
        self._settled = True
        self._events += self.backend.events()
        seen = tuple(self.backend.processes()) if processes and "normal" in tiers else None
        self._check(gpus, "slow" in tiers)
        if self.trials:
            self.trials.note(gpus)
            self._learn(self.trials)
            devices = self.trials.described(self.devices)
            if devices != self.devices:
                self._keep(devices)
        events, self._events = tuple(self._events), []
        return View(self._complete(gpus, tiers), seen, events)

    def links(self) -> tuple[Link, ...]:
        """Each NVLink, read now; empty where the backend does not tell them one by one."""
        return tuple(self.backend.links()) if isinstance(self.backend, TellsLinks) else ()

    def _learn(self, trials: Trials) -> None:
        """Where power has changed while somebody measured, see how late each counter is."""
        for uuid, readings in self.powers.learned().items():
            delay = self._delays.take(uuid, readings, trials.delay(uuid))
            if delay is not None:
                trials.found_delay(uuid, delay)

    def _due(self, periods: dict[str, float]) -> set[str]:
        now, tiers = self._clock.mono(), {"fast"}
        for tier, read in self._read.items():
            if now >= read + periods[tier] - 0.01:
                tiers.add(tier)
                self._read[tier] = now
        return tiers

    def _check(self, gpus: Sequence[Gpu], slow: bool) -> None:
        """Take the inventory on the slow tier, when a device did not answer, and now and then while one is lost."""
        expected = {device.uuid for device in self.devices if device.state == "ok"}
        lost = any(device.state == "lost" for device in self.devices)
        again = lost and self._clock.mono() - self._inventoried >= LOST_AGAIN
        if slow or again or expected != {gpu.uuid for gpu in gpus}:
            self.take_inventory()

    def _complete(self, gpus: Sequence[Gpu], tiers: set[str]) -> tuple[Gpu, ...]:
        """Each sample is a look at everything: what was not due is as it was last time."""
        joules = self.edges.sweep(ENERGY_FRESH)
        whole = []
        for gpu in gpus:
            known: dict[str, object] = {}
            for tier, kept in self._slow.items():
                if tier in tiers:
                    kept[gpu.uuid] = _values(gpu, _TIERS[tier])
                else:
                    known |= kept.get(gpu.uuid, {})
            if gpu.uuid in joules:
                known["energy"] = joules[gpu.uuid]
            whole.append(replace(gpu, **known) if known else gpu)
        return tuple(whole)


def _values(gpu: Gpu, names: frozenset[str]) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(gpu, name)) is not None}

"""One open measurement, and the record made of it: a frame is opened before a cell's code and closed after it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from ..errors import GpuMonError
from ..model import Cell, CellDevice, Device, Energy, Sample
from . import context
from .connect import SHOWN, Connection
from .rapl import HostEnergy
from .sync import Drain, drain
from .tally import Table, Tally
from .tape import Family

_SETTLE = 0.5
"""Seconds to wait for the counter's next update where its period is not known."""

_WAY = 0.1
"""Seconds from a counter's update to its arrival here."""
_BEFORE = 3
"""Samples before the start that are looked at: what held then, and the slope of the counters."""

_family = Family()


class DeviceError(GpuMonError):
    """A device was asked for that there is not; the text names those there are."""


@dataclass(frozen=True)
class Wish:
    """What is to be measured, and how its end is waited for."""

    title: str = ""
    devices: tuple[str, ...] | None = None
    """Names or indexes; None is those the kernel uses."""
    sync: bool = True
    patience: float | None = None
    """Most seconds to wait for the GPU to finish; None is as long as it takes."""


class Frame:
    """A window of time that is being measured. Opened where it is made.

    Raises:
        DeviceError: a device was asked for that there is not.
    """

    def __init__(self, link: Connection, wish: Wish) -> None:
        self.link, self.wish, self.id = link, wish, uuid.uuid4().hex
        self.devices = choose(link.devices(), wish.devices)
        self.drained, self.status, self.discarded = Drain(), "ok", False
        self.cell_id, self.count = context.cell_id(), context.count()
        self._watched = {uuid for device in self.devices for uuid in (device.uuid, device.parent)}
        self._processes_at = self._end = 0.0
        self._owners: set[str] = set()
        self._others: dict[str, int] = {}
        self._xids: list[int] = []
        self._saw_processes = False
        self.time, self.start = time.time(), link.now()
        self._host, self._tally = HostEnergy(self.start), Tally(self.start)
        for sample in link.tape.follow(self._take)[-_BEFORE:]:
            self._take(sample)

    def _take(self, sample: Sample) -> None:
        """Look at one sample, in the monitor's thread."""
        if self._end and sample.mono > self._end and self._after(sample):
            return
        self._tally.add(sample, self._end or None)
        if sample.host is not None:
            self._host.add(sample.mono, sample.host)
        if sample.processes is not None:
            self._look_at_processes(sample)
        if sample.mono >= self.start:
            self._xids += [e.code for e in sample.events if e.kind == "xid" and e.code and e.uuid in self._watched]

    def _after(self, sample: Sample) -> bool:
        """Whether enough has been seen after the end."""
        return self._processes_at > self._end and sample.mono - self._end > 2.0

    def _look_at_processes(self, sample: Sample) -> None:
        owners: set[str] = set()
        others: dict[str, int] = {}
        for process in sample.processes or ():
            if process.pid is not None and _family.includes(process.pid, process.started):
                owners.add(process.uuid)
            else:
                others[process.uuid] = others.get(process.uuid, 0) + process.count
        if sample.mono < self.start:
            self._owners, self._others = owners, others  # only the last look before the start counts
        else:
            self._owners |= owners
            self._others = {key: max(n, self._others.get(key, 0)) for key, n in {**self._others, **others}.items()}
        self._saw_processes, self._processes_at = True, sample.mono

    def close(self, status: str) -> None:
        """The code has returned: wait for the GPU, and set the end."""
        if self.wish.sync:
            self.drained = drain(self.wish.patience)
        self._end = self.link.now()
        self.status = "interrupted" if self.drained.interrupted else status

    def release(self) -> None:
        """Look at no more samples."""
        self.link.tape.unfollow(self._take)

    @property
    def periods(self) -> float:
        """Two periods of the slowest counter in seconds, and its way here: the most anybody should have to wait for."""
        known = [self.link.monitor.ledger.period(device.uuid) for device in self.devices]
        return max((2 * p + _WAY for p in known if p), default=_SETTLE)

    def settled(self) -> bool:
        """Whether nothing more will come that belongs into the record."""
        ledger = self.link.monitor.ledger
        known = bool(self._used()) or self._processes_at > self._end or not self._saw_processes
        return known and all(ledger.settled(device.parent or device.uuid, self._end) for device in self.devices)

    def _used(self) -> set[str]:
        """UUIDs of the devices that count."""
        everything = {device.uuid for device in self.devices}
        if self.wish.devices is not None or not self._tells():
            return everything
        return everything & (self._owners | self.drained.devices)

    def _tells(self) -> bool:
        """Whether it can be known which devices this kernel uses."""
        seen = self._saw_processes and self.link.hello.pid_namespace != "foreign"
        return seen or bool(self.drained.devices)

    def record(self, *, final: bool = True) -> Cell:
        """What is known now; ``final`` says that no more is waited for.

        What is not final is made while the next cell waits: it holds the shown metrics of the devices that count, and
        their energy by their mean power.
        """
        end = self._end
        used, hello = self._used(), self.link.hello
        told = [device for device in self.devices if final or device.uuid in used]
        names = {device.uuid: device.label for device in told}
        tables = self._tally.tables(names, end, None if final else SHOWN)
        if final:
            energy = {device.label: self._energy(device) for device in told}
            _refine(tables, energy, end - self.start)
        else:
            energy = {device.label: _foreseen(device, tables["mean"], end - self.start) for device in told}
        return Cell(
            id=self.id,
            title=self.wish.title,
            count=self.count,
            start=self.time,
            end=self.time + end - self.start,
            status=self.status,
            final=final,
            simulated=hello.simulated,
            devices=tuple(self._device(device, used) for device in self.devices),
            energy=energy,
            host_energy=self._host.over(end),
            mean=tables["mean"],
            peak=tables["peak"],
            rise=tables["rise"],
            delta=tables["delta"],
            xids=tuple(self._xids),
            shared={d.label: self._others[d.uuid] for d in self.devices if self._others.get(d.uuid)},
            waited=self.drained.seconds,
            notes=tuple(self._notes(energy, final=final)),
            notebook=context.notebook(),
            cell_id=self.cell_id,
            kernel_id=context.kernel_id(),
        )

    def _device(self, device: Device, used: set[str]) -> CellDevice:
        period = self.link.monitor.ledger.period(device.uuid)
        return CellDevice(
            name=device.label, model=device.name, used=device.uuid in used, counter_period=period and round(period, 4)
        )

    def _energy(self, device: Device) -> Energy:
        ledger, window = self.link.monitor.ledger, (self.start, self._end)
        if device.parent is not None and device.slices:
            return _part(ledger.measure(device.parent, *window), device.slices)
        return ledger.measure(device.uuid, *window)

    def _notes(self, energy: dict[str, Energy], *, final: bool) -> list[str]:
        hello, notes = self.link.hello, []
        if not self.devices:
            return [hello.status.message or "there is no GPU here"]
        if self.wish.devices is None and not self._tells():
            notes.append("all visible GPUs count: which of them this notebook uses cannot be seen here")
        if not self.drained.finished:
            notes.append("the GPU was still at work when the record was closed")
        if hello.status.state not in ("live", "starting"):
            notes.append(hello.status.message or f"no numbers: {hello.status.state}")
        if final and any(not value.final for value in energy.values()):
            notes.append("the counter's last update was not waited for")
        notes += [f"{device.label} was {device.state}" for device in hello.devices if device.state == "lost"]
        return notes


def _foreseen(device: Device, mean: dict[str, dict[str, float]], seconds: float) -> Energy:
    """Energy before the counter has been asked: mean power times time, and at most what the board may draw."""
    watts, limit = mean.get(device.label, {}).get("power"), device.power_limit_max
    return Energy(
        joules=None if watts is None else watts * seconds,
        high=None if limit is None else 1.3 * limit * seconds,
        method="power",
        final=False,
    )


def _refine(tables: dict[str, Table], energy: dict[str, Energy], seconds: float) -> None:
    """The mean power is the energy over the time where that is well known: finer than a sample a second."""
    for name, value in energy.items():
        off = (value.high or 0.0) - (value.low or 0.0)
        if value.method == "counter" and value.joules and seconds > 0 and off < 0.2 * value.joules:
            power = tables["mean"].setdefault(name, {})["power"] = value.joules / seconds
            peaks = tables["peak"].setdefault(name, {})
            peaks["power"] = max(power, peaks.get("power", power))


def _part(whole: Energy, share: float) -> Energy:
    """A MIG instance's energy: its board's, by its share of the slices; an estimate, at most all of it."""
    joules = None if whole.joules is None else whole.joules * share
    return Energy(joules=joules, high=whole.high, method="estimate", final=whole.final)


def choose(devices: list[Device], wanted: tuple[str, ...] | None) -> list[Device]:
    """The devices by these names (``0``, ``gpu0``, ``0:1`` for a MIG instance, a UUID); None is all of them.

    Raises:
        DeviceError: there is no device of such a name.
    """
    if wanted is None:
        return devices
    by_name = {name: device for device in devices for name in (device.label, device.label[3:], device.uuid)}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        there = ", ".join(device.label for device in devices) or "none"
        raise DeviceError(f"There is no GPU called {', '.join(missing)}. There are: {there}.")
    return list({by_name[name].uuid: by_name[name] for name in wanted}.values())

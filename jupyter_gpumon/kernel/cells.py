"""One open measurement, and the record made of it: a frame is opened before a cell's code and closed after it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..attribution.charges import exclusive, of_slices, portion, taken
from ..attribution.claims import Charge, Claim
from ..devices import choose
from ..model import Cell, CellDevice, Device, Energy, Footprint, PostCell, Sample
from . import context, rates, remotes
from .connect import SHOWN, Connection
from .groups import OWN
from .later import later
from .nesting import Place
from .rapl import HostEnergy
from .seen import Seen
from .sync import Drain, drain
from .tally import Table, Tally

_SETTLE = 0.5
"""Seconds to wait for the counter's next update where its period is not known."""

_WAY = 0.3
"""Seconds from a counter's update to its arrival here: gathered for 0.1 s, and as long again on a busy machine."""
LASTED, IDLE = 3.0, 0.8
"""Seconds from which on a cell is told that its GPUs rested, and for which share of the time."""
_BEFORE = 3
"""Samples before the start that are looked at: what held then, and the slope of the counters."""


@dataclass(frozen=True)
class Wish:
    """What is to be measured, and how its end is waited for."""

    title: str = ""
    devices: tuple[str, ...] | None = None
    """Names or indexes; None is those the kernel uses."""
    sync: bool = True
    patience: float | None = None
    """Most seconds to wait for the GPU to finish; None is as long as it takes."""
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict)
    """What is said about it in the record."""
    spanning: bool = False
    """It may go on over many cells, which then are within it."""
    part: bool = False
    """Of what is measured round it, whose record holds it: nobody sees one of its own."""


class _Parts(NamedTuple):
    """The energy in a record, by device."""

    energy: dict[str, Energy]
    exclusive: dict[str, Energy]
    """What no other record has."""
    company: tuple[str, ...]
    """Who else was at work on these devices."""


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
        self._end, self._announced = 0.0, False
        self.place = Place(self.id, spanning=wish.spanning, part=wish.part)
        self.time, self.start = time.time(), link.now()
        link.monitor.ledger.mark(self.start)
        parent = self.place.parent.key if self.place.parent else None
        link.charges.open(Claim(self.id, OWN, self.start, parent=parent, part=wish.part))
        self._seen = Seen(self.start, self.devices, link.groups)
        self._host, self._tally = HostEnergy(self.start, link.host, link.cpu_model), Tally(self.start)
        for sample in link.tape.follow(self._take)[-_BEFORE:]:
            self._take(sample)

    def _take(self, sample: Sample) -> None:
        """Look at one sample, in the monitor's thread."""
        if self._end and sample.mono > self._end and self._after(sample):
            return
        self._tally.add(sample, self._end or None)
        if sample.host is not None:
            self._host.add(sample.mono, sample.host)
        self._seen.take(sample, self._end or None)
        if sample.mono >= self.start:
            self._announce()

    def _announce(self) -> None:
        """Tell the server of a window that lasts: should this kernel die in it, the server closes it."""
        if not self._announced and not self._end and self.place.parent is None:
            self._announced = True
            later(self._tell_running)

    def _tell_running(self) -> None:
        if not self._end:
            self.link.tell(PostCell(cell=self._said("running")))

    def _said(self, status: str) -> Cell:
        """The record while nothing is measured yet."""
        return Cell(
            id=self.id,
            title=self.wish.title,
            count=self.count,
            start=self.time,
            end=self.time,
            status=status,
            final=False,
            simulated=self.link.hello.simulated,
            notebook=context.notebook(),
            cell_id=self.cell_id,
            kernel_id=context.kernel_id(),
        )

    def _after(self, sample: Sample) -> bool:
        """Whether enough has been seen after the end."""
        return self._seen.processes_at > self._end and sample.mono - self._end > 2.0

    def close(self, status: str) -> None:
        """The code has returned: wait for the GPU, and set the end."""
        if self.wish.sync:
            self.drained = drain(self.wish.patience)
        self._end = self.link.now()
        self._host.close()
        self.place.leave()
        self.link.charges.close(self.id, self._end)
        self.link.monitor.ledger.mark(self.start, self._end)
        self.link.hurry()
        self.status = "interrupted" if self.drained.interrupted else status

    def release(self) -> None:
        """Look at no more samples. One that is still open is none: it is not measured."""
        self.link.tape.unfollow(self._take)
        if not self._end:
            self.place.leave()
            self.link.charges.forget(self.id)
            self.link.monitor.ledger.mark(self.start, self.start)
            if self._announced:
                later(lambda: self.link.tell(PostCell(cell=self._said("discarded"))))

    @property
    def periods(self) -> float:
        """Two periods of the slowest counter in seconds, and its way here: the most anybody should have to wait for."""
        known = [self.link.monitor.ledger.period(device.uuid) for device in self.devices]
        return max((2 * p + _WAY for p in known if p), default=_SETTLE)

    def settled(self) -> bool:
        """Whether nothing more will come that belongs into the record."""
        ledger, looked, used = self.link.monitor.ledger, self._seen.processes_at, self._used()
        known = bool(used) or looked > self._end or not looked
        # Whoever was beside us on a device was at work or not: the look after the end says it.
        shared = looked < self._end and any(self._seen.others.get(uuid) for uuid in used)
        return (
            known
            and not shared
            and all(ledger.settled(device.parent or device.uuid, self._end) for device in self.devices)
        )

    def _used(self) -> set[str]:
        """UUIDs of the devices that count."""
        everything = {device.uuid for device in self.devices}
        if self.wish.devices is not None or not self._tells():
            return everything
        return everything & (self._seen.owners | self.drained.devices)

    def _tells(self) -> bool:
        """Whether it can be known which devices this kernel uses."""
        seen = bool(self._seen.processes_at) and self.link.hello.pid_namespace != "foreign"
        return seen or bool(self.drained.devices)

    def record(self, *, final: bool = True) -> Cell:
        """What is known now; ``final`` says that no more is waited for.

        What is not final is made while the next cell waits: it holds the shown metrics of the devices that count, and
        their energy by their mean power.
        """
        end, used = self._end, self._used()
        told = [device for device in self.devices if final or device.uuid in used]
        names = {device.uuid: device.label for device in told}
        tables = self._tally.tables(names, end, None if final else SHOWN)
        parts = self._parts(told, used, tables) if final else _foreseen(told, tables["mean"], end - self.start)
        energy = parts.energy
        return Cell(
            id=self.id,
            title=self.wish.title,
            count=self.count,
            start=self.time,
            end=self.time + end - self.start,
            status=self.status,
            final=final,
            simulated=self.link.hello.simulated,
            devices=tuple(self._device(device, used) for device in self.devices),
            energy=energy,
            host_energy=self._host.over(end),
            mean=tables["mean"],
            peak=tables["peak"],
            rise=tables["rise"],
            delta=tables["delta"],
            xids=tuple(self._seen.xids),
            within=self.place.path,
            attributes=dict(self.wish.attributes),
            exclusive=parts.exclusive,
            corunning=parts.company,
            shared={d.label: self._seen.others[d.uuid] for d in self.devices if self._seen.others.get(d.uuid)},
            waited=self.drained.seconds,
            notes=(
                *self._notes(energy, final=final),
                *self._rest(tables["mean"], used, end - self.start),
                *self._alerts(used),
            ),
            footprint=self._footprint([energy[d.label] for d in told if d.uuid in used]) if final else None,
            notebook=context.notebook(),
            cell_id=self.cell_id,
            kernel_id=context.kernel_id(),
        )

    def _parts(self, told: list[Device], used: set[str], tables: dict[str, Table]) -> _Parts:
        """As measured; the mean power in ``tables`` becomes as fine."""
        whole = {device.label: self._energy(device) for device in told}
        _refine(tables, whole, self._end - self.start)
        charges = self._charges(used)
        shares = {name: portion(whole[name], each) for name, each in charges.items() if each.company}
        company = set[str]().union(*(each.company for each in charges.values()))
        return _Parts(whole | shares, dict(self._exclusive(whole, charges)), tuple(sorted(company)))

    def _rest(self, mean: Table, used: set[str], seconds: float) -> Iterator[str]:
        """Where no GPU that counts was at work for most of a cell that lasted: it waited for something else."""
        busy = [mean.get(device.label, {}).get("utilization") for device in self.devices if device.uuid in used]
        known = [share for share in busy if share is not None]
        if seconds >= LASTED and known and len(known) == len(busy) and max(known) <= 1 - IDLE:
            yield f"idle {1 - max(known):.0%} of wall time".replace("%", " %")

    def _alerts(self, used: set[str]) -> Iterator[str]:
        """What fired meanwhile on a GPU that counts, or about this kernel or about no GPU; names nobody."""
        labels = {device.uuid: device.label for device in self.devices if device.uuid in used}
        for finding in self._seen.alerts.values():
            if finding.uuid in labels:
                yield f"alert on {labels[finding.uuid]}: {finding.title}"
            elif finding.uuid is None and finding.kernel in (None, context.kernel_id()):
                yield f"alert: {finding.title}"

    def _footprint(self, energy: list[Energy]) -> Footprint | None:
        return rates.of(energy, self.time, self.time + self._end - self.start, self.link.hello)

    def _device(self, device: Device, used: set[str]) -> CellDevice:
        board = next((each for each in self.link.hello.devices if each.uuid == device.parent), device)
        period = self.link.monitor.ledger.period(board.uuid)
        return CellDevice(
            name=device.label,
            model=device.name,
            used=device.uuid in used,
            counter_period=period and round(period, 4),
            sensor=board.sensor if device.uuid in used else None,
        )

    def _charges(self, used: set[str]) -> dict[str, Charge]:
        """How the energy of the devices that count is divided; those this kernel was not seen on are taken whole."""
        seen = (self._seen.owners | self.drained.devices) if self._tells() else used
        found: dict[str, Charge] = {}
        for device in self.devices:
            if device.uuid in used & seen:
                charge = self.link.charges.charge(device.uuid, self.id, self._end)
                if not charge.company:
                    self.link.charges.adopt(device.uuid, self.id)
                found[device.label] = charge
        return found

    def _exclusive(self, whole: dict[str, Energy], charges: dict[str, Charge]) -> Iterator[tuple[str, Energy]]:
        """What no other record has, by device: the records of what is nested add up to the outermost one."""
        for name, each in charges.items():
            if self.place.path and whole[name].joules is None and each.whole > 0:
                yield name, taken(whole[name], each)
            elif each.nested:
                yield name, exclusive(whole[name], each)

    def follow(self, tell: Callable[[dict[str, Energy]], object]) -> None:
        """Tell, when something else begins here, what this window's work drew after it, by device; if it did."""
        names = {device.uuid: device.label for device in self.devices}

        def told(drawn: dict[str, float]) -> None:
            tell({names[uuid]: Energy(joules=joules) for uuid, joules in drawn.items() if uuid in names})

        self.link.charges.follow(self.id, OWN, told)

    def _energy(self, device: Device) -> Energy:
        if {device.uuid, device.parent} & self._seen.lost:
            return Energy(warning=f"{device.label} was lost within this time")
        board = self.link.monitor.ledger.measure(device.parent or device.uuid, self.start, self._end)
        return of_slices(board, device)

    def _notes(self, energy: dict[str, Energy], *, final: bool) -> list[str]:
        hello, notes = self.link.hello, []
        if not self.devices:
            return [hello.status.message or "there is no GPU here"]
        if self.wish.devices is None and not self._tells():
            notes.append("all visible GPUs count: which of them are used from here cannot be seen")
        if hello.pid_namespace == "foreign":
            notes.append("share unknown: whose processes are on the GPUs cannot be seen in this container")
        notes += [f"{gap[:1].lower()}{gap[1:]} within it" for gap in self._seen.gaps]
        if not self.drained.finished:
            notes.append("the GPU was still at work when the record was closed")
        if hello.status.state not in ("live", "starting"):
            notes.append(hello.status.message or f"no numbers: {hello.status.state}")
        if final and any(not value.final for value in energy.values()):
            notes.append("the counter's last update was not waited for")
        notes += remotes.notes()
        notes += [f"{device.label} was {device.state}" for device in hello.devices if device.state == "lost"]
        return notes


def _foreseen(told: list[Device], mean: Table, seconds: float) -> _Parts:
    """Energy before the counter has been asked: mean power times time, and at most what the board may draw."""
    energy = {}
    for device in told:
        watts, limit = mean.get(device.label, {}).get("power"), device.power_limit_max
        energy[device.label] = Energy(
            joules=None if watts is None else watts * seconds,
            high=None if limit is None else 1.3 * limit * seconds,
            method="power",
            final=False,
        )
    return _Parts(energy, {}, ())


def _refine(tables: dict[str, Table], energy: dict[str, Energy], seconds: float) -> None:
    """The mean power is the energy over the time where that is well known: finer than a sample a second."""
    for name, value in energy.items():
        off = (value.high or 0.0) - (value.low or 0.0)
        if value.method == "counter" and value.joules and seconds > 0 and off < 0.2 * value.joules:
            power = tables["mean"].setdefault(name, {})["power"] = value.joules / seconds
            peaks = tables["peak"].setdefault(name, {})
            peaks["power"] = max(power, peaks.get("power", power))

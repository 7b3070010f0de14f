"""What a stretch of samples and cells says of itself: faults, what held clocks back, memory near full, gaps, sensors.

A finding is a level, a sentence and what it rests on. These are read off the stream; what rules conclude joins them.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ..metrics import METRICS, Gpu
from ..model import Cell, Device, Event, Hello, Sample
from ..units import duration, quantity
from .amounts import percent

LEVELS = ("critical", "warning", "info")
"""In the order in which findings are shown."""
_HELD = tuple(name for name in METRICS if name.startswith("held_"))
_GROWING = ("ecc_uncorrected", "ecc_corrected", "pcie_replay", "nvlink_crc_errors", "nvlink_replays")
_STANDING = ("remap_pending", "remap_failure", "retired_pending")
_FULL = 0.95
"""Share of a board's memory from which on it was nearly full."""
_NOTABLE = 0.01
"""Share of the time from which on being held back is a warning."""
_FELT = 0.05
"""Seconds from which on it is worth a word at all."""
_LAST = 5
"""Events of one kind that are told one by one."""


Topic = tuple[str, str]
"""What something is about (a metric, ``xid 79``, ``lost``, ``status``, ``missed``), and the UUID of its device."""


class Finding(NamedTuple):
    """One thing worth knowing."""

    level: str
    """``critical``, ``warning`` or ``info``."""
    title: str
    detail: str = ""
    device: str = ""
    """``gpu0``; empty where it is about all of them, or about none."""


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first; what is said twice, once."""
    return sorted(dict.fromkeys(findings), key=lambda finding: LEVELS.index(finding.level))


class Watch:
    """Follows a stream; ``findings`` is what it said."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._events: list[Event] = []
        self._troubles: dict[str, str] = {}
        self._last: dict[str, Gpu] = {}
        self._grown: dict[tuple[str, str], float] = {}
        self._fullest: dict[str, tuple[float, float]] = {}
        self._missed, self._samples, self._mono = 0, 0, 0.0
        self._seconds = 0.0

    def meet(self, hello: Hello) -> None:
        """Take who is there, and what is the matter with the driver."""
        self._devices |= {device.uuid: device for device in hello.devices}
        if hello.status.state not in ("live", "starting") and hello.status.message:
            self._troubles.setdefault(hello.status.message, hello.status.hint)

    def read(self, sample: Sample) -> None:
        """Take a sample."""
        self._events += [event for event in sample.events if event.kind not in ("cell", "appeared", "alert")]
        self._missed += sample.missed
        if not sample.gpus:
            return
        self._seconds += max(0.0, sample.mono - self._mono) if self._samples else 0.0
        self._samples, self._mono = self._samples + 1, sample.mono
        for gpu in sample.gpus:
            self._gpu(gpu)

    def _gpu(self, gpu: Gpu) -> None:
        before = self._last.get(gpu.uuid)
        self._last[gpu.uuid] = gpu
        if before is not None:
            for name in (*_HELD, *_GROWING):
                self._grow((gpu.uuid, name), getattr(before, name), getattr(gpu, name))
        whole = gpu.memory_total or getattr(self._devices.get(gpu.uuid), "memory_total", None)
        if gpu.memory_used is not None and whole:
            self._fullest[gpu.uuid] = max(self._fullest.get(gpu.uuid, (0.0, whole)), (gpu.memory_used, whole))

    def _grow(self, key: tuple[str, str], before: float | None, now: float | None) -> None:
        if before is not None and now is not None and now > before:
            self._grown[key] = self._grown.get(key, 0.0) + now - before

    def findings(self, said: Collection[Topic] = ()) -> list[Finding]:
        """All of them, the gravest first; without those that somebody else has ``said``."""
        found: list[Finding] = []
        if ("status", "") not in said:
            found += [Finding("critical", message, hint) for message, hint in self._troubles.items()]
        for uuid, device in self._devices.items():
            found += [*self._errors(uuid, device, said), *_of_sensor(device)]
            found += [] if ("memory_used", uuid) in said else self._memory(uuid, device)
        return ordered([*found, *self._held(said), *self._happened(said), *self._gaps(said)])

    def _held(self, said: Collection[Topic]) -> Iterable[Finding]:
        """A finding per reason, of all boards that it held back."""
        for name in _HELD:
            longest = {uuid: self._grown.get((uuid, name), 0.0) for uuid in self._devices if (name, uuid) not in said}
            held = {self._devices[uuid].label: seconds for uuid, seconds in longest.items() if seconds >= _FELT}
            if held and self._seconds:
                most = max(held.values())
                words = METRICS[name].title.replace("Held", "Held back", 1)
                shares = ", ".join(f"{label} {percent(seconds / self._seconds)}" for label, seconds in held.items())
                level = "warning" if most / self._seconds >= _NOTABLE else "info"
                upto = "up to " if len(held) > 1 else ""
                yield Finding(level, f"{words} for {upto}{duration(most)}", f"{shares} of the time", ", ".join(held))

    def _errors(self, uuid: str, device: Device, said: Collection[Topic]) -> Iterable[Finding]:
        for name in _GROWING:
            count = self._grown.get((uuid, name))
            if count and (name, uuid) not in said:
                level = "critical" if name == "ecc_uncorrected" else "warning"
                yield Finding(level, f"{METRICS[name].title}: {count:g} more", METRICS[name].help, device.label)
        last = self._last.get(uuid)
        for name in _STANDING:
            if last is not None and getattr(last, name) and (name, uuid) not in said:
                level = "critical" if name == "remap_failure" else "warning"
                yield Finding(level, METRICS[name].title, METRICS[name].help, device.label)

    def _memory(self, uuid: str, device: Device) -> Iterable[Finding]:
        used, whole = self._fullest.get(uuid, (0.0, 0.0))
        if whole and used / whole >= _FULL:
            detail = f"at most {quantity(used, 'bytes')} of {quantity(whole, 'bytes')} in use"
            yield Finding("warning", f"Memory nearly full: {used / whole * 100:.0f} %", detail, device.label)

    def _happened(self, said: Collection[Topic]) -> Iterable[Finding]:
        happened = [event for event in self._events if event.kind != "gap" and _topic(event) not in said]
        for event in happened[-_LAST * 4 :]:
            device = self._devices.get(event.uuid or "")
            level = event.level if event.level in LEVELS else "warning"
            yield Finding(level, event.title, _when(event), device.label if device else "")

    def _gaps(self, said: Collection[Topic]) -> Iterable[Finding]:
        gaps = [event for event in self._events if event.kind == "gap"]
        for event in gaps[-_LAST:]:
            yield Finding("info", event.title, _when(event))
        if len(gaps) > _LAST:
            yield Finding("info", f"{len(gaps) - _LAST} more gaps before these")
        if self._missed and ("missed", "") not in said:
            yield Finding("info", f"{self._missed} samples were left out", "The machine or the driver was too slow.")


def _topic(event: Event) -> Topic:
    return (event.kind if event.code is None else f"{event.kind} {event.code}"), event.uuid or ""


def _when(event: Event) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(event.time))
    return f"at {at}: {event.detail}" if event.detail else f"at {at}"


def _of_sensor(device: Device) -> Iterable[Finding]:
    sensor = device.sensor
    if sensor is not None and sensor.reason and device.parent is None:
        yield Finding("info", "Energy is not measured by the board's counter", sensor.reason, device.label)


def of_cells(cells: Sequence[Cell]) -> list[Finding]:
    """What records say of themselves: faults, what held their clocks back, what widens their intervals."""
    found: list[Finding] = []
    for cell in cells:
        name = cell.title or (f"[{cell.count}]" if cell.count else "a cell")
        found += [Finding("critical", f"XID {code} while {name} ran") for code in cell.xids]
        if cell.status == "incomplete":
            found.append(Finding("warning", f"The kernel ended during {name}", "Its record is incomplete."))
        for device, values in cell.delta.items():
            found += _held_in(name, device, values, cell.duration)
        for device, value in cell.energy.items():
            if value.warning:
                found.append(Finding("info", value.warning, f"widens the interval of {name}", device))
    return ordered(found)


def _held_in(name: str, device: str, values: dict[str, float], seconds: float) -> Iterable[Finding]:
    for metric in _HELD:
        held = values.get(metric, 0.0)
        if held >= _FELT and seconds and held / seconds >= _NOTABLE:
            words = METRICS[metric].title.replace("Held", "held back", 1)
            yield Finding("warning", f"{name} was {words} for {duration(held)}", f"of {duration(seconds)}", device)

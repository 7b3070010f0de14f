"""What the samples say in the words of OpenTelemetry: points of metrics, still without its SDK."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...conventions import GPU, HOST, MEMORY_UTILIZATION, STATES, STATUS, TEMPERATURE_LIMIT, Convention
from ...metrics import CLOCK_EVENTS
from ...model import Device, Gpu, Hello, Host, Sample
from ...wire import Stream

Attributes = dict[str, str | int]

_DESCRIBED = ("hw.gpu.", "hw.status")
"""Beginnings of the names whose series also say model, vendor and versions, as the conventions recommend."""

_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD"}


@dataclass
class Point:
    """One value of one series."""

    convention: Convention
    attributes: Attributes
    value: Any
    """A number; of a histogram a ``runs.Histogram``."""
    time: int
    """Unix nanoseconds."""
    start: int
    """Since when a counter counts, as far as that is known: the machine's start, or when the driver was opened anew."""


@dataclass
class Teller:
    """Follows a stream, and turns its samples into points."""

    hello: Hello = field(default_factory=Hello)
    _start: int = 0
    _last: int = 0

    def points(self, messages: list[Stream]) -> Iterator[Point]:
        """The points of these messages, in their order."""
        for message in messages:
            if isinstance(message, Hello):
                self._greet(message)
            else:
                yield from self._of(message)

    def _greet(self, hello: Hello) -> None:
        before, self.hello = self.hello, hello
        if hello.boot_id != before.boot_id:
            self._start = 0
        elif hello.generation != before.generation:
            self._start = self._last  # the driver's counters may have begun anew

    def _of(self, sample: Sample) -> Iterator[Point]:
        time = nanoseconds(sample.time)
        self._start = self._start or nanoseconds(sample.time - sample.mono)
        devices = {device.uuid: device for device in self.hello.devices}
        for gpu in sample.gpus:
            device = devices.get(gpu.uuid)
            if device is not None:
                yield from self._gpu(device, gpu, time)
        if sample.gpus:
            for device in devices.values():
                yield from self._status(device, next((g for g in sample.gpus if g.uuid == device.uuid), None), time)
        if sample.host is not None:
            yield from self._host(sample.host, time)
        self._last = time

    def _gpu(self, device: Device, gpu: Gpu, time: int) -> Iterator[Point]:
        for name, convention in GPU.items():
            value = getattr(gpu, name)
            if value is None:
                continue
            if name == "clock_events":
                for word in CLOCK_EVENTS:
                    yield self._point(convention, device, int(word in value), time, {"gpumon.event": word})
            else:
                yield self._point(convention, device, value, time)
        if gpu.memory_used is not None and gpu.memory_total:
            yield self._point(MEMORY_UTILIZATION, device, gpu.memory_used / gpu.memory_total, time)
        for kind, limit in (("throttled", device.temperature_slowdown), ("critical", device.temperature_shutdown)):
            if limit is not None:
                yield self._point(TEMPERATURE_LIMIT, device, limit, time, {"hw.limit_type": kind})

    def _status(self, device: Device, gpu: Gpu | None, time: int) -> Iterator[Point]:
        now = state(device, gpu)
        for each in STATES if now else ():
            yield self._point(STATUS, device, int(each == now), time, {"hw.state": each})

    def _point(
        self, convention: Convention, device: Device, value: float, time: int, more: Attributes | None = None
    ) -> Point:
        attributes: Attributes = component(device, convention, self.hello.driver)
        attributes |= {**convention.attributes, **(more or {})}
        return Point(convention, attributes, value, time, self._start)

    def _host(self, host: Host, time: int) -> Iterator[Point]:
        for name, convention in HOST.items():
            value = getattr(host, name)
            if value is None:
                continue
            if name == "cpu_cores":
                for number, share in enumerate(value):
                    yield Point(convention, {"cpu.logical_number": number}, share, time, self._start)
            else:
                hardware: Attributes = {"hw.id": convention.part, "hw.type": convention.type} if convention.part else {}
                yield Point(convention, {**hardware, **convention.attributes}, value, time, self._start)


def component(device: Device, convention: Convention, driver: str | None) -> Attributes:
    """Who it is about: the board or instance itself, or a part of it whose parent it is."""
    if convention.part:
        return {
            "hw.id": f"{device.uuid}/{convention.part}",
            "hw.name": f"{device.label} {convention.part}",
            "hw.type": convention.type,
            "hw.parent": device.uuid,
        }
    known: dict[str, str | None] = {
        "hw.id": device.uuid,
        "hw.name": device.label,
        "hw.type": convention.type,
        "hw.parent": device.parent,
    }
    if convention.name.startswith(_DESCRIBED):  # on all of them it would be most of what is sent
        known |= {
            "hw.model": device.name,
            "hw.vendor": _VENDORS.get(device.vendor, device.vendor),
            "hw.driver_version": driver,
            "hw.firmware_version": device.vbios,
        }
    return {key: value for key, value in known.items() if value}


def state(device: Device, gpu: Gpu | None) -> str:
    """One of ``STATES``; empty for a board that sleeps or is no longer there."""
    if device.state in ("lost", "error"):
        return "failed"
    if gpu is None:
        return ""
    if gpu.remap_failure:
        return "predicted_failure"
    return "degraded" if gpu.remap_pending or gpu.retired_pending or gpu.recovery_action else "ok"


def nanoseconds(seconds: float) -> int:
    """Unix seconds as OTLP has them."""
    return int(seconds * 1e9)

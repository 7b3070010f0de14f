"""Scrubbing: a stream without anything that names a machine, a board, a person, a notebook or a program.

What is kept is listed here, so that a field added to the model later is left out until somebody decides. UUIDs become
stand-ins that are the same in every recording, so that rows still join: a keyed hash. Whoever knows a board's UUID can
recognise its stand-in, unless a key of your own is used (``$GPUMON_SCRUB_KEY``).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from .model import HOST_METRICS, METRICS, REASONS, Device, Event, Hello, Process, Sample, Status
from .wire import Stream

KINDS = frozenset({"GPU", "MIG"})
"""What a stand-in may begin with: it says what kind of device it is."""

SOURCES = frozenset({"agent", "auto", "nvidia", "sim", "replay", "ws", "wss", "unix"})
LINKS = frozenset({"internal", "single", "multiple", "hostbridge", "node", "system", "nvlink"})
KEPT = (
    "index", "vendor", "architecture", "compute_capability", "vbios", "cores", "memory_total", "power_limit_min",
    "power_limit_max", "power_limit_default", "temperature_slowdown", "temperature_shutdown", "temperature_memory_max",
    "clock_sm_max", "clock_memory_max", "pcie_gen_max", "pcie_width_max", "nvlinks", "ecc", "persistence",
    "compute_mode", "numa", "mig", "instance", "gpu_instance", "compute_instance", "slices", "sensor", "name", "state",
)  # fmt: skip
"""What is kept of a device as it is: what it is and can, not which one."""


class Scrubber:
    """Scrubs a stream.

    Args:
        key: makes the stand-ins; None takes ``$GPUMON_SCRUB_KEY``.
    """

    def __init__(self, key: str | None = None) -> None:
        self._key = (os.environ.get("GPUMON_SCRUB_KEY", "") if key is None else key).encode() or b"gpumon"
        self._known: dict[str, str] = {}

    def messages(self, stream: Iterable[Stream]) -> Iterator[Stream]:
        """The stream, scrubbed."""
        return map(self.message, stream)

    def message(self, message: Stream) -> Stream:
        """One message, scrubbed."""
        return self._hello(message) if isinstance(message, Hello) else self._sample(message)

    def stand_in(self, uuid: str) -> str:
        """What stands for this UUID, always."""
        if uuid not in self._known:
            kind = uuid.partition("-")[0]
            digest = hmac.new(self._key, uuid.encode(), "sha256").hexdigest()[:16]
            self._known[uuid] = f"{kind if kind in KINDS else 'GPU'}-{digest}"
        return self._known[uuid]

    def _hello(self, hello: Hello) -> Hello:
        return Hello(
            version=hello.version,
            software=hello.software,
            source=_one_of(SOURCES, hello.source.partition(":")[0]),
            simulated=hello.simulated,
            interval=hello.interval,
            boot_id=self.stand_in(hello.boot_id).removeprefix("GPU-") if hello.boot_id else "",
            generation=hello.generation,
            driver=hello.driver,
            nvml=hello.nvml,
            cuda=hello.cuda,
            pid_namespace=hello.pid_namespace,
            status=Status(state=hello.status.state, since=hello.status.since),
            devices=tuple(map(self._device, hello.devices)),
            host_absent={metric: _reason(said) for metric, said in hello.host_absent.items() if metric in HOST_METRICS},
        )

    def _device(self, device: Device) -> Device:
        kept = {name: getattr(device, name) for name in KEPT}
        if device.sensor is not None:
            kept["sensor"] = replace(device.sensor, reason="")
        return Device(
            uuid=self.stand_in(device.uuid),
            parent=None if device.parent is None else self.stand_in(device.parent),
            absent={metric: _reason(said) for metric, said in device.absent.items() if metric in METRICS},
            topology={self.stand_in(uuid): _one_of(LINKS, link) for uuid, link in device.topology.items()},
            **kept,
        )

    def _sample(self, sample: Sample) -> Sample:
        return Sample(
            time=sample.time,
            mono=sample.mono,
            gpus=tuple(replace(gpu, uuid=self.stand_in(gpu.uuid)) for gpu in sample.gpus),
            host=sample.host,
            processes=None if sample.processes is None else tuple(self._sums(sample.processes)),
            edges=tuple(replace(edge, uuid=self.stand_in(edge.uuid)) for edge in sample.edges),
            powers=tuple(replace(run, uuid=self.stand_in(run.uuid)) for run in sample.powers),
            events=tuple(map(self._event, sample.events)),
            missed=sample.missed,
        )

    def _sums(self, processes: Iterable[Process]) -> Iterator[Process]:
        """Per device and kind one sum, as where the driver shows no single process."""
        together: dict[tuple[str, str], list[Process]] = {}
        for process in processes:
            together.setdefault((process.uuid, process.kind), []).append(process)
        for (uuid, kind), several in together.items():
            memories = [process.memory for process in several if process.memory is not None]
            yield Process(
                uuid=self.stand_in(uuid),
                count=sum(process.count for process in several),
                kind=kind,
                memory=sum(memories) if memories else None,
            )

    def _event(self, event: Event) -> Event:
        """What happened and to which device; its words may name anybody."""
        return Event(
            kind=event.kind,
            time=event.time,
            mono=event.mono,
            title=event.kind if event.code is None else f"{event.kind} {event.code}",
            level=event.level,
            uuid=None if event.uuid is None else self.stand_in(event.uuid),
            code=event.code,
            until=event.until,
        )


def _one_of(words: frozenset[str], word: str) -> str:
    """The word, where it is one of ours."""
    return word if word in words else ""


def _reason(said: str) -> str:
    """The reason alone, without what to do about it, which names files."""
    return _one_of(frozenset(REASONS), said.partition(":")[0]) or "error"

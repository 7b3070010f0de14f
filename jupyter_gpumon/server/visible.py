"""What a user of this server may see: which devices, and whose processes. Nothing behind it ever holds more.

``Visible`` is a source round the real one, so that history, ledger, sinks, REST and every socket see the same part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from msgspec.structs import replace

from ..clock import Clock
from ..model import Device, Hello, Process, Request, Sample
from ..sources import Source
from ..wire import Stream

Show = Literal["own", "all", "none"]


class Naming(Protocol):
    """Says whose a process is (``owners.Owners``)."""

    def named(self, process: Process) -> Process | None:
        """The process with kernel and notebook; None where it is not of this server."""


class Visible:
    """A source that passes on only these devices and, of foreign processes, one sum per device.

    Args:
        source: the real one.
        naming: who owns a pid.
        show: ``own``, ``all`` or ``none``.
        allowed: what the server's configuration allows: each list restricts further; None is no restriction.
    """

    def __init__(self, source: Source, naming: Naming, show: Show, allowed: Sequence[Sequence[str] | None]) -> None:
        self._source, self._naming, self._show = source, naming, show
        self._allowed = [entries for entries in allowed if entries is not None]
        self._uuids: frozenset[str] = frozenset()
        self._foreign = False

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """The source's messages, less what may not be seen."""
        if self._show == "none":
            self._source.ask(Request(processes=False))
        for message in self._source.stream(clock):
            yield self._hello(message) if isinstance(message, Hello) else self._sample(message)

    def ask(self, request: Request) -> None:
        """Pass it on."""
        self._source.ask(request)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _hello(self, hello: Hello) -> Hello:
        devices = hello.devices
        for entries in self._allowed:
            devices = chosen(devices, entries)
        self._uuids = frozenset(device.uuid for device in devices)
        self._foreign = hello.pid_namespace == "foreign"
        return replace(hello, devices=tuple(replace(d, topology=self._seen(d.topology)) for d in devices))

    def _seen(self, topology: Mapping[str, str]) -> dict[str, str]:
        return {uuid: link for uuid, link in topology.items() if uuid in self._uuids}

    def _sample(self, sample: Sample) -> Sample:
        uuids = self._uuids
        return replace(
            sample,
            gpus=tuple(gpu for gpu in sample.gpus if gpu.uuid in uuids),
            edges=tuple(edge for edge in sample.edges if edge.uuid in uuids),
            events=tuple(event for event in sample.events if event.uuid is None or event.uuid in uuids),
            processes=self._processes(sample.processes),
        )

    def _processes(self, processes: Iterable[Process] | None) -> tuple[Process, ...] | None:
        if processes is None or self._show == "none":
            return None
        shown: list[Process] = []
        hidden: dict[str, list[Process]] = {}
        for process in processes:
            if process.uuid in self._uuids:
                mine = None if self._foreign else self._naming.named(process)
                if mine is not None:
                    shown.append(mine)
                elif self._show == "all" and not self._foreign and process.pid is not None:
                    shown.append(_nameless(process))
                else:
                    hidden.setdefault(process.uuid, []).append(process)
        return (*shown, *(_sum(uuid, rows) for uuid, rows in hidden.items()))


def _nameless(process: Process) -> Process:
    return replace(process, name=None, own=False, kernel=None, notebook=None)


def _sum(uuid: str, rows: Sequence[Process]) -> Process:
    return Process(
        uuid=uuid,
        count=sum(row.count for row in rows),
        memory=_total(row.memory for row in rows),
        utilization=_total(row.utilization for row in rows),
    )


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def chosen(devices: Sequence[Device], entries: Sequence[str]) -> tuple[Device, ...]:
    """The devices that a list in the manner of ``CUDA_VISIBLE_DEVICES`` names, in their own order.

    An entry is an index (with the board come its MIG instances), ``0:1`` or ``gpu0:1``, a UUID or its beginning,
    ``MIG-<uuid>`` or ``MIG-GPU-<uuid>/<gi>/<ci>``. As in CUDA, an entry that names nothing ends the list.
    """
    uuids: set[str] = set()
    for entry in entries:
        found = [device.uuid for device in devices if _matches(device, entry.strip())]
        if not found:
            break
        uuids.update(found)
    return tuple(device for device in devices if device.uuid in uuids)


def _matches(device: Device, entry: str) -> bool:
    numbered = re.fullmatch(r"(?:gpu)?(\d+)(?::(\d+))?", entry)
    if numbered:
        index, instance = numbered.groups()
        return device.index == int(index) and instance in (None, str(device.instance))
    old = re.fullmatch(r"MIG-(GPU-[^/]+)/(\d+)/(\d+)", entry)
    if old:
        uuid, *instances = old.groups()
        return device.parent == uuid and [str(device.gpu_instance), str(device.compute_instance)] == instances
    return entry.startswith(("GPU-", "MIG-", "SIM-")) and (device.uuid.startswith(entry) or device.parent == entry)


def cuda_devices(environ: Mapping[str, str]) -> list[str] | None:
    """What ``CUDA_VISIBLE_DEVICES`` restricts this server to; None where it is not set."""
    value = environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    return [entry for entry in (part.strip() for part in value.split(",")) if entry]

"""What a user of this server may see: which devices, and whose processes. Nothing behind it ever holds more.

``Visible`` is a source round the real one, so that history, ledger, sinks, REST and every socket see the same part.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from msgspec.structs import replace

from ..clock import Clock
from ..model import Event, Hello, Process, Request, Sample, Status
from ..sources import Source
from ..wire import Stream
from .allowed import AMBIGUOUS, UNAMBIGUOUS, Allowed

log = logging.getLogger("jupyter_gpumon")

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
        allowed: what configuration and environment allow; each restricts further.
    """

    def __init__(self, source: Source, naming: Naming, show: Show, allowed: Sequence[Allowed] = ()) -> None:
        self._source, self._naming, self._show = source, naming, show
        self._allowed, self._warned = allowed, False
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
        devices, unclear = hello.devices, any(each.ambiguous(hello.devices) for each in self._allowed)
        for restriction in self._allowed:
            devices = restriction.choose(devices)
        self._uuids = frozenset(device.uuid for device in devices)
        self._foreign = hello.pid_namespace == "foreign"
        if unclear and not self._warned:
            self._warned = True
            log.warning("gpumon: %s %s", AMBIGUOUS, UNAMBIGUOUS)
        if hello.devices and not devices and hello.status.state == "live":
            hello = replace(hello, status=_nothing(unclear))
        return replace(hello, devices=tuple(replace(d, topology=self._seen(d.topology)) for d in devices))

    def _seen(self, topology: Mapping[str, str]) -> dict[str, str]:
        return {uuid: link for uuid, link in topology.items() if uuid in self._uuids}

    def _sample(self, sample: Sample) -> Sample:
        uuids = self._uuids
        return replace(
            sample,
            gpus=tuple(gpu for gpu in sample.gpus if gpu.uuid in uuids),
            edges=tuple(edge for edge in sample.edges if edge.uuid in uuids),
            powers=tuple(run for run in sample.powers if run.uuid in uuids),
            events=tuple(event for event in sample.events if self._tells(event)),
            processes=self._processes(sample.processes),
            links=sample.links and tuple(link for link in sample.links if link.uuid in uuids),
        )

    def _tells(self, event: Event) -> bool:
        """Alerts of another server may name who uses that one, and are judged anew here."""
        return event.kind != "alert" and (event.uuid is None or event.uuid in self._uuids)

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


def _nothing(unclear: bool) -> Status:
    """The status where there are GPUs, and none may be shown."""
    if unclear:
        return Status(state="no-gpus", message=AMBIGUOUS, hint=UNAMBIGUOUS)
    return Status(
        state="no-gpus",
        message="None of this machine's GPUs may be shown here.",
        hint="CUDA_VISIBLE_DEVICES of the Jupyter server and c.GpuMon.devices say which ones may.",
    )


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

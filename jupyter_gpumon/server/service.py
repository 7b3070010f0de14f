"""What the handlers ask: the monitor, its listeners, the cells, and who owns which process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..model import Cell, Columns, Energy, Hello, Process
from ..monitor import Monitor
from ..wire import Stream, encode
from .cells import Cells, announced
from .channel import Channel
from .journal import Journal
from .owners import Owners, kernel_pids

PANEL = ("utilization", "memory_used", "power", "temperature")
"""The metrics whose history a hello carries."""

POINTS = 300
"""Rows of history in a hello: what a panel can draw."""

MOST_VALUES = 200_000
"""Values in the answer to one question, about: an hour of every metric of one GPU, by the second. More is coarser."""


class SamplerState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the sampler itself is doing (``gpumon/api/sampler``)."""

    source: str
    state: str
    message: str = ""
    age: float | None = None
    """Seconds since the last sample; None before the first."""
    generation: int = 0
    """How often the driver was opened anew."""
    interval: float = 1.0
    last_error: str | None = None
    """What was last the matter, with the driver, the agent or one GPU; None if nothing ever was."""
    last_error_time: float | None = None
    samples: int = 0
    missed: int = 0
    """Samples left out because the driver or the machine was too slow."""
    agent: int | None = None
    """pid of the agent process that is listened to; None where the source is not one."""
    agents: tuple[int, ...] = ()
    """pids of all that live: one that is stuck in the driver, and the one in its place."""
    clients: int
    measuring: int
    """Kernels that measure now."""
    watched: bool


class Tally:
    """A sink that counts what came, for ``SamplerState``."""

    def __init__(self) -> None:
        self.samples = self.missed = 0
        self.last_error: str | None = None
        self.last_error_time: float | None = None
        self._now = ""
        self.heard: float | None = None
        """When the last sample came, by this machine's monotonic clock: the source may be another machine."""

    def write(self, message: Stream) -> None:
        """Count a message."""
        if isinstance(message, Hello):
            self._trouble(message)
            return
        self.missed += message.missed
        if message.gpus or message.host:
            self.samples += 1
            self.heard = time.monotonic()

    def _trouble(self, hello: Hello) -> None:
        """Note what is the matter with all of it, or else with one GPU."""
        status = hello.status
        if status.state in ("live", "starting"):
            ill = {device.label: device.detail for device in hello.devices if device.state in ("lost", "error")}
            error, since = "; ".join(f"{label}: {detail}" for label, detail in ill.items()), None
        else:
            error, since = status.message or status.state, status.since
        if error and error != self._now:
            self.last_error, self.last_error_time = error, time.time() if since is None else since
        self._now = error


class Service:
    """Everything a handler needs.

    Args:
        monitor: the samples.
        channel: the listeners.
        owners: whose a process is.
        settings: the web application's, for the kernel manager.
        source: the source itself, for the pids of its agents.
    """

    def __init__(
        self, monitor: Monitor, channel: Channel, owners: Owners, cells: Cells, settings: dict[str, Any], source: object
    ) -> None:
        self.monitor, self.channel, self.owners, self.cells = monitor, channel, owners, cells
        self.tally, self.journal = Tally(), Journal()
        self.uid = os.getuid() if hasattr(os, "getuid") else -1
        self._settings, self._source = settings, source
        monitor.add(self.tally)
        monitor.add(self.journal)

    def hello(self, seconds: float = 0.0) -> Hello:
        """The hello, with this many seconds of history at the panel's resolution, and what happened lately."""
        hello = self.monitor.hello
        if seconds:
            hello = replace(hello, events=self.journal.recent)
        if not seconds or self.monitor.latest is None:
            return hello
        since = self.monitor.latest.time - seconds
        history = self.monitor.history.columns(since, step=max(1.0, seconds / POINTS), metrics=PANEL)
        return replace(hello, history=history)

    def columns(
        self,
        since: float | None,
        until: float | None,
        step: float | None,
        devices: Iterable[str] | None,
        metrics: Iterable[str] | None,
        spread: bool,
    ) -> Columns:
        """History by column; by default the last ten minutes. A metric ``host.cpu`` is one of the host's.

        What would be more than ``MOST_VALUES`` comes in longer steps; ``Columns.step`` says so.
        """
        now = self.monitor.latest.time if self.monitor.latest else 0.0
        names = None if metrics is None else list(metrics)
        host = [name.removeprefix("host.") for name in names or () if name.startswith("host.")]
        return self.monitor.history.columns(
            now - 600 if since is None else since,
            until,
            step=step,
            devices=devices,
            metrics=names,
            spread=spread,
            host=host,
            most=MOST_VALUES,
        )

    def greeting(self, seconds: float) -> bytes:
        """``hello`` as text. With history this is some milliseconds of work: not for the loop."""
        return encode(self.hello(seconds))

    def processes(self) -> tuple[Process, ...] | None:
        """Who is on the devices, as far as it may be shown."""
        return self.monitor.latest.processes if self.monitor.latest else None

    def energy(self, start: float, end: float, uuid: str | None) -> dict[str, Energy]:
        """Energy per device between two Unix times."""
        mono = self.monitor.unix_to_mono
        uuids = [device.uuid for device in self.monitor.hello.devices if uuid in (None, device.uuid)]
        return {uuid: self.monitor.ledger.measure(uuid, mono(start), mono(end)) for uuid in uuids}

    def sampler(self) -> SamplerState:
        """How the sampler is doing."""
        hello, tally = self.monitor.hello, self.tally
        return SamplerState(
            source=hello.source,
            state=hello.status.state,
            message=hello.status.message,
            age=None if tally.heard is None else time.monotonic() - tally.heard,
            generation=hello.generation,
            interval=hello.interval,
            last_error=tally.last_error,
            last_error_time=tally.last_error_time,
            samples=tally.samples,
            missed=tally.missed,
            agent=getattr(self._source, "pid", None),
            agents=getattr(self._source, "pids", ()),
            clients=len(self.channel),
            measuring=self.channel.measuring,
            watched=self.channel.watched,
        )

    def kernel_of(self, pid: int) -> str | None:
        """The kernel whose process this is; it may have started a moment ago."""
        pids = kernel_pids(self._settings["kernel_manager"])
        self.owners.kernels = replace(self.owners.kernels, pids=pids)
        return self.owners.kernel_of(pid)

    def post(self, cell: Cell, kernel: str | None) -> None:
        """Take a cell record and announce it."""
        self.cells.post(cell, kernel)
        self.monitor.note(announced(cell, self.monitor.unix_to_mono(cell.end)))

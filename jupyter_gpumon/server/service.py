"""What the handlers ask: the monitor, its listeners, the cells, and who owns which process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from ..books import Books
from ..carbon import footprint
from ..exposition import runs as experiments
from ..exposition.families import Families
from ..exposition.following import Following
from ..exposition.page import Names, Page
from ..exposition.sampler import SinkTold, Watchers
from ..model import Cell, Columns, Energy, Footprint, Hello, Process
from ..monitor import Monitor
from ..rates import Rates
from ..runs.latest import LastBench
from ..tally import Tally
from ..wire import encode
from .alerting import Alerting
from .books import Keeper
from .cells import Cells, announced
from .channel import Channel, Client
from .journal import Journal
from .links import AskedLinks
from .notifying import Notifying
from .owners import Owners, kernel_pids, snapshot
from .policies.running import Policies
from .runs import Runs
from .sinks import Sinks, SinkState
from .unfinished import Unfinished

if TYPE_CHECKING:
    from .store import Store

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
    sinks: tuple[SinkState, ...] = ()
    """Where samples go besides, and how that goes."""


class FootprintAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Carbon and cost of everything in a window, and by which rates (``gpumon/api/footprint``)."""

    rates: Rates
    footprint: Footprint | None = None
    """None where neither a region nor a price is set, or nothing is known of that time."""
    text: str = ""
    """The footprint in words."""
    statement: str = ""
    """How it was worked out, with sources and licences."""


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
        self.tally, self.journal, self.keeper = Tally(), Journal(), Keeper()
        self.keepers: list[Callable[[Cell], object]] = []
        """Are given every record: sinks that take more than samples."""
        self.runs, self._bench = Runs(), LastBench()
        self.page = Page(Following(self.tally), watchers=self._watchers)
        self.page.more.append(self._experiments)
        self.checkup, self.links = self.page.following.checkup, AskedLinks(monitor)
        self.uid = os.getuid() if hasattr(os, "getuid") else -1
        self._settings, self._source = settings, source
        self.store: Store | None = None
        self.alerting: Alerting
        """Set by who wires the server."""
        self.sinks = Sinks((), monitor.note)
        self.notifying = Notifying((), 1, Path(), {})
        self.policies = Policies.none()
        monitor.add(self.tally)
        monitor.add(self.page.following)
        monitor.add(self.journal)
        monitor.add(self.keeper)
        self.unfinished = Unfinished(monitor, self._close)

    def hello(self, seconds: float = 0.0) -> Hello:
        """The hello, with this many seconds of history at the panel's resolution, and what happened lately."""
        hello = self.channel.dressed(self.monitor.hello)
        if seconds:
            hello = replace(hello, events=self.journal.recent)
        if not seconds or self.monitor.latest is None:
            return hello
        since = self.monitor.latest.time - seconds
        history = self.columns(since, None, max(1.0, seconds / POINTS), None, PANEL, False)
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
        since = now - 600 if since is None else since
        names = None if metrics is None else list(metrics)
        host = [name.removeprefix("host.") for name in names or () if name.startswith("host.")]
        kept = self._kept(since, until, step, devices, names, host, spread)
        return kept or self.monitor.history.columns(
            since,
            until,
            step=step,
            devices=devices,
            metrics=names,
            spread=spread,
            host=host,
            most=MOST_VALUES,
        )

    def _kept(
        self,
        since: float,
        until: float | None,
        step: float | None,
        devices: Iterable[str] | None,
        metrics: list[str] | None,
        host: list[str],
        spread: bool,
    ) -> Columns | None:
        """The past out of the store, where it reaches further back than memory; only of devices that may be seen."""
        begin = self.monitor.history.begin
        if self.store is None or (begin is not None and since >= begin):
            return None
        seen = {device.uuid for device in self.monitor.hello.devices}
        return self.store.columns(
            self.monitor.history,
            since=since,
            until=time.time() if until is None else until,
            step=step,
            devices=[uuid for uuid in (seen if devices is None else devices) if uuid in seen],
            metrics=metrics,
            host=host,
            hostname=self.monitor.hello.hostname,
            spread=spread,
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

    def footprint(self, start: float, end: float) -> FootprintAnswer:
        """Carbon and cost of all devices between two Unix times."""
        rates = self.channel.rates or Rates()
        found = footprint.of(self.energy(start, end, None).values(), start, end, rates)
        if found is None:
            return FootprintAnswer(rates=rates)
        said = footprint.words(found), footprint.statement(found)
        return FootprintAnswer(rates=rates, footprint=found, text=said[0], statement=said[1])

    async def books(self) -> Books:
        """What each board took, and for which notebook, today and since the start."""
        self.owners.kernels = await snapshot(self._settings)
        return self.keeper.books(self.owners.kernels.notebooks)

    def _watchers(self) -> Watchers:
        sinks = tuple(
            SinkTold(name=each.url, well=not each.problem, dropped=each.dropped, waiting=each.waiting)
            for each in self.sinks.states()
        )
        return Watchers(clients=len(self.channel), measuring=self.channel.measuring, sinks=sinks)

    def _experiments(self, found: Families, names: Names) -> None:
        """What runs and benchmarks have to say to who scrapes."""
        if names == "dcgm":
            return
        experiments.collect(found, self.runs, self._bench(), self.cells.success, seed=names == "seed")

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
            sinks=self.sinks.states(),
        )

    def kernel_of(self, pid: int) -> str | None:
        """The kernel whose process this is; it may have started a moment ago."""
        pids = kernel_pids(self._settings["kernel_manager"])
        self.owners.kernels = replace(self.owners.kernels, pids=pids)
        return self.owners.kernel_of(pid)

    def take(self, cell: Cell, client: Client) -> None:
        """Take what a kernel says of a cell: that it runs, or its record."""
        if self.unfinished.take(cell, client.kernel, client.pid):
            self.post(cell, client.kernel)

    def came(self, client: Client, *, here: bool) -> None:
        """A listener has come, or left."""
        if client.kernel is not None:
            (self.unfinished.joined if here else self.unfinished.left)(client.pid)

    def _close(self, cell: Cell, kernel: str | None) -> None:
        """Take the record of a cell whose kernel died; its carbon and cost are by this server's rates."""
        found = footprint.of(cell.energy.values(), cell.start, cell.end, self.channel.rates)
        self.post(replace(cell, footprint=found), kernel)

    def post(self, cell: Cell, kernel: str | None) -> None:
        """Take a cell record and announce it."""
        self.cells.post(cell, kernel)
        self.keeper.post(cell, cell.kernel_id or "")
        self.monitor.note(announced(cell, self.monitor.unix_to_mono(cell.end)))
        named = replace(cell, notebook=self.owners.kernels.notebooks.get(kernel or "", cell.notebook))
        self.alerting.post(named)
        for keep in self.keepers:
            keep(named)

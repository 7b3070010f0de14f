"""The server extension: traits, and what they wire together.

Nothing here may keep Jupyter from starting: a source that cannot be opened is said in the log and on every surface.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jupyter_server.extension.application import ExtensionApp
from msgspec.structs import replace
from tornado.ioloop import PeriodicCallback
from traitlets import Bool, Dict, Enum, Float, Instance, Int, List, Tuple, Unicode, Union, default

from ..carbon import setting
from ..errors import GpuMonError, RatesError, SourceError
from ..exposition.page import NAMES
from ..history import TIERS, History
from ..monitor import Monitor, Unavailable
from ..places import place
from ..sinks import Sink
from ..sinks.urls import open_sink, shown
from ..sources import Source
from ..sources.urls import default_source, open_source
from ..store.retention import KEEP
from . import alert_metrics, scraping
from .alerting import Alerting, Wishes
from .allowed import Allowed, by_cuda
from .budgets import known_to
from .cells import Cells
from .channel import Channel
from .handlers import routes
from .intensity import URL, Live
from .kept_xids import KeptXids
from .notifying import notifying
from .owners import Owners, snapshot
from .policies.running import configured
from .service import Service
from .sinks import Sinks
from .unix import open_kernel_channel
from .visible import Show, Visible

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

log = logging.getLogger("jupyter_gpumon")

LOOK_AT_KERNELS = 2.0
"""Seconds between looks at which kernels and notebooks there are, while there are processes to name."""


class GpuMon(ExtensionApp):
    """GPU monitoring: one sampler for this server, and everybody who watches it."""

    name = "gpumon"
    load_other_extensions = True

    source = Unicode(
        help="""Where samples come from: `auto` (the driver of this machine), `sim:gpus=8&script=training`,
        `replay:run.jsonl?speed=10`, `ws://host/gpumon/api/stream?token=…`. Default: $GPUMON_SOURCE, else `auto`."""
    ).tag(config=True)

    interval = Float(
        1.0,
        min=0.1,
        max=60.0,
        help="""Seconds between samples while somebody watches, a kernel measures or a sink
        records. Clients may ask for less often, never for more.""",
    ).tag(config=True)

    idle_interval = Float(
        5.0,
        min=0.1,
        allow_none=True,
        help="""Seconds between samples while nobody is watching and no sink is
        recording; keeps the history without keeping the driver busy. None samples at `interval` always.""",
    ).tag(config=True)

    devices = List(
        Unicode(),
        help="""The GPUs that users of this server may see: indices (`0`), MIG instances (`0:1`), UUIDs or
        their beginnings (`GPU-5d3f`, `MIG-…`). Empty allows all. $CUDA_VISIBLE_DEVICES
        of this server restricts too.""",
    ).tag(config=True)

    show_processes = Enum(
        ("own", "all", "none"),
        default_value="own",
        help="""Whose GPU processes are shown: `own` shows those of this
        server's kernels and terminals and one sum per GPU for all others, `all` shows others by pid (never by name),
        `none` shows nothing.""",
    ).tag(config=True)

    retention = List(
        Tuple(Float(min=0.1), Float(min=1.0)),
        minlen=1,
        default_value=list(TIERS),
        help="""History kept in memory, as (step, how long), both
        in seconds. The default keeps 1 s for 1 h, 10 s for 6 h and 1 min for 24 h: up to 3 MB per GPU after a day.""",
    ).tag(config=True)

    history_metrics = List(
        Unicode(),
        help="""Names of the GPU metrics kept as history (docs/metrics.md). Empty keeps all numbers but
        constant ones such as `memory_total`.""",
    ).tag(config=True)

    sinks = List(
        Unicode(),
        help="""Where samples go besides: `run.jsonl.gz`, `csv:folder/`, `run.parquet` (docs/recordings.md), databases
        such as `sqlite:///run.db` (docs/storage.md), `otlp:http://host:4318`. Samples are taken at `interval` as long
        as there is one.""",
    ).tag(config=True)

    notify = List(
        Unicode(),
        help="""Where alerts go besides: `apprise:ntfy://topic`, `alertmanager:http://host:9093`,
        `webhook:https://host/path`, `log:`, `desktop:`; with `?level=critical` or `?rules=xid` only those
        (docs/notifications.md). `$NAME` in one is filled in from this server's environment, `env:NAME` is a whole one.
        Empty sends nothing: where to is yours to choose.""",
    ).tag(config=True)

    notify_rate = Int(
        20,
        min=1,
        help="""Messages a minute to one of these targets, at most: what is more waits, and goes together where the
        target takes several at once. The default is what chat services put up with.""",
    ).tag(config=True)

    alerts = Bool(
        True,
        help="""Whether the samples are judged by rules, and what fires is told (docs/alerts.md). It asks the driver
        nothing more, at whatever rate samples are taken.""",
    ).tag(config=True)

    rules = List(
        Dict(),
        help="""Rules of your own, and changes of those that are shipped: `{"id": "hot", "when": "temperature > 85",
        "for": 30, "clear": "temperature < 80", "level": "critical"}`; `{"id": "memory-high", "enabled": False}`
        switches one off. One that cannot be read is said in the log with its column, and the others judge.""",
    ).tag(config=True)

    rules_file = Unicode(
        help="""A TOML file with more of them, `[[rule]]` tables; those of `rules` count after it. Empty is none."""
    ).tag(config=True)

    alert_history = Unicode(
        "sqlite",
        help="""Where the alerts that have fired are kept over a restart: `sqlite` is a file in Jupyter's data folder
        (2,000 alerts, about 2 MB; those of simulated GPUs and of recordings have one of their own), else the file's
        path. Empty keeps them in memory.""",
    ).tag(config=True)

    notebook_budget = Float(
        0.0,
        min=0.0,
        help="""Joules that the measured cells of one notebook may take a day before that is an alert. 0, the default,
        is no budget: what is much only you know.""",
    ).tag(config=True)

    cell_budget = Float(
        0.0,
        min=0.0,
        help="""Joules that one measured cell may take before that is an alert, while it runs if it lasts. 0, the
        default, is no budget.""",
    ).tag(config=True)

    policies = List(
        Dict(),
        help="""What this server does by itself when a rule fires (docs/policies.md): `{"id": "full",
        "when": "memory_used / memory_total > 95 %", "for": 5, "do": "interrupt", "grace": 10}`. Only to its own
        kernels, after a countdown that the page can stop. Empty does nothing: that is yours to decide.""",
    ).tag(config=True)

    store = Unicode(
        help="""Where samples are kept for longer than in memory, so that ranges reach days back: `sqlite` is a file in
        Jupyter's data folder, else a database's URL (docs/storage.md). It does not count as watching. Empty keeps
        nothing: what is written to your disk is yours to choose."""
    ).tag(config=True)

    store_retention = List(
        Tuple(Float(min=0.0), Float(min=1.0)),
        minlen=1,
        default_value=list(KEEP),
        help="""What the store keeps, as (step, how long), both in seconds; step 0 is as sampled, each further one a
        multiple of the one before. The default keeps a day as sampled, 10 s for a week, 1 min for 30 days and 1 h for
        two years: some 0.5 GB for 8 GPUs.""",
    ).tag(config=True)

    metrics_names = Enum(
        NAMES,
        default_value="native",
        help="""Names of the metrics at `gpumon/metrics` where a scrape does not ask for
        others: `native` (`gpumon_gpu_power_watts`), `dcgm` (those of dcgm-exporter), `seed` (older exporters).""",
    ).tag(config=True)

    metrics_collectors = Unicode(
        help="""File that says which of DCGM's fields are exported under its names, as dcgm-exporter
        reads it. Empty exports those of its default file."""
    ).tag(config=True)

    notebook_metrics = Bool(
        False,
        help="""Whether metrics of cells say the notebook (`gpumon_cell_energy_joules_total{notebook="…"}`).
        Off, since paths of notebooks are private, and a series each: all measured cells are counted together.""",
    ).tag(config=True)

    notebook_metrics_most = Int(
        50,
        min=1,
        help="""Notebooks that are told apart there until the server ends; the cells of all
        others count for the notebook `other`, so that the number of series is bounded.""",
    ).tag(config=True)

    region = Unicode(
        help="""Where the electricity is from, for the CO₂ of cells: a country (`DE`, `DEU`), a zone in it that
        Electricity Maps knows (`US-CAL-CISO`), or `WORLD`. Empty says nothing of CO₂: no region is guessed.
        Default: $GPUMON_REGION."""
    ).tag(config=True)

    price = Union(
        [Unicode(), Dict()],
        help="""What a kWh costs: `0.31 EUR`, or a table by time of use,
        `{"currency": "EUR", "times": [{"from": "22:00", "to": "06:00", "days": "mon-fri", "price": 0.22}],
        "otherwise": 0.34}`. Empty says nothing of cost. Default: $GPUMON_PRICE (a table as JSON).""",
    ).tag(config=True)

    pue = Float(
        min=1.0,
        help="""Power usage effectiveness: what the building takes over what its computers take. CO₂ and cost are of
        energy × PUE; 1.0 adds nothing, since nobody knows the building but you. Default: $GPUMON_PUE, else 1.0.""",
    ).tag(config=True)

    electricitymaps_token = Unicode(
        help="""Token of Electricity Maps, for the intensity of each hour instead of a year's mean; asked for once an
        hour, and only with a region. It stays in this process. Default: $GPUMON_ELECTRICITYMAPS_TOKEN, which is taken
        out of the environment that kernels inherit."""
    ).tag(config=True)

    electricitymaps_url = Unicode(
        URL,
        help="""Where live intensities are asked for; https, or a proxy on this machine.""",
    ).tag(config=True)

    service: Service

    _undo = Instance(ExitStack, ())
    """What is to be undone when the server stops, however far it had come."""

    @default("region")
    def _default_region(self) -> str:
        return os.environ.get("GPUMON_REGION", "")

    @default("price")
    def _default_price(self) -> str:
        return os.environ.get("GPUMON_PRICE", "")

    @default("pue")
    def _default_pue(self) -> float:
        try:
            return setting.pue_of(os.environ)
        except RatesError as e:
            log.error("gpumon: carbon and cost: %s", e)
            return 1.0

    @default("source")
    def _default_source(self) -> str:
        return default_source()

    def initialize_settings(self) -> None:
        """Wire the parts; they begin when the loop runs."""
        self._opened: list[Sink] = []
        self._undo.callback(_speak_through(self._jupyter.log))
        source, owners = self._open_source(), Owners()
        self._source = source
        allowed = [Allowed(entries=tuple(self.devices))] if self.devices else []
        seen = Visible(source, owners, cast("Show", self.show_processes), [*allowed, *by_cuda(os.environ)])
        monitor = Monitor(seen, history=History(self.retention, self.history_metrics or None))
        self.service = self._serve(monitor, owners, source)
        notebooks = self.notebook_metrics_most if self.notebook_metrics else 0
        xids = KeptXids(Path(self.data_dir) / "gpumon" / "xids.json")
        self.service.checkup.adopt(xids.load(), xids.save)
        scraping.configure(self.service, self.metrics_names, self.metrics_collectors, notebooks)
        self._live = self._set_rates()
        self._set_policies()
        self.service.notifying = notifying(self.notify, self.notify_rate, Path(self.data_dir) / "gpumon")
        self._jupyter.io_loop.add_callback(self._begin)

    @property
    def _jupyter(self) -> ServerApp:
        return cast("ServerApp", self.serverapp)

    def _serve(self, monitor: Monitor, owners: Owners, source: Source) -> Service:
        channel = Channel(
            monitor,
            self._jupyter.io_loop.add_callback,
            self.interval,
            self.idle_interval,
            post=lambda cell, client: self.service.take(cell, client),
            came=lambda client, here: self.service.came(client, here=here),
            post_run=lambda run, client: self.service.runs.post(run, client.kernel),
        )
        settings = self._jupyter.web_app.settings
        service = Service(monitor, channel, owners, Cells(), settings, source)
        service.alerting = Alerting(monitor, self._alert_wishes(), known_to(service))
        service.page.more.append(alert_metrics.more(service.alerting, monitor))
        return service

    def _alert_wishes(self) -> Wishes:
        folder = Path(self.data_dir) / "gpumon"
        return Wishes(
            enabled=self.alerts,
            rules=tuple(self.rules),
            file=self.rules_file,
            notebook_budget=self.notebook_budget,
            cell_budget=self.cell_budget,
            folder=folder,
            history=self.alert_file(folder),
        )

    def alert_file(self, folder: Path) -> Path | None:
        """Where the alerts that have fired are kept; None keeps them in memory."""
        kept = self.alert_history.strip()
        if kept != "sqlite":
            return self._own_file(kept) if kept else None
        scheme = self.source.partition(":")[0]
        return folder / (f"alerts-{scheme}.sqlite" if scheme in ("sim", "replay") else "alerts.sqlite")

    def _own_file(self, kept: str) -> Path | None:
        try:
            return place(kept)
        except SourceError as e:
            log.error("gpumon: alerts are kept in memory until this server ends: c.GpuMon.alert_history: %s", e)
            return None

    def _set_rates(self) -> Live | None:
        """Carbon and cost: by the table at once; by the hour where there is a token, from the first answer on."""
        token = os.environ.pop("GPUMON_ELECTRICITYMAPS_TOKEN", "")  # kernels are not to inherit it
        token, channel = self.electricitymaps_token or token, self.service.channel
        rates = channel.rates = setting.rates(self.region, self.price, self.pue)
        if rates.problem:
            log.error("gpumon: carbon and cost: %s", rates.problem)
        if not token or not rates.region:
            return None
        try:
            loop = self._jupyter.io_loop
            return Live(rates, token, self.electricitymaps_url, lambda new: loop.add_callback(channel.price, new))
        except RatesError as e:
            log.error("gpumon: no live carbon intensity: %s", e)
            channel.rates = replace(rates, problem=str(e))
            return None

    def _set_policies(self) -> None:
        settings, folder = self._jupyter.web_app.settings, Path(self.data_dir) / "gpumon"
        later = self._jupyter.io_loop.add_callback
        self.service.policies = configured(self.policies, self.service, folder, settings, later)

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend(routes(self.service))

    def _open_source(self) -> Source:
        try:
            return open_source(self.source)
        except GpuMonError as e:
            log.error("gpumon: the source %s cannot be opened: %s", self.source, e)
            return Unavailable(self.source, str(e), "Correct c.GpuMon.source or $GPUMON_SOURCE and restart Jupyter.")

    def _begin(self) -> None:
        """Start sampling, listening and naming."""
        self._undo.callback(scraping.join(self.service, self._jupyter.web_app.settings))
        for url in self.sinks:
            self._record(url)
        service = self.service
        service.channel.recording = bool(self._opened)
        self._open_store()
        service.sinks = Sinks(self._opened, service.monitor.note)
        self._undo.callback(service.monitor.add(service.alerting))
        service.notifying.adopt(service.alerting.alerts.current)
        service.alerting.alerts.listeners.append(service.notifying.tell)
        self._undo.callback(service.monitor.add(service.channel))
        self._undo.callback(service.monitor.add(service.notifying))
        self._undo.callback(service.monitor.add(service.policies))
        service.alerting.alerts.listeners.append(service.policies.take)
        service.channel.ask()
        service.monitor.start()
        if self._live is not None:
            self._live.start()
            self._undo.callback(self._live.close)
        kernels = open_kernel_channel(service, Path(self._jupyter.runtime_dir))
        if kernels is not None:
            self._undo.callback(kernels.close)
        naming = PeriodicCallback(self._name, LOOK_AT_KERNELS * 1000)
        naming.start()
        self._undo.callback(naming.stop)

    def _record(self, url: str) -> None:
        try:
            sink = open_sink(url)
        except Exception as e:  # A sink may be a plug-in: whatever it raises is said, and the server monitors.
            log.error("gpumon: the sink %s cannot be opened: %s", shown(url), _told(e, url))
            return
        self._opened.append(sink)
        if hasattr(sink, "keep"):
            self.service.keepers.append(sink.keep)
        if hasattr(sink, "keep_run"):
            self.service.runs.keepers.append(sink.keep_run)
        self._undo.callback(self.service.monitor.add(sink))

    def _open_store(self) -> None:
        """Keep samples for longer than in memory, where that is wanted; whatever rate there is."""
        if not self.store:
            return
        try:
            from .store import Store  # SQLAlchemy takes a while to import, and most need none

            store = Store(self.store, Path(self.data_dir), self.store_retention)
        except Exception as e:  # A database's driver may be anybody's.
            log.error("gpumon: the store %s cannot be opened: %s", shown(self.store), _told(e, self.store))
            return
        self.service.store, self.service.channel.reach = store, store.reach
        self._opened.append(store.sink)
        self.service.keepers.append(store.sink.keep)
        self._undo.callback(self.service.monitor.add(store.sink))

    async def _name(self) -> None:
        """Look at which kernels and notebooks there are, while there is a process or a cell to be named."""
        if self.service.processes() or self.service.channel.kernels:
            self.service.owners.kernels = await snapshot(self._jupyter.web_app.settings)
            self.service.cells.name(self.service.owners.kernels.notebooks)
        self.service.unfinished.sweep()
        self.service.channel.ask()  # who scraped may have stopped
        self.service.sinks.look()

    async def stop_extension(self) -> None:
        """End the agent, the socket and the sinks; all of them, also where ending one of them fails."""
        try:
            await self.service.policies.close()
        finally:
            await self._end()

    async def _end(self) -> None:
        try:
            self._undo.close()
        finally:
            await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        with ExitStack() as closing:
            for sink in reversed(self._opened):
                closing.callback(sink.close)
            closing.callback(self.service.notifying.close)
            closing.callback(self.service.alerting.close)
            closing.callback(self.service.monitor.close)


def _told(error: Exception, url: str) -> str:
    """What went wrong, without passwords; of what is none of our errors its type too, since its text may say little."""
    said = str(error).replace(url, shown(url))
    return said if isinstance(error, GpuMonError | OSError) else f"{type(error).__name__}: {said}"


def _speak_through(jupyter: logging.Logger) -> Callable[[], None]:
    """Let our log lines come out where Jupyter's do; calling what is returned ends that."""
    before, log.parent = log.parent, jupyter

    def undo() -> None:
        log.parent = before

    return undo

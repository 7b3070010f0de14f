"""The server extension: traits, and what they wire together.

Nothing here may keep Jupyter from starting: a source that cannot be opened is said in the log and on every surface.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import PeriodicCallback
from traitlets import Enum, Float, List, Tuple, Unicode, default

from ..errors import GpuMonError
from ..history import TIERS, History
from ..monitor import Monitor, Unavailable
from ..sinks import Sink
from ..sinks.urls import open_sink
from ..sources import Source
from ..sources.urls import default_source, open_source
from .allowed import Allowed, by_cuda
from .cells import Cells
from .channel import Channel
from .handlers import routes
from .owners import Owners, snapshot
from .service import Service
from .unix import KernelChannel, open_kernel_channel
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
        help="""Where samples go besides: `run.jsonl`, `run.jsonl.gz`. Samples are taken at `interval` as
        long as there is one.""",
    ).tag(config=True)

    service: Service

    @default("source")
    def _default_source(self) -> str:
        return default_source()

    def initialize_settings(self) -> None:
        """Wire the parts; they begin when the loop runs."""
        self._opened: list[Sink] = []
        self._undo: list[Callable[[], None]] = [_speak_through(self._jupyter.log)]
        self._kernels: KernelChannel | None = None
        self._naming: PeriodicCallback | None = None
        source, owners = self._open_source(), Owners()
        self._source = source
        allowed = [Allowed(entries=tuple(self.devices))] if self.devices else []
        seen = Visible(source, owners, cast("Show", self.show_processes), [*allowed, *by_cuda(os.environ)])
        monitor = Monitor(seen, history=History(self.retention, self.history_metrics or None))
        self.service = self._serve(monitor, owners, source)
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
            post=lambda cell, kernel: self.service.post(cell, kernel),
        )
        settings = self._jupyter.web_app.settings
        return Service(monitor, channel, owners, Cells(), settings, source)

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
        for url in self.sinks:
            self._record(url)
        service = self.service
        service.channel.recording = bool(self._opened)
        self._undo.append(service.monitor.add(service.channel))
        service.channel.ask()
        service.monitor.start()
        self._kernels = open_kernel_channel(service, Path(self._jupyter.runtime_dir))
        self._naming = PeriodicCallback(self._name, LOOK_AT_KERNELS * 1000)
        self._naming.start()

    def _record(self, url: str) -> None:
        try:
            sink = open_sink(url)
        except (GpuMonError, OSError) as e:
            log.error("gpumon: the sink %s cannot be opened: %s", url, e)
            return
        self._opened.append(sink)
        self._undo.append(self.service.monitor.add(sink))

    async def _name(self) -> None:
        """Look at which kernels and notebooks there are, while there is a process or a cell to be named."""
        if self.service.processes() or self.service.channel.kernels:
            self.service.owners.kernels = await snapshot(self._jupyter.web_app.settings)
            self.service.cells.name(self.service.owners.kernels.notebooks)

    async def stop_extension(self) -> None:
        """End the agent, the socket and the sinks."""
        if self._naming is not None:
            self._naming.stop()
        if self._kernels is not None:
            self._kernels.close()
        for undo in self._undo:
            undo()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self.service.monitor.close()
        for sink in self._opened:
            sink.close()


def _speak_through(jupyter: logging.Logger) -> Callable[[], None]:
    """Let our log lines come out where Jupyter's do; calling what is returned ends that."""
    before, log.parent = log.parent, jupyter

    def undo() -> None:
        log.parent = before

    return undo

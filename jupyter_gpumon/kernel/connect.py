"""The kernel's one way to the numbers: its server's socket, or an agent of its own. Nothing here samples.

One connection per kernel, made on first use and shared by everything in it: ``--source`` or ``$GPUMON_SOURCE``, then
the server that started this kernel, then an agent child. Whoever is to be asked is asked again when the server went.
"""

from __future__ import annotations

import atexit
import functools
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..attribution import cpus
from ..attribution.charges import Charges
from ..clock import boot_id
from ..errors import SourceError
from ..experiments import PostRun
from ..history import History
from ..model import Device, Hello, PostCell, Request, Sample
from ..monitor import Monitor
from ..rules.advice import FACTS
from ..sources.urls import open_source
from ..wire import Stream
from .groups import OWN, Groups
from .rapl import HostWatch
from .tape import Tape

SHOWN = ("utilization", "memory_used", "power", "temperature")
"""The metrics of the live widget."""

_PATIENCE = 5.0
"""Seconds to wait for the first sample of a connection; an agent needs about half of one."""

_ATTENTION = 1.5
"""Seconds to wait, before the first measured cell begins, for the counters' periods to become known."""

_GONE = 3.0
"""Seconds without the server after which the kernel looks for another source."""

_QUIET = 300.0
"""Seconds after the last measured cell in which the energy counters stay finely watched: the next cell needs edges
before it."""


_HURRY = 3.5
"""Seconds for which edges come at once after a window: longer than a record waits for them."""


class Connection:
    """A monitor on this kernel's source, with the tape its cells are read from."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._hurried = float("inf")
        """Until when edges are to come at once."""
        self._source = open_source(url)
        self.monitor = Monitor(self._source, history=History(tiers=((1.0, 1800.0),), metrics={*SHOWN, *FACTS}))
        self.tape = Tape()
        self.groups = Groups()
        self.charges = Charges(self.monitor.ledger, self.groups, OWN)
        """Whose energy it was, since this connection was made; told before the tape, on whose news records wait."""
        self.monitor.add(self.charges)
        self.host = HostWatch()
        self.monitor.add(self.host)
        self.monitor.add(self.tape)
        self.monitor.add(self)
        self.monitor.start()
        self._boot = boot_id()
        self._timer: threading.Timer | None = None
        self._made = self._quiet_at = time.monotonic()

    @property
    def hello(self) -> Hello:
        """What the source last said about itself."""
        return self.monitor.hello

    @property
    def latest(self) -> Sample | None:
        """The last sample that held GPUs."""
        return self.monitor.latest

    @property
    def since(self) -> float:
        """Unix time at which this connection was made: the notebook's account begins then."""
        return time.time() - (time.monotonic() - self._made)

    def ready(self, patience: float = _PATIENCE) -> bool:
        """Wait for the first sample; False where the source says that none will come, or none came in time.

        The time counts from when the connection was made: a silent source is not waited for at every cell.
        """
        self.tape.wait(self._answered, self._made + patience - time.monotonic())
        return self.latest is not None

    def refusal(self) -> str:
        """Why the source cannot be opened; empty where it can. Waits for its first answer."""
        self.ready()
        status = self.hello.status
        return status.message or "it cannot be opened" if status.state == "disconnected" else ""

    def _answered(self) -> bool:
        return self.latest is not None or self.hello.status.state not in ("live", "starting", "restarting")

    def now(self) -> float:
        """This moment on the monotonic clock of the machine the samples come from."""
        local = time.monotonic()
        foreign = self.hello.boot_id and self.hello.boot_id != self._boot
        return local - self.tape.lag if foreign else local

    def unmeasured(self) -> None:
        """A cell begins that nobody measures."""
        self.charges.mark(OWN, self.now())

    @functools.cached_property
    def cpu_model(self) -> str | None:
        """The name of the CPU the samples are about, where that is this machine's."""
        return None if self.hello.boot_id and self.hello.boot_id != self._boot else cpus.model_name()

    def devices(self) -> list[Device]:
        """The devices a cell can be charged for: MIG instances in place of their board, nothing that is gone."""
        devices = [device for device in self.hello.devices if device.state != "gone"]
        split = {device.parent for device in devices if device.parent}
        return [device for device in devices if device.uuid not in split]

    def measure(self) -> None:
        """Have the energy counters watched finely, from now until some minutes after the last call."""
        self._quiet_at = time.monotonic() + _QUIET
        if self._timer is None:
            self._look_again(_QUIET)
            self._hurried = time.monotonic() + _HURRY
            self.monitor.ask(Request(measuring=True, patient=False))
            self.tape.wait(self._phased, _ATTENTION)

    def hurry(self) -> None:
        """A window has ended: have the edges after it at once, not with the next sample."""
        relaxed, self._hurried = self._hurried == 0.0, time.monotonic() + _HURRY
        if relaxed:
            self.monitor.ask(Request(patient=False))

    def write(self, _message: Stream) -> None:
        """Called at every message, in the monitor's thread: edges nobody waits for may come with the samples."""
        if 0.0 < self._hurried < time.monotonic():
            self._hurried = 0.0
            self.monitor.ask(Request(patient=True))

    def _look_again(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._relax)
        self._timer.daemon = True
        self._timer.start()

    def _phased(self) -> bool:
        """Whether every counter's period is known: a window needs updates before it."""
        boards = {device.parent or device.uuid for device in self.devices() if counts_energy(device)}
        return all(self.monitor.ledger.period(uuid) is not None for uuid in boards)

    def _relax(self) -> None:
        left = self._quiet_at - time.monotonic()
        if left > 0:
            self._look_again(left)
        else:
            self._timer = None
            self.monitor.ask(Request(measuring=False))

    def tell(self, message: PostCell | PostRun) -> None:
        """Give the server a record, where there is a server."""
        send = getattr(self._source, "send", None)
        if send is not None:
            send(message)

    def lost(self) -> bool:
        """Whether the server behind this connection is gone for good, and not merely slow to answer."""
        status = self.hello.status
        if not self.url.startswith("unix:") or status.state != "disconnected":
            return False
        return status.since is not None and time.time() - status.since > _GONE and not listens(Path(self.url[5:]))

    def close(self) -> None:
        """Let go of the source; an agent of our own ends with it."""
        if self._timer is not None:
            self._timer.cancel()
        self.monitor.close()


def counts_energy(device: Device) -> bool:
    """Whether the device, or the board it is a part of, has an energy counter that answers."""
    return device.state == "ok" and (device.parent is not None or "energy" not in device.absent)


_lock = threading.RLock()
_shared: Connection | None = None
_asked: str | None = None
_inherited: list[Connection | None] = []
"""The parent's connection in a forked child: kept so that nothing finalises it, never used."""


def connection() -> Connection:
    """This kernel's connection; made now where there is none yet, or where its server went away.

    Raises:
        SourceError: the source that was asked for cannot be opened.
    """
    global _shared
    with _lock:
        lost = _shared is not None and _shared.lost()
        if lost:
            close()
        if _shared is None:
            _shared = Connection(_asked or default_url())
        link = _shared
    if lost:
        _tell_of_change()
    return link


def current() -> Connection | None:
    """The connection if there is one."""
    return _shared


def use(url: str) -> None:
    """Take another source from now on, as ``%gpumon --source`` asks; ``auto`` is the default one.

    Raises:
        SourceError: it cannot be opened; the source of before stays.
    """
    global _asked, _shared
    asked = None if url == "auto" else url
    fresh, taken = Connection(asked or default_url()), False
    try:
        reason = fresh.refusal()
        if reason:
            raise SourceError(f"{reason.rstrip('.')}. The source stays as it was.")
        with _lock:
            close()
            _asked, _shared, taken = asked, fresh, True
    finally:
        if not taken:  # also where the wait was interrupted
            fresh.close()
    _tell_of_change()


def _tell_of_change() -> None:
    for call in on_change:
        call()


def close() -> None:
    """End the connection; the next use makes a new one."""
    global _shared
    with _lock:
        ended, _shared = _shared, None
    if ended is not None:
        ended.close()


def reset() -> None:
    """End the connection and forget which source was asked for: the next use begins with the default."""
    global _asked
    with _lock:
        close()
        _asked = None


def default_url() -> str:
    """Where the numbers come from when nobody said: see the module's first lines."""
    asked = os.environ.get("GPUMON_SOURCE", "")
    server = server_socket()
    if server is None:
        return asked or "auto"
    # A server that has the same $GPUMON_SOURCE already reads it: one look for sidebar and kernel.
    return asked if asked and asked != _servers_source() else f"unix:{server}"


def server_socket() -> Path | None:
    """The socket of the Jupyter server that started this kernel; None where there is none that listens."""
    parent = os.environ.get("JPY_PARENT_PID", "")
    if not parent.isdigit() or not hasattr(socket, "AF_UNIX"):
        return None
    from jupyter_core.paths import jupyter_runtime_dir

    path = Path(jupyter_runtime_dir()) / f"gpumon-{parent}.sock"
    return path if listens(path) else None


def listens(path: Path) -> bool:
    """Whether somebody answers at this socket."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(0.5)
            probe.connect(str(path))
    except OSError:
        return False
    return True


def _servers_source() -> str | None:
    """``$GPUMON_SOURCE`` of the parent server; our own where its environment cannot be read."""
    try:
        words = Path(f"/proc/{os.environ['JPY_PARENT_PID']}/environ").read_bytes().split(b"\0")
    except OSError:
        return os.environ.get("GPUMON_SOURCE")
    prefix = b"GPUMON_SOURCE="
    return next((os.fsdecode(word[len(prefix) :]) for word in words if word.startswith(prefix)), None)


def _forget() -> None:
    """In a forked child: the threads are not here, and the pipe is the parent's."""
    global _shared, _lock
    _inherited.append(_shared)
    _shared, _lock = None, threading.RLock()


on_exit: list[Callable[[], object]] = []
"""What is to be done before the connection closes: the widget leaves its picture."""
on_change: list[Callable[[], object]] = []
"""What is to be done when another connection has taken its place: the widget goes on with that one."""


def _leave() -> None:
    for call in on_exit:
        call()
    close()


atexit.register(_leave)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

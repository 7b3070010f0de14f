"""The sampler: looks at one backend and the host in turn, at each metric's own rate, and says when it cannot."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from ..clock import Clock, SystemClock, boot_id
from ..errors import DriverError, LibraryMismatch, LibraryNotFound
from ..model import Device, Event, Hello, Host, Request, Sample, Status
from ..wire import Stream
from . import Backend
from .generation import Generation, View
from .inventory import status_of
from .known import KnownSensors
from .lifeline import REOPEN
from .ticks import Ticks

T = TypeVar("T")

SLOW = 15.0
"""Seconds between looks at the slow tier and at the inventory."""
RARE = 3600.0
"""Seconds between looks at what is dear to read: the board's flash."""
PROBE_LIBRARY = 60.0
"""Seconds until a missing library is looked for again."""
FLUSH = 0.09
"""Least time between two samples that only carry edges."""


class Reader(Protocol):
    """Reads the host (``sources.host.HostReader``)."""

    def read(self) -> Host:
        """The host, now."""

    def absent(self) -> dict[str, str]:
        """Host metric → why it is not there."""


class Sampler:
    """A stream from a backend in this process. The thread that runs ``stream`` is the only one to meet the backend.

    Args:
        backend: an open backend, or what opens one (called again after the driver went away).
        host: reads the host; None leaves it out.
        interval: seconds between samples, 0.05 to 60.
        source: what ``Hello.source`` says.
        patience: seconds after which a driver that is newer than its loaded library ends the stream with
            ``LibraryMismatch``, since only a fresh process can heal that.
        reopen: seconds after which a driver with a lost device is opened anew, at first.
        software: our version; empty looks it up, which costs 3 MB of modules.
        known: where it is kept what trials of the boards' sensors find; None makes no trials.
    """

    def __init__(
        self,
        backend: Backend | Callable[[], Backend],
        host: Reader | None = None,
        *,
        interval: float = 1.0,
        source: str = "agent",
        patience: float = 10.0,
        reopen: float = REOPEN,
        software: str = "",
        known: KnownSensors | None = None,
    ) -> None:
        self._open: Callable[[], Backend] = backend if callable(backend) else lambda: backend
        self._software, self._known = software, known
        self._host, self._patience, self._reopen = host, patience, reopen
        self.hello = Hello(source=source, interval=_clamped(interval), status=Status(state="starting"))
        """The latest; another thread may read it."""
        self.call: tuple[float, str] | None = None
        """(begin, name) of the call the driver has not answered yet; another thread may read it."""
        self._interval = _clamped(interval)
        self._periods = {"normal": 0.0, "slow": SLOW, "rare": RARE}
        self._measuring, self._processes, self._trial, self._links = False, True, False, False
        self._wake, self._closing = threading.Event(), threading.Event()
        self._retry, self._tries = 1.0, 0
        self._clock: Clock = SystemClock()

    def ask(self, request: Request) -> None:
        """Another rate, fine energy edges, processes or not, seconds per tier. Safe from any thread."""
        if request.interval is not None:
            self._interval = _clamped(request.interval)
        if request.measuring is not None:
            self._measuring = request.measuring
        if request.trial:
            self._trial = True
        if request.links:
            self._links = True
        if request.processes is not None:
            self._processes = request.processes
        asked = {tier: seconds for tier, seconds in (request.tiers or {}).items() if tier in self._periods}
        self._periods |= {tier: min(3600.0, max(0.0, seconds)) for tier, seconds in asked.items()}
        self._wake.set()

    def close(self) -> None:
        """End the stream; safe from any thread, more than once."""
        self._closing.set()
        self._wake.set()

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """Messages until ``close``.

        Raises:
            LibraryMismatch: this process can never speak to the driver again.
        """
        self._clock, self._ticks = clock, Ticks(clock)
        about = {"hostname": socket.gethostname(), "software": self._software or _version(), "boot_id": boot_id()}
        yield self._say(**about, status=Status(state="starting", message="Opening the driver.", since=clock.time()))
        while not self._closing.is_set():
            try:
                yield from self._generation()
            except DriverError as e:
                yield from self._away(e)

    def _generation(self) -> Iterator[Stream]:
        """Everything from opening the driver until it goes away."""
        backend = self._driver(self._open)
        try:
            generation = Generation(backend, self._clock, self.hello.devices, self._known)
            self._driver(generation.take_inventory)
            yield self._greet(generation, self.hello.generation + 1)
            self._retry = 1.0
            while not self._closing.is_set() and generation.lost_for() <= self._reopen * 2**self._tries:
                yield from self._tick(generation)
                yield from self._rest(generation)
            self._tries = min(5, self._tries + 1)
        finally:
            self._driver(backend.close)

    def _tick(self, generation: Generation) -> Iterator[Stream]:
        missed, gaps = self._ticks.take(self._interval)
        time, mono = self._clock.time(), self._clock.mono()
        view = self._driver(generation.look, self._periods, self._processes)
        if not generation.lost_for():
            self._tries = 0
        if generation.devices != self.hello.devices or self._interval != self.hello.interval:
            yield self._greet(generation, self.hello.generation)
        sample = self._sample(time, mono, view, gaps, missed, generation)
        if self._links:
            self._links = False
            sample = replace(sample, links=self._driver(generation.links))
        yield sample

    def _rest(self, generation: Generation) -> Iterator[Stream]:
        """Wait for the next tick; meanwhile follow the energy counters, and power where they do not tell enough."""
        edges, powers, flushed = generation.edges, generation.powers, self._clock.mono()
        while not self._closing.is_set():
            self._tell(generation)
            now, tick = self._clock.mono(), self._ticks.due(self._interval)
            due, watch = generation.due()
            flush = flushed + FLUSH if edges.pending or powers.pending else tick
            if now >= tick:
                return
            if now >= flush:
                found, readings = generation.take()
                yield Sample(time=self._clock.time(), mono=now, edges=found, powers=readings)
                flushed = now
            elif now >= due:
                self._driver(watch.poll)
            else:
                self._pause(min(due, tick, flush) - now)

    def _tell(self, generation: Generation) -> None:
        """What was asked for since."""
        generation.follow(self._measuring)
        if self._trial and generation.trials:
            generation.trials.ask()
        self._trial = False

    def _away(self, error: DriverError) -> Iterator[Stream]:
        """Say what is the matter, and go on with the host alone until it is time to try again."""
        mismatch = isinstance(error, LibraryMismatch)
        said = self.hello.status
        if (said.state, said.message) != (error.state, str(error)):
            status = Status(state=error.state, message=str(error), hint=error.hint, since=self._clock.time())
            yield self._say(status=status)
        wait = PROBE_LIBRARY if isinstance(error, LibraryNotFound) else self._patience if mismatch else self._retry
        self._retry = min(30.0, 2 * self._retry)
        again = self._clock.mono() + wait
        while not self._closing.is_set() and self._clock.mono() < again:
            if self._clock.mono() >= self._ticks.due(self._interval):
                missed, gaps = self._ticks.take(self._interval)
                yield self._sample(self._clock.time(), self._clock.mono(), None, gaps, missed)
            self._pause(min(again, self._ticks.due(self._interval)) - self._clock.mono())
        if mismatch and not self._closing.is_set():
            raise error

    def _sample(
        self,
        time: float,
        mono: float,
        view: View | None,
        gaps: list[Event],
        missed: int,
        generation: Generation | None = None,
    ) -> Sample:
        edges, powers = generation.take() if generation else ((), ())
        host = self._host.read() if self._host else None
        return Sample(
            time=time,
            mono=mono,
            gpus=view.gpus if view else (),
            host=host,
            processes=view.processes if view else None,
            edges=edges,
            powers=powers,
            events=(*gaps, *(view.events if view else ())),
            missed=missed,
            took=round(self._clock.mono() - mono, 6),
        )

    def _greet(self, generation: Generation, number: int) -> Hello:
        """The hello of an open driver."""
        about, devices = generation.backend.hello, generation.devices
        words = ("simulated", "driver", "nvml", "cuda", "pid_namespace")
        return self._say(
            **{word: getattr(about, word) for word in words},
            generation=number,
            devices=devices,
            status=self._status(devices),
        )

    def _status(self, devices: tuple[Device, ...]) -> Status:
        status = status_of(devices, self._clock.time())
        same = status.state == self.hello.status.state and status.message == self.hello.status.message
        return self.hello.status if same else status

    def _say(self, **changed: Any) -> Hello:
        absent = self._host.absent() if self._host else {}
        self.hello = replace(self.hello, interval=self._interval, host_absent=absent, **changed)
        return self.hello

    def _pause(self, seconds: float) -> None:
        self._clock.wait(self._wake, seconds)
        self._wake.clear()

    def _driver(self, call: Callable[..., T], *args: object) -> T:
        """The one place from which the driver is met: a watchdog sees since when it has not answered."""
        self.call = (self._clock.mono(), getattr(call, "__name__", "open"))
        try:
            return call(*args)
        finally:
            self.call = None


def _version() -> str:
    from .. import __version__

    return str(__version__)


def _clamped(interval: float) -> float:
    return min(60.0, max(0.05, interval))

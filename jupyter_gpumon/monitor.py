"""The monitor: one thread that takes samples from a source, keeps the recent ones and hands each to its sinks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from .clock import Clock, Offsets, SystemClock
from .energy.ledger import Ledger
from .errors import GpuMonError
from .history import JUMP, History
from .model import Event, Hello, Request, Sample, Status
from .units import duration
from .wire import Stream

if TYPE_CHECKING:
    from .sources import Source

log = logging.getLogger("jupyter_gpumon")

LATE = 3.0
"""A silence of more than this many intervals is a gap."""


class Writes(Protocol):
    """What the monitor needs of a sink."""

    def write(self, message: Stream) -> None:
        """Take one message in the monitor's thread, without blocking."""


class Monitor:
    """Takes a source's stream in a daemon thread: history, energy ledger, gaps, sinks.

    Args:
        source: where samples come from.
        clock: given to the source.
        history: where they are kept; None keeps the default metrics for a day.
    """

    def __init__(self, source: Source, clock: Clock | None = None, history: History | None = None) -> None:
        self.hello = Hello(status=Status(state="starting", message="Waiting for the first sample."))
        self.latest: Sample | None = None
        self.history = history or History()
        self.ledger = Ledger()
        self._source, self._clock = source, clock or SystemClock()
        self._offsets = Offsets()
        self._sinks: dict[object, Writes] = {}
        self._failed: set[object] = set()
        self._notes: list[Event] = []
        self._lock = threading.Lock()
        self._asked = 0.0
        self._expected = self._interval
        self._thread = threading.Thread(target=self._run, name="gpumon-monitor", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End the stream; waits a few seconds at most."""
        self._source.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def add(self, sink: Writes) -> Callable[[], None]:
        """Hand every message from now on to this sink too; calling what is returned ends that."""
        key = object()
        with self._lock:
            self._sinks[key] = sink
        return lambda: self._remove(key)

    def _remove(self, key: object) -> None:
        with self._lock:
            self._sinks.pop(key, None)
            self._failed.discard(key)

    def ask(self, request: Request) -> None:
        """Ask the source for another rate or for fine energy edges."""
        if request.interval is not None:
            # The sample under way still comes at the slower of both rates.
            self._expected, self._asked = max(self._interval, request.interval), request.interval
        self._source.ask(request)

    @property
    def _interval(self) -> float:
        """Seconds between samples now: the slower of what was asked for and what the source says."""
        return max(self._asked, self.hello.interval)

    def note(self, event: Event) -> None:
        """Let an event ride in the next sample."""
        with self._lock:
            self._notes.append(event)

    def unix_to_mono(self, time: float) -> float:
        """The monotonic moment of a Unix time, by the clocks of the samples of that time."""
        mono = self._offsets.mono(time)
        return time - self._clock.time() + self._clock.mono() if mono is None else mono

    def _run(self) -> None:
        try:
            for message in self._source.stream(self._clock):
                self._take(message)
        except GpuMonError as e:
            log.error("gpumon: the source ended: %s", e)
            status = Status(state="disconnected", message=str(e), since=self._clock.time())
            self._take(replace(self.hello, status=status))

    def _take(self, message: Stream) -> None:
        self.ledger.take(message)
        if isinstance(message, Hello):
            self.hello = message
            self._expected = max(self._expected, self._interval)
        else:
            message = self._keep(message)
        for key, sink in self._all():
            self._hand(key, sink, message)

    def _keep(self, sample: Sample) -> Sample:
        events = (*sample.events, *self._take_notes())
        if sample.gpus:
            gap = self._gap(sample)
            self.history.push(sample, hold=LATE * self._expected)
            self._expected = self._interval
            events = events if gap is None else (*events, gap)
        if events != sample.events:
            sample = replace(sample, events=events)
        if sample.gpus:
            self._offsets.note(sample.time, sample.mono)
            self.latest = sample
        return sample

    def _gap(self, sample: Sample) -> Event | None:
        before = self.latest
        if before is None or any(event.kind == "gap" for event in sample.events):
            return None
        mono, wall = sample.mono - before.mono, sample.time - before.time
        asleep = wall - mono > max(JUMP, LATE * self._expected)
        if mono <= LATE * self._expected and not asleep:
            return None
        title = "The machine slept, or its clock was set forward" if asleep else f"No samples for {duration(mono)}"
        return Event(kind="gap", time=before.time, until=sample.time, mono=before.mono, title=title)

    def _take_notes(self) -> list[Event]:
        with self._lock:
            notes, self._notes = self._notes, []
        return notes

    def _all(self) -> list[tuple[object, Writes]]:
        with self._lock:
            return list(self._sinks.items())

    def _hand(self, key: object, sink: Writes, message: Stream) -> None:
        try:
            sink.write(message)
        except Exception:  # A sink may be a plug-in: whatever it raises, the others go on.
            if key not in self._failed:
                self._failed.add(key)
                log.exception("gpumon: the sink %s failed; the others go on", getattr(sink, "url", None) or sink)


class Unavailable:
    """The source that stands in where the configured one cannot be opened: it only says why."""

    def __init__(self, source: str, message: str, hint: str = "") -> None:
        self._hello = Hello(source=source, status=Status(state="disconnected", message=message, hint=hint))
        self._closed = threading.Event()

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """One Hello, then nothing until it is closed."""
        yield replace(self._hello, status=replace(self._hello.status, since=clock.time()))
        self._closed.wait()

    def ask(self, request: Request) -> None:
        """There is nobody to ask."""

    def close(self) -> None:
        """End the stream."""
        self._closed.set()

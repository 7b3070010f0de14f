"""What ``gpumon watch`` knows: the last sample, the last two minutes, who is on the GPUs, and what happened."""

from __future__ import annotations

from collections import deque

from ...model import Columns, Event, Gpu, Hello, Host, Process, Sample
from ...wire import Stream
from ..dmon.look import Looker

SPAN = 120.0
"""Seconds of the past that are drawn."""
DRAWN = ("utilization", "memory_used", "power")
_HAPPENED = 8
_QUIET = ("cell", "note")
"""Kinds of events that are no news here."""

Point = tuple[float, float]
"""(Unix time, value)"""


class State:
    """Takes the messages of a stream in turn."""

    def __init__(self) -> None:
        self.sample: Sample | None = None
        self.host: Host | None = None
        self.processes: tuple[Process, ...] | None = None
        """None while nobody could look."""
        self.happened: deque[Event] = deque(maxlen=_HAPPENED)
        self._looker = Looker()
        self._past: dict[tuple[str, str], deque[Point]] = {}

    @property
    def hello(self) -> Hello:
        """What the source last said of itself."""
        return self._looker.hello

    def take(self, message: Stream) -> None:
        """One message."""
        if isinstance(message, Hello):
            self._looker.meet(message)
            self._remember(message.events)
            if message.history is not None:
                self._fill(message.history)
        else:
            self._take(message)

    def _take(self, sample: Sample) -> None:
        self._remember(sample.events)
        if sample.host is not None:
            self.host = sample.host
        if sample.processes is not None:
            self.processes = sample.processes
        if sample.gpus:
            self.sample = sample
            self._looker.take(sample)
            for gpu in sample.gpus:
                for name in DRAWN:
                    value = getattr(gpu, name)
                    if value is not None:
                        self._push(gpu.uuid, name, (sample.time, value))

    def _remember(self, events: tuple[Event, ...]) -> None:
        known = {(event.kind, event.time, event.title) for event in self.happened}
        news = (event for event in events if event.kind not in _QUIET)
        self.happened.extend(event for event in news if (event.kind, event.time, event.title) not in known)

    def _fill(self, columns: Columns) -> None:
        """The past that a server sends along."""
        for uuid, values in columns.gpus.items():
            for name in set(DRAWN) & set(values):
                self._past.pop((uuid, name), None)
                for time, value in zip(columns.time, values[name], strict=False):
                    if value is not None:
                        self._push(uuid, name, (time, value))

    def _push(self, uuid: str, name: str, point: Point) -> None:
        past = self._past.setdefault((uuid, name), deque())
        past.append(point)
        while past and past[0][0] < point[0] - SPAN - 5.0:
            past.popleft()

    def gpu(self, uuid: str) -> Gpu:
        """The last known values of a device."""
        device = next(device for device in self.hello.devices if device.uuid == uuid)
        return self._looker.look(device).gpu

    def past(self, uuid: str, name: str, columns: int) -> list[float | None]:
        """The last two minutes in so many columns, each the mean of what fell into it; None where nothing did."""
        points = self._past.get((uuid, name), ())
        now = self.sample.time if self.sample else 0.0
        width = SPAN / max(1, columns)
        last = int(now // width)
        sums = [[0.0, 0] for _ in range(columns)]
        for time, value in points:
            place = columns - 1 - (last - int(time // width))
            if 0 <= place < columns:
                sums[place][0] += value
                sums[place][1] += 1
        return [total / count if count else None for total, count in sums]

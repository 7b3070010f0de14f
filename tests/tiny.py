"""A backend of a few lines whose devices, errors and energy counters a test sets; and a stream read up to a point."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jupyter_gpumon.model import Device, Event, Gpu, Hello, Sample
from jupyter_gpumon.sources import Power


def device(number: int, **more) -> Device:
    return Device(**{"uuid": f"GPU-{number}", "index": number, "name": "Tiny"} | more)


class TinyBackend:
    """Hardware for tests. ``error`` is raised by every call; ``energy_of`` is the counter in joules by UUID.

    ``power_of`` is power in watts by UUID, ``history_of`` what the driver recorded of it since a Unix time.
    """

    def __init__(self, gpus: int = 2) -> None:
        self.hello = Hello(driver="1.0", simulated=True)
        self.present = [device(number) for number in range(gpus)]
        self.error: Exception | None = None
        self.told: list[Event] = []
        self.energy_of: Callable[[str], float | None] = lambda uuid: 5.0
        self.power_of: Callable[[str], float | None] = lambda uuid: 100.0
        self.history_of: Callable[[str, float], list | None] = lambda uuid, since: None
        self.before: Callable[[], None] = lambda: None
        """Called at the start of every read: a slow driver, a suspended machine."""
        self.wanted: list[frozenset[str]] = []
        self.closed = 0

    def devices(self):
        self._fail()
        return list(self.present)

    def read(self, wanted):
        self.before()
        self._fail()
        self.wanted.append(wanted)
        values = {"power": 100.0, "memory_used": 2e9, "power_limit": 700.0}
        known = {name: value for name, value in values.items() if name in wanted}
        return [Gpu(uuid=each.uuid, **known) for each in self.present if each.state == "ok"]

    def processes(self):
        return []

    def energy(self, uuid):
        self._fail()
        return self.energy_of(uuid)

    def power(self, uuid):
        self._fail()
        watts = self.power_of(uuid)
        return None if watts is None else Power("instant", watts)

    def power_history(self, uuid, since):
        self._fail()
        return self.history_of(uuid, since)

    def events(self):
        told, self.told = self.told, []
        return told

    def close(self):
        self.closed += 1

    def _fail(self) -> None:
        if self.error:
            raise self.error


def samples(stream: Iterator, count: int) -> list[Sample]:
    """The next ``count`` samples of whole looks; edge-only ones are left out."""
    found = []
    while len(found) < count:
        message = next(stream)
        if isinstance(message, Sample) and (message.gpus or not message.edges):
            found.append(message)
    return found


def upto(stream: Iterator, condition: Callable[[object], bool], most: int = 500):
    """The first message for which the condition holds."""
    for _, message in zip(range(most), stream, strict=False):
        if condition(message):
            return message
    raise AssertionError(f"not among the first {most} messages")


def status(state: str) -> Callable[[object], bool]:
    """Whether a message is a hello of that state."""
    return lambda message: isinstance(message, Hello) and message.status.state == state

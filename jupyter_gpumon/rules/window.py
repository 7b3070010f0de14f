"""What rules look at: this moment, and as much of the past as their expressions ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from ..metrics import METRICS, Gpu, Host
from ..model import Cell, Device, Event, Hello, Process, Sample
from ..wire import Stream
from . import columns
from .expression import names
from .expression.nodes import Across, Binary, Held, Name, Node, Number, Over, Unary, walk
from .running import Running, running

GAP = 30.0
"""A silence of more than so many seconds, and of more than four samples, begins a new past."""


class Spent(NamedTuple):
    """What a cell or a notebook took so far."""

    joules: float
    cell: str = ""
    """Id of the cell; empty for a whole notebook."""
    title: str = ""
    notebook: str | None = None
    kernel: str | None = None


class Window:
    """Fed with a stream; asked by rules, which change nothing of it.

    A rule's conditions are to be given to ``watch`` before the first sample: what looks back is unknown until it has
    been fed for as long.
    """

    def __init__(self) -> None:
        self.hello = Hello()
        self.time = self.mono = 0.0
        """When the last sample was: Unix, and monotonic."""
        self.uuids: tuple[str, ...] = ()
        """The devices, in the order of every column."""
        self.gpus: tuple[Gpu, ...] = ()
        self.host: Host | None = None
        self.processes: tuple[Process, ...] | None = None
        """As they were last looked at; None where they cannot be seen."""
        self.met = False
        """Whether any process was ever seen: some drivers (WSL, virtual GPUs) answer an empty list whoever runs."""
        self.events: tuple[Event, ...] = ()
        """What came with this sample."""
        self.missed = 0
        """Samples left out before this one."""
        self.cells: tuple[Cell, ...] = ()
        """Records that came since the sample before, where somebody has them (``told``)."""
        self.running: tuple[Spent, ...] = ()
        """What the cells that run now took so far, where somebody knows it."""
        self.notebooks: tuple[Spent, ...] = ()
        """What each notebook took today, where somebody keeps books."""
        self.kernels: frozenset[str] | None = None
        """Ids of the kernels that live; None where nobody knows."""
        self._devices: dict[str, Device] = {}
        self._over: dict[Over, Running] = {}
        self._uptimes: dict[str, float] = {}
        self._memo: dict[Node, list[Any]] = {}
        self._growths: dict[Over, list[float | None]] = {}
        self._places: dict[str, int] = {}
        """UUID → its place in every column."""

    def watch(self, *conditions: Node) -> None:
        """Keep what these look back on."""
        for condition in conditions:
            for node in walk(condition):
                if isinstance(node, Over) and node not in self._over:
                    self._over[node] = running(node.function, node.seconds, counter=_counter(node.arg))

    def push(self, message: Stream) -> bool:
        """Take a message of the stream; True where there is something new to judge."""
        if isinstance(message, Hello):
            self._greeted(message)
            return True
        self.events, self.missed = message.events, message.missed
        if message.processes is not None:
            self.processes, self.met = message.processes, self.met or bool(message.processes)
        if not message.gpus and message.host is None:
            return bool(message.events)
        self._take(message)
        return True

    def _greeted(self, hello: Hello) -> None:
        if (hello.boot_id, hello.generation) != (self.hello.boot_id, self.hello.generation):
            for kept in self._counters():
                kept.restart()
        self.hello, self._devices = hello, {device.uuid: device for device in hello.devices}
        self.time = max(self.time, hello.status.since or 0.0)
        self._memo.clear()

    def _counters(self) -> Iterator[Running]:
        return (kept for kept in self._over.values() if kept.counts)

    def told(
        self,
        *,
        cells: tuple[Cell, ...] = (),
        running: tuple[Spent, ...] = (),
        notebooks: tuple[Spent, ...] = (),
        kernels: frozenset[str] | None = None,
    ) -> None:
        """What only a server knows, before the next ``push``."""
        self.cells, self.running, self.notebooks, self.kernels = cells, running, notebooks, kernels

    def _take(self, sample: Sample) -> None:
        self.time, self.mono = sample.time, sample.mono
        self.host = sample.host or self.host
        self.gpus = sample.gpus
        uuids = tuple(gpu.uuid for gpu in sample.gpus)
        if uuids != self.uuids:
            self._realign(uuids)
        self._restarted()
        self._memo.clear()
        self._growths.clear()
        gap = max(GAP, 4 * self.hello.interval)
        for node, kept in self._over.items():
            kept.push(self.mono, list(self.column(node.arg)), gap)
            self._memo.pop(node, None)

    def _restarted(self) -> None:
        """A device that was reset counts anew, also where its counters are higher than before by now."""
        now = {gpu.uuid: gpu.uptime for gpu in self.gpus if gpu.uptime is not None}
        anew = {uuid for uuid, uptime in now.items() if uptime < self._uptimes.get(uuid, 0.0)}
        self._uptimes |= now
        if anew:
            for kept in self._counters():
                kept.realign([None if uuid in anew else place for place, uuid in enumerate(self.uuids)])

    def _realign(self, uuids: tuple[str, ...]) -> None:
        before = {uuid: place for place, uuid in enumerate(self.uuids)}
        places = [before.get(uuid) for uuid in uuids]
        self.uuids, self._places = uuids, {uuid: place for place, uuid in enumerate(uuids)}
        for kept in self._over.values():
            kept.realign(places)

    def device(self, uuid: str) -> Device | None:
        """The device of this UUID; None where it is not known (any more)."""
        return self._devices.get(uuid)

    def label(self, uuid: str | None) -> str:
        """``gpu0``, for words; empty where there is no such device."""
        found = self._devices.get(uuid or "")
        return found.label if found else ""

    def on(self, uuid: str) -> Iterator[Process]:
        """The processes on a device, as far as they can be seen."""
        return (process for process in self.processes or () if process.uuid == uuid)

    def column(self, node: Node) -> list[Any]:
        """The value of an expression for each of ``uuids``; None where it is not known."""
        found = self._memo.get(node)
        if found is None:
            found = self._memo[node] = self._work_out(node)
        return found

    def value(self, node: Node, uuid: str) -> float | None:
        """The value of an expression for one device."""
        place = self._places.get(uuid)
        found: float | None = None if place is None else self.column(node)[place]
        return found

    def so_far(self, node: Over, uuid: str) -> float | None:
        """As ``value``, also before the whole time has passed: of a counter's growth, the least it can come to."""
        place, column = self._places.get(uuid), self.growth(node)
        return None if place is None or not column else column[place]

    def growth(self, node: Over) -> list[float | None]:
        """``so_far`` of each device; empty where nothing is kept for this."""
        found = self._growths.get(node)
        if found is None:
            found = self._growths[node] = self._over[node].so_far() if node in self._over else []
        return found

    def _work_out(self, node: Node) -> list[Any]:
        if isinstance(node, Name):
            return self._named(node.name)
        if isinstance(node, Number):
            return [node.value] * len(self.uuids)
        if isinstance(node, Binary):
            return columns.binary(node, self.column(node.left), self.column(node.right))
        if isinstance(node, Unary):
            return columns.unary(node.op, self.column(node.arg))
        if isinstance(node, Across):
            return columns.across(node.function, self.column(node.arg))
        if isinstance(node, Held):
            return [None if gpu.clock_events is None else node.word in gpu.clock_events for gpu in self.gpus]
        return self._looked_back(node)

    def _looked_back(self, node: Node) -> list[Any]:
        kept = self._over.get(node) if isinstance(node, Over) else None
        return (kept and kept.column()) or [None] * len(self.uuids)

    def _named(self, name: str) -> list[Any]:
        if name in METRICS:
            found = list(map(attrgetter(name), self.gpus))
            return self._constant(name) if name == "memory_total" and None in found else found
        if name.startswith("host."):
            return [getattr(self.host, name.removeprefix("host."), None)] * len(self.uuids)
        if name == "missed":
            return [self.missed / (self.missed + 1)] * len(self.uuids)
        return self._counted() if name in names.COUNTED else self._constant(name)

    def _constant(self, name: str) -> list[Any]:
        return [getattr(self._devices.get(uuid), name, None) for uuid in self.uuids]

    def _counted(self) -> list[Any]:
        if self.processes is None:
            return [None] * len(self.uuids)
        counts: Counter[str] = Counter()
        for process in self.processes:
            counts[process.uuid] += process.count
        return [float(counts[uuid]) for uuid in self.uuids]


def _counter(arg: Node) -> bool:
    found = names.metric(arg.name) if isinstance(arg, Name) else None
    return found is not None and found.kind == "counter"

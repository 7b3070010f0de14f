"""The server's energy books: what every board took today and since the start, and which notebook's cells took it.

Boards are followed through the samples, so that the sum is the counter's whatever the kernels say; cells come from the
kernels' records. What is neither a cell's nor idleness is the rest, so that the parts of a board always add up.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from ..books import Book, Books, DeviceBook, NotebookBook
from ..energy.meters import Meters, Reader, Step, Taken
from ..model import Cell, Hello, Sample
from ..wire import Stream
from .charges import charged, merged, summed

RECENT = 200
"""Records kept one by one, so that a completed one takes the place of its draft."""
DRAFTS = 2000
"""Records kept if their completion is still to come."""


class Day(Struct, frozen=True):
    """A day in local time, from midnight to midnight, in Unix seconds."""

    start: float
    end: float

    def holds(self, moment: float) -> bool:
        """Whether a moment is within it."""
        return self.start <= moment < self.end


def day_of(moment: float) -> Day:
    """The local day that a Unix time is in; days on which clocks are changed have 23 or 25 hours."""
    year, month, day, *_ = time.localtime(moment)
    return Day(
        time.mktime((year, month, day, 0, 0, 0, 0, 0, -1)), time.mktime((year, month, day + 1, 0, 0, 0, 0, 0, -1))
    )


class _Record(Struct, frozen=True):
    """A cell's record, less its tables, with the UUIDs of its devices."""

    kernel: str
    cell: Cell
    uuids: dict[str, str]


class Page:
    """One period: the boards' sums, and those of records that are no longer kept one by one."""

    def __init__(self, since: float) -> None:
        self.meters = Meters(since)
        self._folded: dict[str, NotebookBook] = {}

    def fold(self, record: _Record) -> None:
        """Add a record for good."""
        if record.cell.end > self.meters.since:
            before = self._folded.get(record.kernel, NotebookBook())
            self._folded[record.kernel] = merged(before, self._charged(record))

    def _charged(self, record: _Record) -> NotebookBook:
        return charged(record.cell, record.uuids, self.meters.since, record.kernel)

    def book(self, records: Iterable[_Record], paths: Mapping[str, str], idle: Mapping[str, float | None]) -> Book:
        """The page as it stands.

        Args:
            records: those that are not folded in.
            paths: kernels that run → their notebooks.
            idle: board → its power without work, in watts.
        """
        kernels = dict(self._folded)
        for record in records:
            if record.cell.end > self.meters.since:
                before = kernels.get(record.kernel, NotebookBook())
                kernels[record.kernel] = merged(before, self._charged(record))
        notebooks = by_notebook(kernels, paths)
        boards = {uuid: board(uuid, taken, notebooks, idle.get(uuid)) for uuid, taken in self.meters.boards.items()}
        return Book(since=self.meters.since, devices=boards, notebooks=notebooks)


class Keeper:
    """Keeps the books. ``write`` is called by the monitor's thread, the rest by the server's loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader = Reader()
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()
        self._names: dict[str, str] = {}
        self._simulated = False
        self._time: float | None = None
        self._day = Day(0.0, 0.0)
        self._start = self._today = Page(0.0)

    def write(self, message: Stream) -> None:
        """Take a message of the source."""
        with self._lock:
            if isinstance(message, Hello):
                self._meet(message)
            elif message.gpus:
                self._read(message)

    def _meet(self, hello: Hello) -> None:
        self._reader.meet(hello.devices, hello.boot_id)
        self._names |= {device.label: device.uuid for device in hello.devices}
        self._simulated = hello.simulated

    def _read(self, sample: Sample) -> None:
        if self._time is None:
            self._start = Page(sample.time)
        turned = not self._day.holds(sample.time)
        if turned:
            self._day = day_of(sample.time)
            self._today = Page(max(self._day.start, self._start.meters.since))
        for uuid, step in self._reader.steps(sample):
            self._start.meters.add(uuid, step)
            self._today.meters.add(uuid, step, self._share(step, sample.time) if turned else 1.0)
        self._time = sample.time

    def _share(self, step: Step, moment: float) -> float:
        """The part of a step that lies in today, where midnight was in it."""
        return min(1.0, max(0.0, moment - self._day.start) / step.seconds)

    def post(self, cell: Cell, kernel: str) -> None:
        """Take a cell's record. What was measured on other GPUs than these, real or not, is none of these books'."""
        with self._lock:
            if cell.simulated != self._simulated:
                return
            light = replace(cell, mean={}, peak={}, rise={}, delta={}, notes=())
            names = {device.name for device in cell.devices}
            uuids = {name: uuid for name, uuid in self._names.items() if name in names}
            self._records[kernel, cell.id] = _Record(kernel, light, uuids)
            self._fold()

    def _fold(self) -> None:
        """Keep the number of records bounded: the oldest completed ones become part of the sums."""
        surplus = len(self._records) - RECENT
        done = [key for key, record in self._records.items() if record.cell.final][: max(0, surplus)]
        for key in done or list(self._records)[: max(0, len(self._records) - DRAFTS)]:
            record = self._records.pop(key)
            self._start.fold(record)
            self._today.fold(record)

    def books(self, paths: Mapping[str, str]) -> Books:
        """Both pages as they stand.

        Args:
            paths: kernels that run → their notebooks.
        """
        with self._lock:
            idle = {uuid: taken.idle_watts for uuid, taken in self._start.meters.boards.items()}
            today, start = (page.book(self._records.values(), paths, idle) for page in (self._today, self._start))
            return Books(today=today, start=start)


def by_notebook(kernels: Mapping[str, NotebookBook], paths: Mapping[str, str]) -> tuple[NotebookBook, ...]:
    """The books of kernels as those of notebooks, which may have had several; open ones without cells too."""
    found: dict[str, list[NotebookBook]] = {}
    for kernel, book in kernels.items():
        path = paths.get(kernel) or book.notebook
        named = replace(book, notebook=path, kernel=kernel if kernel in paths else None)
        found.setdefault(path or kernel, []).append(named)
    for kernel, path in paths.items():
        if kernel not in kernels:
            found.setdefault(path, []).append(NotebookBook(notebook=path, kernel=kernel))
    return tuple(summed(books) for books in found.values())


def board(uuid: str, taken: Taken, notebooks: Iterable[NotebookBook], idle_watts: float | None) -> DeviceBook:
    """Where a board's energy went. What the cells leave is idleness, as far as it can be, and the rest."""
    if taken.joules is None:
        return DeviceBook(
            resets=taken.resets, uncovered=taken.uncovered, method="power" if taken.integrated else "counter"
        )
    here = [book for book in notebooks if uuid in book.energy]
    cells = sum(book.energy[uuid].joules or 0.0 for book in here)
    background = sum(book.background.get(uuid, 0.0) for book in notebooks)
    left = taken.joules - cells - background
    whole_idle = taken.idle_joules(idle_watts)
    in_cells = sum(_idle(book, uuid, idle_watts or 0.0) for book in here)
    idle = None if whole_idle is None else min(max(whole_idle - in_cells, 0.0), max(left, 0.0))
    return DeviceBook(
        joules=taken.joules,
        cells=cells,
        background=background,
        idle=idle,
        rest=left - (idle or 0.0),
        method="power" if taken.integrated else "counter",
        resets=taken.resets,
        uncovered=taken.uncovered,
    )


def _idle(book: NotebookBook, uuid: str, watts: float) -> float:
    """The idle share of a notebook's cells; where the records do not tell it, by the board's power without work."""
    energy = book.energy[uuid]
    return min(energy.joules or 0.0, watts * book.seconds) if energy.idle is None else energy.idle

"""Where the energy of each board went in a stretch of samples: while cells ran, at rest, at other work. It adds up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ..energy.meters import Reader, Step, Taken
from ..model import Device, Energy, Hello, Sample, Sensor
from ..units import duration
from .amounts import charge_of, energy, net
from .preference import said
from .tables import Row

PERIOD = 0.1
"""Seconds between two updates of an energy counter of which nobody has said it."""

CELLS, BACKGROUND = "measured cells", "background: work that outlived its cell"
CELLS_RAN, IDLE, WORK, OTHER = "while measured cells ran", "idle", "at work", "other work"
UNTOLD = "at work or idle: the board does not say"
WITHIN = "± of a total is what a counter may hold back at either end: one update at the highest power that was seen."


class Account(NamedTuple):
    """One board's. The parts add up to ``energy`` where that is a number."""

    device: str
    model: str
    energy: Energy
    parts: dict[str, float]
    unknown: float = 0.0
    """Seconds for which nobody knows what it drew; in no sum."""
    resets: int = 0
    """How often its counter began anew: what it drew then is missing."""


class Span(NamedTuple):
    """A stretch of Unix time in which a cell ran."""

    start: float
    end: float


class _Page:
    """What one board took."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.all, self.cells = Taken(), Taken()
        self.highest = 0.0
        self.says_busy = False

    def add(self, step: Step, share: float) -> None:
        self.all.add(step)
        if share:
            self.cells.add(step, share)

    def account(self, told: bool) -> Account:
        drawn, cells = self.all.joules, self.cells.joules or 0.0
        idle = self.all.idle - self.cells.idle
        parts = {CELLS_RAN: cells} if told else {}
        if drawn is not None and self.says_busy:
            parts |= {IDLE: idle, OTHER if told else WORK: drawn - cells - idle}
        elif drawn is not None:
            parts |= {UNTOLD: drawn - cells}
        energy = self._energy(drawn)
        return Account(self.device.label, self.device.name, energy, parts, self.all.uncovered, self.all.resets)

    def _energy(self, drawn: float | None) -> Energy:
        idle = None if drawn is None else self.all.idle_joules(self.all.idle_watts)
        if drawn is None or self.all.integrated:
            return Energy(joules=drawn, idle=idle, method="power")
        return replace(within_an_update(drawn, self.device.sensor, self.highest), idle=idle)


def within_an_update(joules: float, sensor: Sensor | None, highest: float) -> Energy:
    """Growth of a counter, with what it may hold back at either end.

    Args:
        joules: how much it grew.
        sensor: what is known of it.
        highest: the highest power that was seen, in watts.
    """
    late = PERIOD if sensor is None or sensor.period is None else sensor.period + (sensor.delay or 0.0)
    return Energy(joules=joules, low=max(0.0, joules - late * highest), high=joules + late * highest)


class Accounts:
    """Follows the boards of a stream.

    Args:
        cells: when measured cells ran, in Unix time.
    """

    def __init__(self, cells: Iterable[Span] = ()) -> None:
        self._spans = joined(cells)
        self._reader, self._pages = Reader(), dict[str, _Page]()
        self._before: float | None = None

    def meet(self, hello: Hello) -> None:
        """Take what the boards are."""
        self._reader.meet(hello.devices, hello.boot_id)
        for device in hello.devices:
            if device.parent is None:
                self._pages.setdefault(device.uuid, _Page(device)).device = device

    def read(self, sample: Sample) -> None:
        """Take what they have drawn since the sample before."""
        for gpu in sample.gpus:
            page = self._pages.get(gpu.uuid)
            if page is not None:
                page.highest = max(page.highest, gpu.power or 0.0)
                page.says_busy |= gpu.utilization is not None
        for uuid, step in self._reader.steps(sample):
            self._pages[uuid].add(step, overlap(self._spans, sample.time - step.seconds, sample.time))

    def all(self) -> list[Account]:
        """An account of each board that told its energy or its power."""
        found = [page.account(bool(self._spans)) for page in self._pages.values()]
        return [account for account in found if account.energy.joules is not None or account.unknown]


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time in spans that do not overlap, in order: a block in a cell is not counted twice."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def overlap(spans: Sequence[Span], start: float, end: float) -> float:
    """Share of a stretch of time that these spans cover."""
    covered = sum(max(0.0, min(end, span.end) - max(start, span.start)) for span in spans)
    return covered / (end - start) if end > start else 0.0


def together(accounts: Sequence[Account]) -> Energy:
    """All boards: what was measured, or where nothing was, the estimates; the two are never added."""
    return charge_of(account.energy for account in accounts).whole


def rows(accounts: Sequence[Account]) -> tuple[Row, list[Row]]:
    """The ledger as a table: a row per part, a column per board and one for all of them."""
    parts = list(dict.fromkeys(part for account in accounts for part in account.parts))
    several = len(accounts) > 1
    head = ["where it went", *(account.device for account in accounts), *(["together"] if several else []), "share"]
    whole = sum(sum(account.parts.values()) for account in accounts)
    lines: list[Row] = []
    for part in parts:
        values = [account.parts.get(part) for account in accounts]
        added = sum(value for value in values if value is not None)
        share = f"{100 * added / whole:.0f} %" if whole > 0 else "—"
        lines.append([part, *map(said, values), *([said(added)] if several else []), share])
    sums = [account.energy for account in accounts] + ([together(accounts)] if several else [])
    lines.append(["total", *map(energy, sums), ""])
    if any(value.idle for value in sums):
        lines.append(["total less idle power", *(net(value).removeprefix("net ") or "—" for value in sums), ""])
    return head, lines


def notes(accounts: Sequence[Account]) -> list[str]:
    """What is not in the sums."""
    found = [
        f"What {account.device} drew in {duration(account.unknown)} is not known, and in no sum."
        for account in accounts
        if account.unknown >= 1
    ]
    return found + [
        f"The energy counter of {account.device} began anew {account.resets} times; what was drawn then is missing."
        for account in accounts
        if account.resets
    ]

"""The energy ledger: what each window of time cost each GPU, how sure we are, and what nobody can be charged for.

A board's counter is updated every 20 to 100 ms. A window takes the counter's growth between the last update before it
and the first after it, less the two parts outside the window at the power found next to them. What could have been
otherwise in those parts is the interval: ``low`` to ``high`` holds the true value where the counter does.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import chain

from .model import Device, Edge, Energy, Hello, Sample
from .phase import QUIET, Timed, find_period, longest_quiet, place, refine
from .power import PowerTrace
from .window import bounds_of, closed, lead_to, provisional

KEPT = 600.0
"""Seconds of edges kept per device."""
MOST = 20_000
"""Edges kept per device, whatever their rate."""
AROUND = 30
"""Edges before a window from which period and phase are worked out; later ones would change what was final."""
_ATTEMPTS = frozenset({6, 8, 10, 12, 16, 20, 24, 32, 48})
RARELY = 64
"""After so many more edges the period is looked for again."""
LEVEL = 1.0
"""Seconds over which the lowest, usual and highest power are taken."""


class Account:
    """The edges of one device, oldest first; a counter that falls back begins a new epoch."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.monos: list[float] = []
        self.epochs: list[int] = []
        self.period: float | None = None
        self.limit: float | None = None
        self.model: str | None = None
        self.levels: list[float] = []
        """Mean power of every second seen, sorted."""
        self._mark: Edge | None = None
        self._heard = 0
        self._placed: dict[tuple[float, float, int, float | None], list[tuple[int, Timed]]] = {}

    def add(self, edge: Edge) -> None:
        """Take one edge; one that is not newer than the last is not taken."""
        last = self.edges[-1] if self.edges else None
        if last is not None and edge.mono <= last.mono:
            return
        fell = last is not None and edge.joules < last.joules
        self.epochs.append((self.epochs[-1] if self.epochs else 0) + fell)
        self.edges.append(edge)
        self._heard += 1
        self.monos.append(edge.mono)
        self._take_level(edge, fell)
        self._prune()

    def _take_level(self, edge: Edge, fell: bool) -> None:
        mark = None if fell else self._mark
        if mark is None:
            self._mark = edge
        elif edge.mono - mark.mono >= LEVEL:
            insort(self.levels, (edge.joules - mark.joules) / (edge.mono - mark.mono))
            self._mark = edge
            if len(self.levels) > 2 * KEPT / LEVEL:
                self.levels = self.levels[::2]

    @property
    def looks(self) -> bool:
        """Whether it is time to look for the period: ever more seldom, since that may take milliseconds."""
        return self._heard in _ATTEMPTS or self._heard % RARELY == 0

    def find_period(self, hints: Iterable[float]) -> None:
        """Look whether the period is still the one it was; else find it, or take what a board of this model has."""
        newest = self.edges[-AROUND:]
        found = refine(newest, self.period) if self.period else None
        if found is None:
            quiet = longest_quiet(self.edges[-RARELY:])
            counts = (24, 12, 6) if self._heard % RARELY else (RARELY, 24)
            tries = (find_period(self.edges[-count:], quiet) for count in counts)
            siblings = (refine(newest, hint) for hint in hints if quiet > QUIET / 2 * hint)
            found = next((period for period in chain(siblings, tries) if period is not None), self.period)
        self.period = found

    def place(self, index: int) -> dict[int, Timed]:
        """The edges round this index with their times, by index. Only those within one epoch lie on one grid."""
        last = min(len(self.edges), index + 4)
        first = max(0, index - AROUND)
        key = (self.edges[first].mono, self.edges[last - 1].mono, min(index, len(self.edges) - 1) - first, self.period)
        if key not in self._placed:
            anchor = self.epochs[min(index, len(self.edges) - 1)]
            kept = [i for i in range(first, last) if self.epochs[i] == anchor]
            timed = place([self.edges[i] for i in kept], self.period)
            if len(self._placed) >= 8:
                self._placed.clear()
            self._placed[key] = [(i - first, edge) for i, edge in zip(kept, timed, strict=True)]
        return {first + offset: edge for offset, edge in self._placed[key]}

    def _prune(self) -> None:
        if len(self.edges) > MOST or self.monos[0] < self.monos[-1] - 1.2 * KEPT:
            old = max(bisect_left(self.monos, self.monos[-1] - KEPT), len(self.edges) - MOST + MOST // 8)
            del self.edges[:old], self.monos[:old], self.epochs[:old]


class Ledger:
    """Energy of any window of the last ten minutes, for every device. Safe from any thread; nothing here raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._traces: dict[str, PowerTrace] = {}
        self._counterless: frozenset[str] = frozenset()

    def add(self, edge: Edge) -> None:
        """Take one update of an energy counter."""
        with self._lock:
            account = self._accounts.setdefault(edge.uuid, Account())
            account.add(edge)
            if account.looks:
                alike = [other for other in self._accounts.values() if other.model == account.model]
                account.find_period({other.period for other in alike if other.period})

    def add_power(self, uuid: str, mono: float, watts: float) -> None:
        """Take one reading of power; used for devices that have no counter."""
        with self._lock:
            self._traces.setdefault(uuid, PowerTrace(KEPT)).add(mono, watts)

    def take(self, message: Hello | Sample) -> None:
        """Take what a stream's message holds: who has a counter and what its limit is, edges, and power where not."""
        if isinstance(message, Hello):
            self._meet(message.devices)
            return
        for edge in message.edges:
            self.add(edge)
        for gpu in message.gpus:
            if gpu.power is not None and gpu.uuid in self._counterless:
                self.add_power(gpu.uuid, message.mono, gpu.power)

    def _meet(self, devices: Sequence[Device]) -> None:
        answering = [device for device in devices if device.state == "ok"]
        self._counterless = frozenset(device.uuid for device in answering if "energy" in device.absent)
        for device in answering:
            if device.uuid not in self._counterless:
                with self._lock:
                    account = self._accounts.setdefault(device.uuid, Account())
                    account.limit, account.model = device.power_limit_max, device.name

    def period(self, uuid: str) -> float | None:
        """Seconds between updates of this device's counter; None while it is not known."""
        with self._lock:
            account = self._accounts.get(uuid)
            return account.period if account else None

    def settled(self, uuid: str, end: float) -> bool:
        """Whether all that a window ending then needs has come; True where nothing will ever come."""
        with self._lock:
            account, trace = self._accounts.get(uuid), self._traces.get(uuid)
            if account is None:
                return trace is None or trace.reaches(end)
            return len(account.monos) > 1 and account.monos[-2] >= end and _closing(account, end)[0] is not None

    def measure(self, uuid: str, start: float, end: float) -> Energy:
        """Energy of one device between two monotonic times."""
        with self._lock:
            account, trace = self._accounts.get(uuid), self._traces.get(uuid)
            if account is None:
                return trace.measure(start, end) if trace else Energy()
            if not account.edges:
                return Energy(final=False)
            return _measure(account, start, end)


def _closing(account: Account, end: float) -> tuple[int | None, dict[int, Timed]]:
    """Index of the first edge surely after ``end``, with the edges round it.

    The index is None while that edge, or the one after it, which tells the power between them, is still to come.
    """
    timed = account.place(bisect_left(account.monos, end))
    last = len(account.edges) - 1
    return next((i for i, edge in timed.items() if i < last and edge.low >= end), None), timed


def _measure(account: Account, start: float, end: float) -> Energy:
    opened = account.place(max(bisect_right(account.monos, start) - 1, 0))
    opening = max((i for i, edge in opened.items() if edge.high <= start), default=None)
    closing, round_end = _closing(account, end)
    if opening is None or end < start:
        return Energy(final=closing is not None)
    if account.epochs[-1 if closing is None else closing] != account.epochs[opening]:
        return Energy(final=closing is not None)
    bounds = bounds_of(account.levels, list(opened.values()), account.limit)
    lead = lead_to(start, [opened[i] for i in range(opening - 2, opening + 1) if i in opened], bounds)
    if closing is None:
        return provisional(lead, end, [edge for i, edge in round_end.items() if i > opening], bounds)
    return closed(lead, end, [round_end[i] for i in range(closing, closing + 3) if i in round_end], bounds)

"""The energy ledger: what each window of time cost each GPU, how sure we are, and what nobody can be charged for.

A board's counter is updated every 20 to 100 ms. A window takes the counter's growth between the last update before it
and the first after it, less the two parts outside the window at the power found next to them. What could have been
otherwise in those parts is the interval: ``low`` to ``high`` holds the true value where the counter does.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .model import Device, Edge, Energy, Hello, Sample
from .phase import FEWEST, WANDER, Timed, find_period, keeps, place
from .power import PowerTrace

KEPT = 600.0
"""Seconds of edges kept per device."""
MOST = 20_000
"""Edges kept per device, whatever their rate."""
AROUND = 30
"""Edges before a window from which period and phase are worked out; later ones would change what was final."""
TRIED = 16
"""Newest edges on which a period is tried."""
STEADY = 0.15
"""Two neighbouring intervals whose power differs by less are one level."""
UNRESOLVED = 3.0
"""Where ``high`` is more than this many times ``low``, only ``high`` is said."""
HEADROOM = 1.3
"""Power may exceed its limit for moments by about this."""
LEVEL = 1.0
"""Seconds over which the lowest, usual and highest power are taken."""


class Bounds(NamedTuple):
    """The powers of one device that are physically plausible, in watts."""

    floor: float
    idle: float
    ceiling: float


class Account:
    """The edges of one device, oldest first; a counter that falls back begins a new epoch."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.monos: list[float] = []
        self.epochs: list[int] = []
        self.period: float | None = None
        self.limit: float | None = None
        self.levels: list[float] = []
        """Mean power of every second seen, sorted."""
        self._mark: Edge | None = None

    def add(self, edge: Edge) -> None:
        """Take one edge; one that is not newer than the last is not taken."""
        last = self.edges[-1] if self.edges else None
        if last is not None and edge.mono <= last.mono:
            return
        fell = last is not None and edge.joules < last.joules
        self.epochs.append((self.epochs[-1] if self.epochs else 0) + fell)
        self.edges.append(edge)
        self.monos.append(edge.mono)
        self._take_level(edge, fell)
        self._look_for_period()
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

    def _look_for_period(self) -> None:
        # At once while it is unknown; now and then later, since a board's may change with its driver.
        if self.period is not None and len(self.edges) % 64:
            return
        tries = (find_period(self.edges[-count:]) for count in (6, 12, 24))
        found = next((period for period in tries if period is not None), None)
        if found is not None and (self.period is None or abs(found - self.period) > WANDER * found):
            self.period = found

    def try_period(self, period: float) -> None:
        """Take this period where the newest edges keep to it."""
        if self.period is None and len(self.edges) >= FEWEST:
            self.period = keeps(self.edges[-TRIED:], period)

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
            if account.period is None and len(account.edges) % 8 == 0:  # boards are often alike
                for other in list(self._accounts.values()):
                    if other.period is not None:
                        account.try_period(other.period)

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
                    self._accounts.setdefault(device.uuid, Account()).limit = device.power_limit_max

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
            return bool(account.edges) and _closing(account, end)[0] is not None

    def measure(self, uuid: str, start: float, end: float) -> Energy:
        """Energy of one device between two monotonic times."""
        with self._lock:
            account, trace = self._accounts.get(uuid), self._traces.get(uuid)
            if account is None:
                return trace.measure(start, end) if trace else Energy()
            if not account.edges:
                return Energy(final=False)
            energy, period = _measure(account, start, end)
            if period is not None and account.period is not None and abs(period / account.period - 1) < WANDER / 3:
                account.period = period
            return energy


class Window(NamedTuple):
    """A window between two updates, with what is known of the power on both sides of it."""

    start: float
    end: float
    opening: Timed
    closing: Timed
    before: float
    """Power in watts between ``opening`` and ``start``, as far as can be told."""
    before_off: float
    """By how much that may be wrong."""
    after: float
    after_off: float


class Lead(NamedTuple):
    """The part between the last update before a window and its start."""

    start: float
    opening: Timed
    watts: float
    off: float


def _closing(account: Account, end: float) -> tuple[int | None, dict[int, Timed], float | None]:
    """Index of the first edge surely after ``end``, with the edges round it and the period.

    The index is None while that edge, or the one after it, which tells the power between them, is still to come.
    """
    first = bisect_left(account.monos, end)
    timed, period = _place(account, first)
    last = len(account.edges) - 1
    return next((i for i in range(first, last) if i in timed and timed[i].low >= end), None), timed, period


def _place(account: Account, index: int) -> tuple[dict[int, Timed], float | None]:
    """The edges round this index with their times, by index. Only those within one epoch lie on one grid."""
    last = min(len(account.edges), index + 4)
    first = max(0, index - AROUND)
    anchor = account.epochs[min(index, len(account.edges) - 1)]
    kept = [i for i in range(first, last) if account.epochs[i] == anchor]
    timed, period = place([account.edges[i] for i in kept], account.period)
    return dict(zip(kept, timed, strict=True)), period


def _measure(account: Account, start: float, end: float) -> tuple[Energy, float | None]:
    """The energy of a window, and the period as it was refined on the way."""
    opened, _ = _place(account, max(bisect_right(account.monos, start) - 1, 0))
    opening = max((i for i, edge in opened.items() if edge.high <= start), default=None)
    closing, closed, period = _closing(account, end)
    if opening is None or end < start:
        return Energy(final=closing is not None), account.period
    bounds = _bounds(account, opened)
    before, before_off = _level([opened[i] for i in sorted(opened) if i <= opening][-3:], bounds)
    if closing is None:
        lead = Lead(start, opened[opening], before, before_off)
        whole = account.epochs[-1] == account.epochs[opening]
        return _provisional(lead, end, list(closed.values()), bounds) if whole else Energy(final=False), account.period
    if account.epochs[closing] != account.epochs[opening]:
        return Energy(), period
    after, after_off = _after([closed[i] for i in range(closing, closing + 3) if i in closed], before, bounds)
    window = Window(start, end, opened[opening], closed[closing], before, before_off, after, after_off)
    return _judge(window, bounds), period


def _bounds(account: Account, near: dict[int, Timed]) -> Bounds:
    """What the device has been seen to draw. A second's mean hides short dips, so the neighbours count too."""
    powers = [watts for a, b in pairwise(near[i] for i in sorted(near)) if (watts := _power(a, b)) is not None]
    levels = account.levels
    seen = min(powers + levels[:1], default=0.0)
    idle = levels[len(levels) // 10] if levels else seen
    # What was drawn so far says nothing about a burst; without a known limit there is no ceiling.
    return Bounds(0.9 * max(0.0, seen), idle, HEADROOM * account.limit if account.limit else math.inf)


def _power(a: Timed, b: Timed) -> float | None:
    return (b.joules - a.joules) / (b.time - a.time) if b.time > a.time else None


def _off(a: Timed, b: Timed) -> float:
    """Share by which the power between two edges may be wrong because of their times."""
    return ((a.high - a.low) + (b.high - b.low)) / 2 / (b.time - a.time)


def _level(edges: Sequence[Timed], bounds: Bounds) -> tuple[float, float]:
    """Power over the last two intervals where it is steady; else the idle power, since a load has just ended."""
    if len(edges) < 3:
        return bounds.idle, max(bounds.idle - bounds.floor, 0.3 * bounds.idle)
    far, near = _power(edges[0], edges[1]), _power(edges[1], edges[2])
    if far is None or near is None:
        return bounds.idle, bounds.idle - bounds.floor
    both = _power(edges[0], edges[2]) or near
    off = _off(edges[0], edges[2]) * both
    if abs(far - near) <= STEADY * max(far, near) + off:
        return both, abs(far - near) + off
    return bounds.idle, abs(near - bounds.idle) + off


def _after(edges: Sequence[Timed], before: float, bounds: Bounds) -> tuple[float, float]:
    """Power over the interval after the window, where it is as before the window or goes on after it.

    Where it does neither, the next load began somewhere in it, and the window was followed by idle power.
    """
    watts = _power(edges[0], edges[1]) if len(edges) > 1 else None
    if watts is None:
        return before, before - bounds.floor
    off = _off(edges[0], edges[1]) * watts
    next_watts = _power(edges[1], edges[2]) if len(edges) > 2 else None
    for level in (before, next_watts):
        if level is not None and abs(watts - level) <= STEADY * max(watts, level) + off:
            return watts, abs(watts - level) + off
    unsure = abs(watts - bounds.idle) + off
    return (watts if next_watts is None else bounds.idle), unsure


def _judge(w: Window, bounds: Bounds) -> Energy:
    """The best value and its interval: what the neighbours make likely, within what the counter makes certain."""
    lead, tail = w.start - w.opening.time, w.closing.time - w.end
    whole = w.closing.joules - w.opening.joules
    best = whole - w.before * lead - w.after * tail
    timing = w.before * (w.opening.high - w.opening.low) / 2 + w.after * (w.closing.high - w.closing.low) / 2
    off = w.before_off * lead + w.after_off * tail + timing + 0.002
    hard_low, hard_high = _certain(w, whole, bounds)
    low, high = max(best - off, hard_low), min(best + off, hard_high)
    if low > high:  # the neighbours were no guide
        low, high = hard_low, hard_high
    if low <= 0 or high > UNRESOLVED * low:
        high = high if high > 0 else hard_high
        return Energy(high=high if 0 < high < math.inf else None)
    return Energy(joules=min(max(best, low), high), low=low, high=high)


def _certain(w: Window, whole: float, bounds: Bounds) -> tuple[float, float]:
    """The interval that assumes nothing but that power stays between floor and ceiling."""
    seconds = w.end - w.start
    least = max(0.0, w.start - w.opening.high) + max(0.0, w.closing.low - w.end)
    most = (w.start - w.opening.low) + (w.closing.high - w.end)
    low = max(bounds.floor * seconds, whole - bounds.ceiling * most, 0.0)
    high = min(bounds.ceiling * seconds, whole - bounds.floor * least)
    return min(low, high), max(high, 0.0)


def _provisional(lead: Lead, end: float, edges: Sequence[Timed], bounds: Bounds) -> Energy:
    """What can be said while updates are still to come: the last power goes on."""
    last = edges[-1]
    recent = (_power(*edges[-2:]) if len(edges) > 1 else None) or lead.watts
    outside = min(lead.start, last.time) - lead.opening.time
    rest = max(0.0, end - max(last.time, lead.start))
    counted = max(0.0, last.joules - lead.opening.joules - lead.watts * outside)
    low = max(0.0, counted - lead.off * outside + bounds.floor * rest)
    high = counted + lead.off * outside + (max(bounds.ceiling, recent) * rest if rest else 0.0)
    joules = max(low, counted + recent * rest)
    upper = None if math.isinf(high) or high <= 0 else high
    if last.time <= lead.start or joules <= 0:  # nothing of the window has been counted yet
        return Energy(high=upper, final=False)
    return Energy(joules=joules, low=low, high=upper, final=False)

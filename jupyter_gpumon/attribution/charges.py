"""Attribution fed by a stream: who is on which device, what it draws, and what each claim is charged for it."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ..energy.ledger import Ledger
from ..energy.sensors import counted
from ..model import Device, Energy, Hello, Process, Sample
from ..wire import Stream
from .attribution import Attribution, Curve
from .claims import Charge, Claim
from .meter import Meter
from .pages import Sums
from .shares import Present, together

Naming = Callable[[Process], str]
"""The group that a process belongs to."""
IDLE = 0.12
"""Share of its power limit that a board is taken to draw without work at most, if it was never seen so."""
LEVELS = 600
"""Readings at rest that are kept."""
MOST_WAITING = 64
"""Claims of which it is still to be told what they left behind."""
EVERY = 5.0
"""Seconds after which time is charged that nobody has asked for: together it costs a third less than piece by piece."""
LATE = 2.5
"""Looks that are further apart than so many intervals do not tell who was there between them."""


class _Board(NamedTuple):
    """Where a device's energy is read: its board's counter, and the device's part of it."""

    uuid: str
    part: float


class Charges:
    """Keeps the attribution of all devices of one stream up to date. A sink of the monitor; safe from any thread.

    Args:
        ledger: what the boards draw; it takes the stream's messages before this does.
        naming: who a process belongs to. Where the pids are not ours to tell, everything is ``alone``'s.
        alone: the group that has everything where processes cannot be seen; None where nobody has then.
    """

    def __init__(self, ledger: Ledger, naming: Naming, alone: str | None = None) -> None:
        self._ledger, self._naming, self._alone = ledger, naming, alone
        self._attribution = Attribution(*([alone] if alone else []))
        self._meters: dict[str, Meter] = {}
        self._boards: dict[str, _Board] = {}
        self._counterless: frozenset[str] = frozenset()
        self._limits: dict[str, float | None] = {}
        self._rest: dict[str, deque[float]] = {}
        """Power of the boards while all that were on them rested, in watts."""
        self._blind, self._saw = False, False
        self._looked, self._before, self._charged = 0.0, 0.0, 0.0
        """When was looked last, and the time before that, and when was charged last."""
        self._interval = 1.0
        self._lock = threading.RLock()
        self._waiting: list[_FollowUp] = []
        ledger.on_reboot.append(self._reboot)

    def write(self, message: Stream) -> None:
        """Take a message in the monitor's thread."""
        with self._lock:
            if isinstance(message, Hello):
                self._meet(message)
            else:
                self._read(message)
        if isinstance(message, Sample) and message.gpus:
            self._tell()

    def _meet(self, hello: Hello) -> None:
        self._blind, self._interval = hello.pid_namespace == "foreign", hello.interval
        answering = [device for device in hello.devices if device.state == "ok"]
        split = {device.parent for device in answering}
        self._limits = {device.uuid: device.power_limit_max for device in answering}
        self._counterless = frozenset(device.uuid for device in answering if not counted(device))
        self._boards = {device.uuid: _board(device) for device in answering if device.uuid not in split}

    def _reboot(self) -> None:
        """Charge what is known by the clock that ends now, and begin anew with the next."""
        with self._lock:
            for uuid in self._boards:
                self._advance(uuid, self._looked)
            self._attribution.reboot()
            self._meters.clear()
            self._looked = self._before = self._charged = 0.0
            for follow_up in self._waiting:
                follow_up.until = -math.inf

    def _read(self, sample: Sample) -> None:
        for gpu in sample.gpus:
            if gpu.power is not None and gpu.uuid in self._counterless:
                self._meters.setdefault(gpu.uuid, Meter()).power(sample.mono, gpu.power)
        self._saw = self._saw or sample.processes is not None
        if sample.processes is not None or (sample.gpus and not self._saw):
            self._look(sample)

    def _look(self, sample: Sample) -> None:
        late = self._looked and sample.mono - self._looked > LATE * max(1.0, self._interval)
        present = self._present(sample)
        self._note_rest(sample, present)
        for uuid in self._boards:
            self._attribution.begin(uuid, sample.mono)
            if late:  # nobody looked: who was at work in between is unknown
                gone = tuple(one._replace(busy=None) for one in present.get(uuid, ()))
                self._attribution.look(uuid, sample.mono - self._interval, gone)
            self._attribution.look(uuid, sample.mono, present.get(uuid, ()))
        self._before, self._looked = self._looked, sample.mono
        asked = any(follow_up.until < sample.mono for follow_up in self._waiting)
        if asked or sample.mono - self._charged >= EVERY:
            self._charged = sample.mono
            for uuid in self._boards:
                self._advance(uuid, self._before)

    def _present(self, sample: Sample) -> dict[str, tuple[Present, ...]]:
        if self._blind or sample.processes is None:
            alone = (Present(self._alone),) if self._alone else ()
            return dict.fromkeys(self._boards, alone)
        rows: dict[str, list[Present]] = {}
        for process in sample.processes:
            row = Present(self._naming(process), process.utilization, process.memory)
            rows.setdefault(process.uuid, []).append(row)
        return {uuid: together(found) for uuid, found in rows.items()}

    def _advance(self, uuid: str, until: float) -> None:
        """Charge a device's time up to there, or as far as it is known already what the device drew."""
        board = self._boards.get(uuid)
        if board is None:
            return
        curve = self._curve(board)
        looks = (mono for mono in self._attribution.looks(uuid) if mono <= min(self._before, until))
        known = next((mono for mono in (until, *looks) if curve([mono])[0] is not None), None)
        if known is None:
            return
        meter, watts = self._meters.get(board.uuid), self._idle(board.uuid)
        self._attribution.advance(uuid, known, curve, None if watts is None else watts * board.part)
        if meter is not None:
            meter.forget(self._looked - LATE)

    def _note_rest(self, sample: Sample, present: dict[str, tuple[Present, ...]]) -> None:
        for gpu in sample.gpus:
            at_work = any(one.busy != 0 for one in present.get(gpu.uuid, ()))
            if gpu.power is not None and not at_work and not gpu.utilization:
                self._rest.setdefault(gpu.uuid, deque(maxlen=LEVELS)).append(gpu.power)

    def _idle(self, uuid: str) -> float | None:
        """Watts a board draws without work: as it was seen at rest. One that never was is seldom below its lowest
        power, nor above a share of its limit: somebody may have been at work on it all the time."""
        seen = sorted(self._rest.get(uuid, ()))
        if seen:
            return seen[len(seen) // 10]
        limit, meter = self._limits.get(uuid), self._meters.get(uuid)
        lowest = meter.lowest if meter else self._ledger.idle(uuid)
        bounds = [bound for bound in (lowest, limit and IDLE * limit) if bound is not None]
        return min(bounds, default=None)

    def _curve(self, board: _Board) -> Curve:
        meter = self._meters.get(board.uuid)

        def joules(moments: Sequence[float]) -> list[float | None]:
            values = meter(moments) if meter else self._ledger.at(board.uuid, moments)
            return [None if value is None else value * board.part for value in values]

        return joules

    def open(self, claim: Claim) -> None:
        """A claim begins."""
        with self._lock:
            self._attribution.open(claim)
            for follow_up in self._waiting:
                if follow_up.who == claim.who:
                    follow_up.until = min(follow_up.until, claim.start)

    def mark(self, who: str, mono: float) -> None:
        """Something of this group begins that nobody measures: see ``Attribution.mark``."""
        with self._lock:
            self._attribution.mark(who, mono)
            for follow_up in self._waiting:
                if follow_up.who == who:
                    follow_up.until = min(follow_up.until, mono)

    def close(self, key: str, end: float) -> None:
        """A claim ends."""
        self._attribution.close(key, end)

    def forget(self, key: str) -> None:
        """A claim turned out to be none."""
        self._attribution.forget(key)

    def looked(self, uuid: str) -> float:
        """When was last looked who is on a device; 0 where nobody did."""
        return self._attribution.looked(uuid) or 0.0

    def charge(self, uuid: str, key: str, end: float) -> Charge:
        """What a claim that ended then is charged on a device."""
        with self._lock:
            self._advance(uuid, end)
            return self._attribution.charge(uuid, key)

    def span(self, uuid: str) -> tuple[float, float] | None:
        """From when to when a device's time is charged, in monotonic seconds."""
        return self._attribution.span(uuid)

    def adopt(self, uuid: str, key: str) -> None:
        """The device was this claim's alone: see ``Attribution.adopt``."""
        self._attribution.adopt(uuid, key)

    def sums(self, until: float | None = None) -> dict[str, Sums]:
        """Where the energy of each device went, up to there as far as that is known already."""
        with self._lock:
            for uuid in self._boards:
                self._advance(uuid, float("inf") if until is None else until)
            return self._attribution.sums()

    def follow(self, key: str, who: str, tell: Callable[[dict[str, float]], object]) -> None:
        """Tell, once its successor has begun, what a claim's work drew after it: device → joules, where it drew any."""
        with self._lock:
            if self._attribution.ended(who):
                del self._waiting[:-MOST_WAITING]  # of a board that does not answer nothing more is told
                self._waiting.append(_FollowUp(key, who, tell))

    def _tell(self) -> None:
        with self._lock:
            reached = min((self._attribution.reached(uuid) or float("inf") for uuid in self._boards), default=0.0)
            over = [follow_up for follow_up in self._waiting if follow_up.until <= reached]
            self._waiting = [follow_up for follow_up in self._waiting if follow_up.until > reached]
            found = [(f, {u: self._attribution.charge(u, f.key).background for u in self._boards}) for f in over]
        for follow_up, joules in found:
            drawn = {uuid: value for uuid, value in joules.items() if value > 0}
            if drawn:
                follow_up.tell(drawn)


class _FollowUp:
    """Somebody who waits for what a claim leaves behind."""

    def __init__(self, key: str, who: str, tell: Callable[[dict[str, float]], object]) -> None:
        self.key, self.who, self.tell = key, who, tell
        self.until = float("inf")


def _board(device: Device) -> _Board:
    return _Board(device.uuid, 1.0) if device.parent is None else _Board(device.parent, device.slices or 0.0)


def of_slices(board: Energy, device: Device) -> Energy:
    """A device's energy from its board's. For a MIG instance an estimate by its slices, at most all of it."""
    if device.parent is None or not device.slices:
        return board
    joules = None if board.joules is None else board.joules * device.slices
    return Energy(joules=joules, high=board.high, method="estimate", final=board.final)


def portion(whole: Energy, charge: Charge) -> Energy:
    """A claim's part of what its device took in its time.

    Args:
        whole: the device's energy over the claim's time, with the doubt about it.
        charge: how it is divided, and the doubt about that.
    """
    return _portion(whole, charge, charge.joules, charge.idle, charge.low, charge.high)


def exclusive(whole: Energy, charge: Charge) -> Energy:
    """The same without what was charged to claims within it."""
    parts = charge.exclusive, charge.exclusive_idle, charge.exclusive_low, charge.exclusive_high
    return _portion(whole, charge, *parts)


def taken(whole: Energy, charge: Charge) -> Energy:
    """The same of a claim within another whose energy is not resolved: what the one round it is without, to the joule.

    No interval is known of it; that of the one round it covers both.
    """
    return Energy(joules=charge.exclusive, idle=charge.exclusive_idle, method=whole.method, final=whole.final)


def _portion(whole: Energy, charge: Charge, joules: float, idle: float, low: float, high: float) -> Energy:
    if charge.whole <= 0:
        return replace(whole, joules=None, low=None, least=None, idle=None, tail=None)
    share = min(1.0, joules / charge.whole)
    top = None if whole.high is None else whole.high * min(1.0, high / charge.whole)
    if whole.joules is None or share == 0.0:
        # Not 0 J: the device was on for it, if only a little.
        # Who rested while others worked can have cost at most what the device draws without work.
        bound = whole.high if whole.joules is None else whole.idle or whole.high
        return replace(whole, joules=None, low=None, high=bound, least=0.0, idle=None, tail=None)
    scale = whole.joules / charge.whole
    alone = share >= 1 - 1e-9
    return replace(
        whole,
        joules=joules * scale,
        low=None if whole.low is None else whole.low * low / charge.whole,
        high=top,
        least=whole.least if alone else 0.0,
        idle=idle * scale if whole.idle is None else whole.idle * share if alone else idle * scale,
        tail=None if whole.tail is None else whole.tail * share,
        others=charge.others * scale or None,
        unattributed=charge.unattributed * scale or None,
    )

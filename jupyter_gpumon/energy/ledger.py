"""The energy ledger: what each window of time cost each GPU, how sure we are, and what nobody can be charged for.

A board's counter is updated every 20 to 100 ms. What a device has drawn by any moment is read off a curve through the
updates (``curve``), so that windows, and the time between them, add up to what the counter grew by. Devices without a
counter that can be trusted are measured by readings of their power (``power``), and said to be.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from msgspec.structs import replace

from ..model import Device, Edge, Energy, Gpu, Hello, Sample
from . import estimate, sensors
from .account import KEPT, Account
from .curve import Marks
from .power import PowerTrace
from .stretches import Stretches
from .sums import total
from .window import at, measure

RESET = "the energy counter began anew in this time"
REBOOT = "the machine was started anew in this time"


class Ledger:
    """Energy of every device in any window of the last ten minutes, and in longer ones that were marked.

    Safe from any thread; nothing here raises.
    """

    def __init__(self) -> None:
        self.on_reboot: list[Callable[[], object]] = []
        """Called when the machine was started anew, while all is still known by the clock of before."""
        self._boot = ""
        self._lost: set[float] = set()
        """Starts of the windows that were open then: nobody knows what they took."""
        self._lock = threading.RLock()
        self._forget()
        self._by_power: dict[str, str] = {}
        """Devices whose counter is not used, and why."""
        self._limits: dict[str, float] = {}

    def _forget(self) -> None:
        """Begin with nothing that is told by a clock."""
        self._marks = Marks()
        self._accounts: dict[str, Account] = {}
        self._traces: dict[str, PowerTrace] = {}
        self._stretches = Stretches(partial(self._measure, mark=False))

    def add(self, edge: Edge) -> None:
        """Take one update of an energy counter."""
        with self._lock:
            account = self._account(edge.uuid)
            account.add(edge)
            account.look_for_period(lambda: self._siblings(account))

    def _account(self, uuid: str) -> Account:
        if uuid not in self._accounts:
            self._accounts[uuid] = Account(self._marks)
        return self._accounts[uuid]

    def _siblings(self, account: Account) -> Iterator[float]:
        """The periods of other boards of the same model."""
        for period in {other.period for other in self._accounts.values() if other.model == account.model}:
            if period:
                yield period

    def add_power(self, uuid: str, mono: float, watts: float, kind: str | None = None) -> None:
        """Take one reading of power, of a kind as in ``PowerRun``; None is a sample's own."""
        with self._lock:
            self._trace(uuid).add(mono, watts, kind)

    def _trace(self, uuid: str) -> PowerTrace:
        if uuid not in self._traces:
            self._traces[uuid] = PowerTrace(KEPT, self._marks)
        return self._traces[uuid]

    def take(self, message: Hello | Sample) -> None:
        """Take what a stream's message holds: what the boards' sensors are, edges, and power."""
        if isinstance(message, Hello):
            self._hear_of(message.boot_id)
            self._meet(message.devices)
            return
        with self._lock:
            for edge in message.edges:
                self.add(edge)
            for run in message.powers:
                if run.uuid in self._by_power:
                    self._trace(run.uuid).take(run)
            for gpu in message.gpus:
                self._take_power(gpu, message.mono)
            if message.gpus:
                self._stretches.look(message.mono, [gpu.uuid for gpu in message.gpus], KEPT)
                self._marks.forget(message.mono - 2 * KEPT)

    def _take_power(self, gpu: Gpu, mono: float) -> None:
        """The sample's own reading; without one, a guess for boards that tell neither energy nor power."""
        limit = gpu.power_limit or self._limits.get(gpu.uuid)
        if gpu.power is not None:
            self.add_power(gpu.uuid, mono, gpu.power)
        elif gpu.uuid in self._by_power and gpu.utilization is not None and limit:
            self.add_power(gpu.uuid, mono, estimate.watts(gpu.utilization, limit), "estimate")

    def _hear_of(self, boot: str) -> None:
        """After a reboot the clock begins anew: what was measured by the one of before would hide all that comes."""
        before, self._boot = self._boot, boot or self._boot
        if not before or self._boot == before:
            return
        for call in self.on_reboot:
            call()
        with self._lock:
            self._lost.update(self._stretches.open)
            self._forget()

    def _meet(self, devices: Sequence[Device]) -> None:
        with self._lock:
            for device in (device for device in devices if device.state == "ok"):
                sensor = device.sensor
                self._trace(device.uuid).meet(device)
                if device.power_limit_max:
                    self._limits[device.uuid] = device.power_limit_max
                if sensors.counted(device):
                    self._by_power.pop(device.uuid, None)
                    self._account(device.uuid).meet(device.name, device.power_limit_max, sensor)
                else:
                    self._by_power[device.uuid] = sensor.reason if sensor else ""

    def mark(self, start: float, end: float = math.inf) -> None:
        """A window begins, or is over: other work than before runs from ``start`` on, and other after ``end``.

        Told in time, it makes the windows next to it more exact: where several lie between two updates of a counter,
        its growth is divided among them all.

        Args:
            start: monotonic seconds.
            end: the same; leave it out while the window goes on, and call again with the same ``start`` after it.
        """
        with self._lock:
            if start in self._lost:
                return
            self._stretches.window(start, end)
            if self._marks.add(start, end):
                for account in self._accounts.values():
                    account.work(start, end)

    def period(self, uuid: str) -> float | None:
        """Seconds between updates of this device's counter; None while it is not known."""
        with self._lock:
            account = self._accounts.get(uuid)
            return account.period if account else None

    def idle(self, uuid: str) -> float | None:
        """Watts this device draws without work; None while too little was seen."""
        with self._lock:
            account, trace = self._counted(uuid), self._traces.get(uuid)
            if account is None:
                return trace.idle if trace else None
            return account.idle.watts if account.idle else None

    def settled(self, uuid: str, end: float) -> bool:
        """Whether all that a window ending then needs has come; True where nothing will ever come."""
        with self._lock:
            account, trace = self._counted(uuid), self._traces.get(uuid)
            if account is None:
                return trace is None or trace.settled(end)
            return account.settled(end)

    def _counted(self, uuid: str) -> Account | None:
        """The account of a device that is measured by its counter."""
        return None if uuid in self._by_power else self._accounts.get(uuid)

    def measure(self, uuid: str, start: float, end: float) -> Energy:
        """Energy of one device between two monotonic times.

        Of windows that were marked while they were open, however long ago; else of the last ten minutes.
        """
        with self._lock:
            if start in self._lost:
                return Energy(warning=REBOOT)
            begun = self._stretches.begun(uuid, start)
            if begun is None or end - start < KEPT / 2:
                return self._measure(uuid, start, end)
            return total((begun[1], self._measure(uuid, begun[0], end)))

    def _measure(self, uuid: str, start: float, end: float, *, mark: bool = True) -> Energy:
        with self._lock:
            account, trace = self._counted(uuid), self._traces.get(uuid)
            if account is None:
                reason = self._by_power.get(uuid, "")
                return self._by_readings(trace, (start, end), reason, mark=mark) or Energy()
            if not account.edges:
                return Energy(final=False)
            final = account.settled(end)
            if end < start or account.index(start) < 0:
                return Energy(final=final)
            if self._broken(account, start, end):
                return self._by_readings(trace, (start, end), RESET, mark=mark) or Energy(final=final)
            if mark:
                self.mark(start, end)
            return measure(account, start, end, final=final)

    def _broken(self, account: Account, start: float, end: float) -> bool:
        """Whether the counter began anew between the updates round this window."""
        last = min(account.index(end) + 1, len(account.edges) - 1)
        return account.epochs[account.index(start)] != account.epochs[last]

    def _by_readings(
        self, trace: PowerTrace | None, window: tuple[float, float], reason: str, *, mark: bool
    ) -> Energy | None:
        """The integral of power, with a word on why; None where nobody looked."""
        energy = trace.measure(*window, mark=mark) if trace and window[1] >= window[0] else Energy()
        if energy.joules is None and energy.high is None and reason == RESET:
            return None
        return replace(energy, warning="; ".join(word for word in (reason, energy.warning) if word))

    def at(self, uuid: str, moments: Sequence[float]) -> list[float | None]:
        """The energy counter at each of these moments, as if it were updated all the time, in joules.

        None where it cannot be known, as yet or for ever. Differences of these numbers are exact.
        """
        with self._lock:
            account, trace = self._counted(uuid), self._traces.get(uuid)
            if account is None:
                return trace.at(moments) if trace else [None] * len(moments)
            return [at(account, moment) for moment in moments]

    def parts(self, uuid: str, cuts: Sequence[float]) -> list[float] | None:
        """Joules between consecutive moments, which add up exactly to what the counter grew by between first and last.

        None where the counter began anew in between, or is not known at each of them.
        """
        values = self.at(uuid, cuts)
        known = [value for value in values if value is not None]
        parts = [after - before for before, after in pairwise(known)]
        return None if len(known) < len(values) or any(part < 0 for part in parts) else parts

"""Windows that kernels have open: should a kernel die in one, the server closes it, from what it saw itself.

A kernel tells of a window that lasts longer than a sample. Its socket closes with it, and that moment is the last sign
of life. A window is known by its kernel and its own id, so that nothing is joined across a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from msgspec.structs import replace

from ..attribution.charges import Charges, of_slices, portion
from ..attribution.claims import Claim
from ..model import Cell, CellDevice, Device, Energy, Process, Sample
from ..monitor import Monitor
from ..rules.window import Spent
from ..wire import Stream

OTHERS = "others"
PATIENCE = 5.0
"""Seconds after a kernel's end for which updates of the energy counters are waited for."""
WHY = "its kernel died or was restarted before it had ended; closed by the server at the last sign of life"


@dataclass
class Window:
    """One open window, and who said so."""

    cell: Cell
    pid: int | None
    used: set[str]
    """UUIDs of the devices on which its kernel was seen."""
    told: dict[tuple[str, str], float] = field(default_factory=dict)
    """Id of a record from within it and name of a device → joules that are in that record alone."""
    left: float | None = None
    """Unix time at which its socket closed."""

    def tell(self, cell: Cell) -> None:
        """A measurement nested in it is over, and has its own record."""
        own = {**cell.energy, **cell.exclusive}
        for device in cell.devices:
            if device.used and device.name in own:
                self.told[cell.id, device.name] = own[device.name].joules or 0.0


class Unfinished:
    """Keeps the open windows. ``write`` is called by the monitor's thread, the rest on the server's loop.

    Args:
        monitor: whose ledger tells the energy.
        post: takes the record of a window that nobody else will close.
    """

    def __init__(self, monitor: Monitor, post: Callable[[Cell, str | None], None]) -> None:
        self._monitor, self._post = monitor, post
        self._windows: dict[tuple[str, str], Window] = {}
        self._starts: dict[str, float] = {}
        """Id of a window → its start as it was marked, in the ledger's seconds."""
        self._charges = Charges(monitor.ledger, _group)
        monitor.add(self._charges)
        monitor.add(self)

    def __len__(self) -> int:
        return len(self._windows)

    def write(self, message: Stream) -> None:
        """Note on which devices the kernels are that have windows open."""
        if isinstance(message, Sample) and message.processes and self._windows:
            for (kernel, _), window in tuple(self._windows.items()):
                if window.left is None:
                    window.used |= {process.uuid for process in message.processes if process.kernel == kernel}

    def take(self, cell: Cell, kernel: str | None, pid: int | None) -> bool:
        """Take what a kernel says of a window; whether it is a record to be kept."""
        key = kernel or "", cell.id
        if cell.status == "running":
            if kernel is not None and cell.kernel_id == kernel:
                self._windows[key] = Window(cell, pid, set())
                start = self._monitor.unix_to_mono(cell.start)
                self._charges.open(Claim(cell.id, kernel, start))
                self._starts[cell.id] = start
                self._monitor.ledger.mark(start)
            return False
        opened = self._windows.pop(key, None)
        if opened is not None:
            self._charges.forget(cell.id)
            self._over(opened.cell, cell.end)
        if cell.status == "discarded":
            return False
        for outer in cell.within:
            if (kernel or "", outer) in self._windows:
                self._windows[kernel or "", outer].tell(cell)
        return True

    def _over(self, cell: Cell, end: float) -> float:
        """The ledger learns that a window is over; its start, in the ledger's seconds."""
        start = self._starts.pop(cell.id)
        self._monitor.ledger.mark(start, max(start, self._monitor.unix_to_mono(end)))
        return start

    def running(self) -> tuple[Spent, ...]:
        """What each open window took so far, as far as the counters tell already. For the monitor's thread."""
        now = self._monitor.latest
        return () if now is None else tuple(self._spent(window, now.mono) for window in tuple(self._windows.values()))

    def _spent(self, window: Window, now: float) -> Spent:
        cell, start = window.cell, self._starts.get(window.cell.id, now)
        energies = (
            [self._energy(device, cell.id, start, now) for device in self._devices(window)] if now > start else []
        )
        joules = sum(energy.joules or 0.0 for energy in energies)
        return Spent(joules, cell.id, cell.title, cell.notebook, cell.kernel_id)

    def left(self, pid: int | None) -> None:
        """A kernel's socket has closed."""
        for window in self._windows.values():
            if window.pid == pid:
                window.left = window.left or time.time()

    def joined(self, pid: int | None) -> None:
        """It is there again: only the connection had gone."""
        for window in self._windows.values():
            if window.pid == pid:
                window.left = None

    def sweep(self) -> None:
        """Close the windows of those that are no more."""
        for key, window in tuple(self._windows.items()):
            if window.left is not None and not _alive(window.pid) and self._settled(window, window.left):
                del self._windows[key]
                self._post(self._closed(window, window.left), key[0])

    def _settled(self, window: Window, left: float) -> bool:
        end, ledger = self._monitor.unix_to_mono(left), self._monitor.ledger
        late = time.time() - left > PATIENCE
        return late or all(ledger.settled(device.parent or device.uuid, end) for device in self._devices(window))

    def _devices(self, window: Window) -> list[Device]:
        return [device for device in self._monitor.hello.devices if device.uuid in window.used]

    def _closed(self, window: Window, left: float) -> Cell:
        """The record, as far as the server can make it."""
        cell, devices = window.cell, self._devices(window)
        start, end = self._over(cell, left), self._monitor.unix_to_mono(left)
        self._charges.close(cell.id, end)
        energy = {device.label: self._energy(device, cell.id, start, end) for device in devices}
        told = {name: sum(window.told[key] for key in window.told if key[1] == name) for _, name in window.told}
        self._charges.forget(cell.id)
        return replace(
            cell,
            end=left,
            status="incomplete",
            final=True,
            devices=tuple(CellDevice(name=device.label, model=device.name) for device in devices),
            energy=energy,
            exclusive={name: _less(energy[name], joules) for name, joules in told.items() if name in energy},
            notes=(WHY,),
        )

    def _energy(self, device: Device, key: str, start: float, end: float) -> Energy:
        whole = of_slices(self._monitor.ledger.measure(device.parent or device.uuid, start, end), device)
        charge = self._charges.charge(device.uuid, key, end)
        return portion(whole, charge) if charge.company else whole


def _less(whole: Energy, joules: float) -> Energy:
    """An energy without what is in the records of measurements nested in it."""
    amounts = {name: getattr(whole, name) for name in ("joules", "low", "high", "least", "most")}
    left = {name: None if value is None else max(0.0, value - joules) for name, value in amounts.items()}
    return replace(whole, idle=None, tail=None, **left)


def _group(process: Process) -> str:
    return process.kernel or OTHERS


def _alive(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False

"""The backend: sleep, inventory, metrics, processes and events of one driver session, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from ...clock import Clock, SystemClock
from ...metrics import Gpu
from ...model import Device, Event, Hello, Process
from . import driver
from .board import Board
from .events import EventSet
from .gpm import SHORTEST
from .inventory import Inventory
from .names import Names
from .processes import ProcessLists
from .sleep import Sleep
from .table import METRIC_WAYS

T = TypeVar("T")

_ENERGY = frozenset({"energy"})


class _Session(NamedTuple):
    inventory: Inventory
    events: EventSet
    lists: ProcessLists


class NvidiaBackend:
    """NVIDIA GPUs by NVML (a ``sources.Backend``).

    Args:
        root: root of the file system in which sysfs and procfs are read.
        clock: decides when something that was refused is asked for again.

    Raises:
        DriverError: there is no driver to speak to; the subclass says why.
    """

    def __init__(self, root: Path = Path("/"), clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._sleep, self._names = Sleep(root), Names(root)
        self._session: _Session | None = None
        self.hello = Hello(source="nvidia", pid_namespace="foreign" if self._names.foreign else "host")
        if not self._sleep.sleepers():
            self._begin()

    def devices(self) -> Sequence[Device]:
        """The inventory, looked at anew; what a new GPU can tell is found out at once."""
        session = self._awake()
        if session is None:
            return [_sleeper(index, pci) for index, pci in enumerate(self._sleep.sleepers())]
        session.inventory.refresh(self._clock.mono())
        boards = list(session.inventory.boards.values())
        self._probe([board for board in boards if not board.probed and board.answers])
        session.events.watch(boards)
        return [board.described() for board in boards]

    def read(self, wanted: frozenset[str]) -> Sequence[Gpu]:
        """These metrics of every GPU that answers."""
        found = (self._of(board, board.read, wanted, self._clock.mono()) for board in self._answering())
        return [gpu for gpu in found if gpu is not None]

    def processes(self) -> Sequence[Process]:
        """Every process on a GPU; a split board's are those of its instances."""
        session = self._session
        if session is None:
            return []
        lists = (self._of(board, session.lists.of, board) or [] for board in self._answering() if not board.device.mig)
        return [self._names.of(process) for found in lists for process in found]

    def energy(self, uuid: str) -> float | None:
        """The energy counter, joules, read now."""
        board = self._session.inventory.boards.get(uuid) if self._session else None
        if board is None or not board.answers:
            return None
        gpu = self._of(board, board.read, _ENERGY, self._clock.mono())
        return gpu.energy if gpu else None

    def events(self) -> Sequence[Event]:
        """XIDs and the like since the last call."""
        return list(self._session.events.take()) if self._session else []

    def close(self) -> None:
        """Free buffers and event set, then end the session; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            session.inventory.close()
            session.events.close()
            driver.stop()

    def _begin(self) -> _Session:
        driver.start()
        versions = driver.versions()
        self.hello = Hello(
            source="nvidia",
            pid_namespace=self.hello.pid_namespace,
            driver=versions.driver,
            nvml=versions.nvml,
            cuda=versions.cuda,
        )
        self._session = _Session(
            Inventory(versions.driver, self._sleep), EventSet(self._clock), ProcessLists(versions.driver)
        )
        return self._session

    def _awake(self) -> _Session | None:
        """The driver session; none is begun while every GPU sleeps, for that would wake them."""
        if self._session is None and not self._sleep.sleepers():
            self._begin()
        return self._session

    def _answering(self) -> Iterable[Board]:
        for board in list(self._session.inventory.boards.values()) if self._session else ():
            if board.answers and self._sleep.asleep((board.parent or board).device.pci):
                (board.parent or board).fall_asleep()
            if board.answers:
                yield board

    def _probe(self, boards: list[Board]) -> None:
        """Ask each once for everything, so that what is absent is known; GPM tells only between two looks."""
        for board in boards:
            self._of(board, board.read, frozenset(METRIC_WAYS), self._clock.mono())
            board.probed = True
        waiting = [(board, board.ability.awaited) for board in boards if board.answers and board.ability.awaited]
        if waiting:
            time.sleep(SHORTEST + 0.01)
        for board, names in waiting:
            self._of(board, board.read, names, self._clock.mono())

    def _of(self, board: Board, call: Callable[..., T], *args: object) -> T | None:
        """The call's value; None where the GPU was lost meanwhile."""
        with board.may_be_lost(self._clock.mono()):
            return call(*args)
        return None


def _sleeper(index: int, pci: str) -> Device:
    """A GPU that nobody has woken yet, and that has thus not told its UUID."""
    return Device(
        uuid=f"pci-{pci}",
        index=index,
        name="NVIDIA GPU",
        state="asleep",
        detail="The GPU sleeps to save power; it is not woken to be measured.",
        pci=pci,
        absent=dict.fromkeys(METRIC_WAYS, "asleep"),
    )

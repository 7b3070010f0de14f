"""The backend: sleep, inventory, metrics, processes and events of one driver session, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from ...clock import Clock, SystemClock
from ...errors import DeviceLost
from ...links import Link
from ...metrics import Gpu
from ...model import Device, Event, Hello, Process
from .. import Power
from . import driver
from .board import Board
from .events import EventSet
from .gpm import SHORTEST
from .inventory import Inventory
from .links import links_of
from .names import Names
from .powers import PowerBuffers, read_power
from .processes import ProcessLists
from .sleep import Sleep
from .table import METRIC_WAYS

T = TypeVar("T")

_ENERGY = frozenset({"energy"})


class _Session(NamedTuple):
    inventory: Inventory
    events: EventSet
    lists: ProcessLists
    powers: PowerBuffers


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
        # First every board is asked, then all is translated: see ``ways.Look``.
        now = self._clock.mono()
        looks = [(board, self._of(board, board.look, wanted, now)) for board in self._answering()]
        found = [self._of(board, board.told, look, now) for board, look in looks if look and board.answers]
        return [gpu for gpu in found if gpu is not None]

    def processes(self) -> Sequence[Process]:
        """Every process on a GPU; a split board's are those of its instances."""
        session = self._session
        if session is None:
            return []
        boards = [board for board in self._answering() if not board.device.mig]
        told = [(board, self._of(board, session.lists.ask, board)) for board in boards]
        who = self._names.look()
        return [who(process) for board, lists in told if lists for process in session.lists.tell(board, lists)]

    def energy(self, uuid: str) -> float | None:
        """The energy counter, joules, read now."""
        board = self._board(uuid)
        return self._of(board, board.value, _ENERGY, self._clock.mono()) if board else None

    def power(self, uuid: str) -> Power | None:
        """What one GPU draws, read now."""
        board = self._board(uuid)
        return self._of(board, read_power, board, self._clock.mono()) if board else None

    def power_history(self, uuid: str, since: float) -> Sequence[tuple[float, float]] | None:
        """The driver's buffer of power samples."""
        board = self._board(uuid)
        if board is None or self._session is None:
            return None
        return self._of(board, self._session.powers.of, board, since)

    def links(self) -> Sequence[Link]:
        """Each NVLink of every board that answers, read now."""
        found = (self._of(board, lambda board: list(links_of(board)), board) for board in self._answering())
        return [link for links in found for link in links or ()]

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
            Inventory(versions.driver, self._sleep),
            EventSet(self._clock),
            ProcessLists(versions.driver),
            PowerBuffers(),
        )
        return self._session

    def _board(self, uuid: str) -> Board | None:
        """The GPU if it may be asked."""
        board = self._session.inventory.boards.get(uuid) if self._session else None
        return board if board is not None and board.answers else None

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
        try:
            return call(*args)
        except DeviceLost as e:
            (board.parent or board).lose(e, self._clock.mono())
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

"""Which GPUs and MIG instances there are now, and which of those that were there do not answer."""

from __future__ import annotations

from typing import Any

import pynvml as nvml
from msgspec.structs import replace

from ...errors import DeviceLost
from ...model import Device
from .board import Board, meet, meet_instance
from .driver import Absent, ask, ask_driver
from .fields import version_of
from .gpm import Gpm
from .mig import instances
from .sleep import Sleep
from .topology import links
from .ways import Access

_last_at: dict[int, Device] = {}
"""Who was last met at an index. A lost GPU does not tell its UUID, and its place outlasts the driver session."""


class Inventory:
    """The boards of one driver session by UUID, MIG instances after their board."""

    def __init__(self, driver: str | None, sleep: Sleep) -> None:
        self._driver, self._sleep = version_of(driver), sleep
        self._linked: frozenset[str] = frozenset()
        self.boards: dict[str, Board] = {}

    def refresh(self, now: float) -> None:
        """Look at everything anew; a board that stays the same keeps what is known about it."""
        before, self.boards = self.boards, {}
        for index in range(ask_driver(nvml.nvmlDeviceGetCount)):
            board = self._at(index, before, now)
            if board is not None:
                self.boards[board.uuid] = board
                self._add_instances(board, before)
        self._keep_lost(before)
        for uuid in before.keys() - self.boards.keys():
            before[uuid].close()
        self.boards = dict(sorted(self.boards.items(), key=lambda entry: entry[1].place))
        self._link()

    def close(self) -> None:
        """Free everything that was lent by the driver."""
        for board in self.boards.values():
            board.close()
        self.boards.clear()

    def _at(self, index: int, before: dict[str, Board], now: float) -> Board | None:
        """The board at this index; None where this user may not see it."""
        known = next((b for b in before.values() if b.device.index == index and b.parent is None), None)
        if known and self._must_rest(known, now):
            return known
        try:
            handle = ask(nvml.nvmlDeviceGetHandleByIndex, index)
            if isinstance(handle, Absent):
                return None if handle.reason == "permission" else _silent(index, self._driver, "error", _TROUBLE)
            uuid = ask(nvml.nvmlDeviceGetUUID, handle)
            if isinstance(uuid, Absent):
                return _silent(index, self._driver, "error", _TROUBLE)
            return self._met(handle, index, uuid, before.get(uuid))
        except DeviceLost as e:
            lost = known or _silent(index, self._driver)
            lost.lose(e, now)
            return lost

    def _must_rest(self, board: Board, now: float) -> bool:
        """Whether the board is asleep, or lost and not yet due for another try."""
        if self._sleep.asleep(board.device.pci):
            board.fall_asleep()
            return True
        return board.state == "lost" and now < board.retry_at

    def _met(self, handle: Any, index: int, uuid: str, known: Board | None) -> Board:
        if known is not None and known.access.handle is not None and _mig_mode(handle) == known.device.mig:
            _reach(known, handle, index)
            board = known
        else:
            board = meet(handle, index, uuid, self._driver)
            if known is not None:
                known.close()
        _last_at[index] = board.device
        return board

    def _add_instances(self, board: Board, before: dict[str, Board]) -> None:
        if not (board.device.mig and board.answers):
            return
        for position, handle, uuid, slots in instances(board):
            known = before.get(uuid)
            if known is None or known.parent is not board:
                known = meet_instance(handle, position, uuid, board, slots)
            self.boards[uuid] = known

    def _keep_lost(self, before: dict[str, Board]) -> None:
        """A lost GPU keeps its place, and its instances theirs, even if the driver no longer counts it."""
        for uuid, board in before.items():
            owner = board.parent or board
            if owner.state == "lost" and self.boards.get(owner.uuid, owner) is owner:
                self.boards.setdefault(uuid, board)

    def _link(self) -> None:
        """Topology is asked for once per set of boards, for it takes two calls a pair."""
        boards = [b for b in self.boards.values() if b.parent is None and b.answers]
        if self._linked == {b.uuid for b in boards}:
            return
        self._linked = frozenset(b.uuid for b in boards)
        for uuid, others in links(boards).items():
            self.boards[uuid].device = replace(self.boards[uuid].device, topology=others)


_TROUBLE = "The driver cannot open this GPU; nvidia-smi and dmesg tell more."


def _silent(index: int, driver: tuple[int, ...], state: str = "ok", detail: str = "") -> Board:
    """A board that does not even tell its name: as it was last met, or a place for it."""
    device = _last_at.get(index) or Device(uuid=f"unknown-{index}", index=index, name="NVIDIA GPU")
    board = Board(replace(device, mig=None), Access(None, driver, 0, 0, Gpm(None), {}))
    board.state, board.detail = state, detail
    return board


def _mig_mode(handle: Any) -> bool | None:
    modes = ask(nvml.nvmlDeviceGetMigMode, handle)
    return None if isinstance(modes, Absent) else bool(modes[0])


def _reach(board: Board, handle: Any, index: int) -> None:
    """Take up the handle of now; a board that did not answer starts with fresh buffers, if it answers at all."""
    if board.state != "ok":
        _ = ask(nvml.nvmlDeviceGetPerformanceState, handle)  # raises DeviceLost where it is still lost
        board.close()
        board.access = board.access._replace(gpm=Gpm(handle), unfolded={})
        board.recover()
    board.access = board.access._replace(handle=handle)
    board.device = replace(board.device, index=index)

"""Which GPUs and MIG instances there are now, and which of those that were there do not answer."""

from __future__ import annotations

from typing import Any

import pynvml as nvml
from msgspec.structs import replace

from ...errors import DeviceLost
from ...model import Device
from .board import Board, meet, meet_instance
from .driver import PERMISSION, Absent, ask, ask_driver
from .fields import FieldReader, version_of
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
                with board.may_be_lost(now):
                    self._add_instances(board, before)
        self._keep_instances(before)
        for uuid in before.keys() - self.boards.keys():
            before[uuid].close()
        self.boards = dict(sorted(self.boards.items(), key=lambda entry: entry[1].place))
        self._link(now)

    def close(self) -> None:
        """Free everything that was lent by the driver."""
        for board in self.boards.values():
            board.close()
        self.boards.clear()

    def _at(self, index: int, before: dict[str, Board], now: float) -> Board | None:
        """The board at this index; None where this user may not see it."""
        known = next((b for b in before.values() if b.place == (index, -1) and b.uuid not in self.boards), None)
        if known and self._sleep.asleep(known.device.pci):
            known.fall_asleep()
            return known
        try:
            return self._open(index, before, now)
        except DeviceLost as e:
            lost = known or self._unseen(index)
            lost.lose(e, now)
            return lost

    def _open(self, index: int, before: dict[str, Board], now: float) -> Board | None:
        handle = ask(nvml.nvmlDeviceGetHandleByIndex, index)
        uuid = handle if isinstance(handle, Absent) else ask(nvml.nvmlDeviceGetUUID, handle)
        if isinstance(uuid, Absent):
            return None if uuid == PERMISSION else self._unseen(index, _TROUBLE)
        known = before.get(uuid)
        if known is not None and known.state == "lost" and now < known.retry_at:
            return known
        board = _reached(known, handle, index) or meet(handle, index, uuid, self._driver)
        if known is not None and known is not board:
            known.close()
        _last_at[index] = board.device
        return board

    def _unseen(self, index: int, trouble: str = "") -> Board:
        """A board that does not even tell its name: as it was last met, or a place for it."""
        device = _last_at.get(index)
        if device is None or device.uuid in self.boards:
            device = Device(uuid=f"unknown-{index}", index=index, name="NVIDIA GPU")
        board = Board(replace(device, index=index), Access(None, 0, 0, FieldReader(self._driver), Gpm(None)))
        if trouble:
            board.state, board.detail = "error", trouble
        return board

    def _add_instances(self, board: Board, before: dict[str, Board]) -> None:
        for position, handle, uuid, slots in instances(board) if board.device.mig and board.answers else ():
            known = before.get(uuid)
            if known is None or known.parent is not board:
                known = meet_instance(handle, position, uuid, board, slots)
            self.boards[uuid] = known

    def _keep_instances(self, before: dict[str, Board]) -> None:
        """The instances of a board that is lost or asleep keep their places, for it cannot be asked for them."""
        for uuid, board in before.items():
            owner = board.parent
            if owner and not owner.answers and self.boards.get(owner.uuid) is owner:
                self.boards.setdefault(uuid, board)

    def _link(self, now: float) -> None:
        """Topology is asked for once per set of boards, for it takes two calls a pair."""
        boards = [b for b in self.boards.values() if b.parent is None and b.answers]
        if self._linked == {b.uuid for b in boards}:
            return
        self._linked = frozenset(b.uuid for b in boards)
        for uuid, others in links(boards, now).items():
            self.boards[uuid].device = replace(self.boards[uuid].device, topology=others)


_TROUBLE = "The driver cannot open this GPU; nvidia-smi and dmesg tell more."


def _mig_mode(handle: Any) -> bool | None:
    modes = ask(nvml.nvmlDeviceGetMigMode, handle)
    return None if isinstance(modes, Absent) else bool(modes[0])


def _reached(board: Board | None, handle: Any, index: int) -> Board | None:
    """The board by the handle of now; None where it is new, or split or joined since, so that it must be met anew.

    A board that did not answer starts with fresh buffers, if it answers at all.
    """
    if board is None or board.access.handle is None or _mig_mode(handle) != board.device.mig:
        return None
    if board.state != "ok":
        ask(nvml.nvmlDeviceGetPerformanceState, handle)  # raises DeviceLost where it is still lost
        board.close()
        board.access.fields.forget()
        board.access = board.access._replace(gpm=Gpm(handle))
        board.recover()
    board.access = board.access._replace(handle=handle)
    board.device = replace(board.device, index=index)
    return board

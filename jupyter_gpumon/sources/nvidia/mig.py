"""MIG: the instances of a board that is split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pynvml as nvml

from .board import Board
from .driver import Absent, ask


def instances(board: Board) -> Iterator[tuple[int, Any, str, int]]:
    """(position, handle, UUID, number of slots on the board) of every instance.

    Slots are not filled from the front, so an empty one does not end the list. Handles are used again after a
    reconfiguration; the UUID is what tells instances apart.
    """
    slots = ask(nvml.nvmlDeviceGetMaxMigDeviceCount, board.access.handle)
    position = 0
    for slot in range(0 if isinstance(slots, Absent) else slots):
        handle = ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, board.access.handle, slot)
        uuid = handle if isinstance(handle, Absent) else ask(nvml.nvmlDeviceGetUUID, handle)
        if isinstance(uuid, Absent):
            continue
        yield position, handle, uuid, slots
        position += 1

"""What the driver tells by itself: XIDs, memory errors, and changes of the MIG layout. Linux only."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterable, Iterator
from typing import Any

import pynvml as nvml

from ... import xids
from ...clock import Clock
from ...errors import DeviceLost
from ...model import Event
from .board import Board
from .driver import Absent, ask

_XID = 0x8
_NOTES = {
    0x2: ("Uncorrectable memory error (double-bit ECC)", "critical"),
    0x100: ("MIG layout changed", "info"),
    0x200: ("Many corrected memory errors", "warning"),
    0x400: ("Memory row or page retired", "info"),
    0x800: ("Memory row or page could not be retired", "critical"),
    0x1000: ("Poisoned memory was read, contained", "warning"),
    0x2000: ("Poisoned memory was read, not contained", "critical"),
    0x4000: ("GPU is unavailable", "critical"),
    0x8000: ("The driver asks for another recovery action", "warning"),
}
"""Event type → title and level (nvml.h: nvmlEventType…)."""

_MOST = 256
"""Events taken at a time: a flood must not stop the sampling. The rest stays in the driver's queue."""

_NO_INSTANCE = 0xFFFF_FFFF


class EventSet:
    """The driver's event set with every board registered. There is no history from before registration."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._set: Any = ask(nvml.nvmlEventSetCreate)
        self._boards: dict[int, Board] = {}

    def watch(self, boards: Iterable[Board]) -> None:
        """Register the boards that are new; a MIG instance's events come by its board."""
        for board in boards:
            if board.parent is None and board.answers and not isinstance(self._set, Absent):
                with board.may_be_lost(self._clock.mono()):
                    self._register(board)

    def take(self) -> Iterator[Event]:
        """What was told since the last call. Does not wait."""
        for _ in range(_MOST if self._boards else 0):
            told = self._next()
            if told is None:
                return
            event = self._event(told)
            if event is not None:
                yield event

    def close(self) -> None:
        """Free the set, which must happen while the driver session still lasts."""
        if not isinstance(self._set, Absent):
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlEventSetFree(self._set)
        self._set, self._boards = Absent("not-yet"), {}

    def _next(self) -> Any:
        """The next event of the queue; None where there is none, or where it concerns a GPU that is lost."""
        try:
            told = ask(_wait, self._set)
        except DeviceLost:
            return None
        return None if isinstance(told, Absent) else told

    def _register(self, board: Board) -> None:
        key = _address(board.access.handle)
        if self._boards.get(key) is board:
            return
        known = key in self._boards
        self._boards[key] = board
        types = ask(nvml.nvmlDeviceGetSupportedEventTypes, board.access.handle)
        wanted = 0 if isinstance(types, Absent) else types & (_XID | sum(_NOTES))
        if wanted and not known:
            ask(nvml.nvmlDeviceRegisterEvents, board.access.handle, wanted, self._set)

    def _event(self, told: Any) -> Event | None:
        board = self._boards.get(_address(told.device))
        kind, code = ("xid", int(told.eventData)) if told.eventType == _XID else ("note", None)
        if code is not None:
            xid = xids.of(code)
            title, level = xid.title, xid.level
        elif told.eventType in _NOTES:
            title, level = _NOTES[told.eventType]
        else:
            return None
        return Event(
            kind=kind,
            time=self._clock.time(),
            mono=self._clock.mono(),
            title=title,
            detail=_where(board, told),
            level=level,
            uuid=board.uuid if board else None,
            code=code,
        )


def _wait(event_set: Any) -> Any:
    """The next event of the queue; None where there is none."""
    try:
        return nvml.nvmlEventSetWait_v2(event_set, 0)
    except nvml.NVMLError_Timeout:
        return None


def _where(board: Board | None, told: Any) -> str:
    """On which board, and on which of its instances."""
    words = [f"{board.device.label}, {board.device.name}"] if board else []
    if board and board.device.mig and told.gpuInstanceId != _NO_INSTANCE:
        words.append(f"GPU instance {told.gpuInstanceId}")
    return ", ".join(words)


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0

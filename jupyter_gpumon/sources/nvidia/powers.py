"""Power as fine as a board tells it: one cheap reading, and the record that the driver keeps by itself."""

from __future__ import annotations

import ctypes
from typing import Any

import pynvml as nvml

from .. import Power
from .board import Board
from .driver import ERROR, UNSUPPORTED, Absent, meaning, symbol
from .fields import MEMBER
from .ways import Fields

_POWER = frozenset({"power"})
_ROOM = 512
"""Entries asked for at once; drivers are known to keep 120."""
_MILLI, _MICRO = 1e-3, 1e-6
_GA100 = "8.0"
_ONE_SECOND_MEAN = frozenset({"Ampere", "Ada", "Hopper", "Blackwell", "Rubin"})
"""Where nvmlDeviceGetPowerUsage is "averaged over 1 sec interval", GA100 apart (NVML's documentation of it)."""


class PowerBuffers:
    """Reads ``nvmlDeviceGetSamples``; remembers which boards have nothing there."""

    def __init__(self) -> None:
        self._call = symbol("nvmlDeviceGetSamples")
        self._never: set[str] = set()
        self._room = (nvml.c_nvmlSample_t * _ROOM)()

    def of(self, board: Board, since: float) -> list[tuple[float, float]] | None:
        """(Unix time, watts) after that Unix time, oldest first; None where the driver keeps no record."""
        if isinstance(self._call, Absent) or board.uuid in self._never:
            return None
        found = self._fetch(board.access.handle, since)
        if found == UNSUPPORTED:
            self._never.add(board.uuid)
        if isinstance(found, Absent):
            return [] if found.reason == "not-yet" else None
        return sorted((stamp, watts) for stamp, watts in found if stamp > since)

    def _fetch(self, handle: Any, since: float) -> Any:
        kind, count = ctypes.c_uint(), ctypes.c_uint(_ROOM)
        last = ctypes.c_ulonglong(max(0, int(since / _MICRO)))
        asked = (handle, nvml.NVML_TOTAL_POWER_SAMPLES, last, ctypes.byref(kind), ctypes.byref(count), self._room)
        code = self._call(*asked)  # type: ignore[operator]
        if code != nvml.NVML_SUCCESS:
            return meaning(code)
        if kind.value >= len(MEMBER):
            return ERROR
        member = MEMBER[kind.value]
        entries = self._room[: min(count.value, _ROOM)]
        return [(each.timeStamp * _MICRO, getattr(each.sampleValue, member) * _MILLI) for each in entries]


def read_power(board: Board, now: float) -> Power | None:
    """What the board draws, read now."""
    watts = board.value(_POWER, now)
    return None if watts is None else Power(_kind(board), watts)


def _kind(board: Board) -> str:
    """Field 186 is instantaneous on every board; the old function only up to Turing and on GA100."""
    device = board.device
    mean = device.architecture in _ONE_SECOND_MEAN and device.compute_capability != _GA100
    return "instant" if isinstance(board.ability.way("power"), Fields) or not mean else "average"

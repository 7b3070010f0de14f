"""Processes on a GPU, with the driver's pids.

The lists are read with buffers of our own: nvidia-ml-py asks twice each time (for the size, then for the list) and
raises ``NVMLError(0)`` where utilization has nothing new.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pynvml as nvml

from ...model import Process
from .board import Board
from .driver import UNSUPPORTED, Absent, meaning, symbol
from .fields import version_of

_LISTS = {
    "compute": "nvmlDeviceGetComputeRunningProcesses",
    "mps": "nvmlDeviceGetMPSComputeRunningProcesses",
    "graphics": "nvmlDeviceGetGraphicsRunningProcesses",
}
_UNKNOWN_MEMORY = 0xFFFF_FFFF_FFFF_FFFF
_ROOM, _TRIES = 64, 3


class _Entry(ctypes.Structure):
    """The C structs without the conversions of nvidia-ml-py's own, which take longer than the rest."""

    _fields_ = nvml.c_nvmlProcessInfo_v2_t._fields_


class _Used(ctypes.Structure):
    _fields_ = nvml.c_nvmlProcessUtilizationSample_t._fields_


class Lists(NamedTuple):
    """What the driver told of one board, not translated yet."""

    entries: list[tuple[str, Any]]
    """Kind and entry."""
    used: Any
    """Samples of utilization; None where it cannot be known, or nobody is there."""


class ProcessLists:
    """The processes of many boards; remembers which functions this driver has and which board has no such list."""

    def __init__(self, driver: str | None) -> None:
        # Drivers 535.43 to 535.86 have a third version of the entry whose layout was withdrawn.
        versions = ("_v2",) if (535, 43) <= version_of(driver) < (535, 87) else ("_v3", "_v2")
        self._functions = {kind: _newest(name, versions) for kind, name in _LISTS.items()}
        self._samples = symbol("nvmlDeviceGetProcessUtilization")
        self._never: set[tuple[str, str]] = set()
        self._asked: dict[str, float] = {}

    def ask(self, board: Board) -> Lists:
        """Everything the driver has to tell of one board; ``tell`` translates it (see ``ways.Look``)."""
        lists = {kind: self._list(board, kind) for kind in self._functions}
        entries = [(kind, entry) for kind, found in lists.items() for entry in found]
        return Lists(entries, self._utilization(board) if entries else None)

    def tell(self, board: Board, lists: Lists) -> Iterator[Process]:
        """Every process once: compute before MPS before graphics where a pid is in several lists."""
        busy = None if lists.used is None else _newest_shares(lists.used)
        seen: set[int] = set()
        for kind, entry in lists.entries:
            pid, memory = entry.pid, entry.usedGpuMemory
            if pid not in seen:
                seen.add(pid)
                yield Process(
                    uuid=board.uuid,
                    pid=pid,
                    kind=kind,
                    memory=None if memory == _UNKNOWN_MEMORY else float(memory),
                    utilization=None if busy is None else busy.get(pid, 0.0),
                )

    def _list(self, board: Board, kind: str) -> Iterable[Any]:
        function = self._functions[kind]
        if isinstance(function, Absent) or (board.uuid, kind) in self._never:
            return ()
        entries = _filled(_Entry, lambda n, buffer: function(board.access.handle, n, buffer))
        if entries == UNSUPPORTED:
            self._never.add((board.uuid, kind))
        return () if isinstance(entries, Absent) else entries

    def _utilization(self, board: Board) -> Iterable[Any] | None:
        """Samples of who was busy; who is not in them was idle. None where this cannot be known (MIG, old boards)."""
        key = (board.uuid, "utilization")
        if board.parent is not None or key in self._never:
            return None
        samples: Iterable[Any] | Absent = self._since_last(board)
        if samples == UNSUPPORTED:
            self._never.add(key)
        if isinstance(samples, Absent):
            return () if samples.reason == "not-yet" else None
        return samples

    def _since_last(self, board: Board) -> Any:
        """What the driver sampled since it was last asked, and at least over the last second."""
        function = self._samples
        if isinstance(function, Absent):
            return function
        now = time.time()
        age = now - self._asked.get(board.uuid, 0.0)
        since = ctypes.c_ulonglong(int((now - (age if 1.0 < age < 10.0 else 1.0)) * 1e6))
        self._asked[board.uuid] = now
        return _filled(_Used, lambda n, buffer: function(board.access.handle, buffer, n, since))


def _newest_shares(samples: Iterable[Any]) -> dict[int, float]:
    """Busy share by pid, of the newest sample of each."""
    newest: dict[int, tuple[int, float]] = {}
    for sample in samples:
        newest[sample.pid] = max(newest.get(sample.pid, (0, 0.0)), (sample.timeStamp, sample.smUtil / 100))
    return {pid: min(share, 1.0) for pid, (_, share) in newest.items()}


def _newest(name: str, versions: Iterable[str]) -> Any:
    found = (symbol(name + version) for version in versions)
    return next((function for function in found if not isinstance(function, Absent)), UNSUPPORTED)


def _filled(kind: type[ctypes.Structure], call: Any) -> Any:
    """The entries that the call writes into a buffer, larger at each try; or an ``Absent``."""
    room = _ROOM
    for _ in range(_TRIES):
        count, buffer = ctypes.c_uint(room), (kind * room)()
        code = call(ctypes.byref(count), buffer)
        if code == nvml.NVML_SUCCESS:
            return buffer[: count.value]
        if code != nvml.NVML_ERROR_INSUFFICIENT_SIZE:
            return meaning(code)
        room = max(room, count.value) * 2
    return meaning(nvml.NVML_ERROR_INSUFFICIENT_SIZE)

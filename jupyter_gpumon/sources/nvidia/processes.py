"""Processes on a GPU, with the driver's pids.

The lists are read with buffers of our own: nvidia-ml-py asks twice each time (for the size, then for the list) and
raises ``NVMLError(0)`` where utilization has nothing new.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterable, Iterator
from typing import Any

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


class ProcessLists:
    """The processes of many boards; remembers which functions this driver has and which board has no such list."""

    def __init__(self, driver: str | None) -> None:
        # Drivers 535.43 to 535.86 have a third version of the entry whose layout was withdrawn.
        versions = ("_v2",) if (535, 43) <= version_of(driver) < (535, 87) else ("_v3", "_v2")
        self._functions = {kind: _newest(name, versions) for kind, name in _LISTS.items()}
        self._never: set[tuple[str, str]] = set()
        self._asked: dict[str, float] = {}

    def of(self, board: Board) -> list[Process]:
        """Every process once: compute before MPS before graphics where a pid is in several lists."""
        found: dict[int, Process] = {}
        for kind in self._functions:
            for entry in self._list(board, kind):
                memory = None if entry.usedGpuMemory == _UNKNOWN_MEMORY else float(entry.usedGpuMemory)
                found.setdefault(entry.pid, Process(uuid=board.uuid, pid=entry.pid, kind=kind, memory=memory))
        return list(self._with_utilization(board, found)) if found else []

    def _list(self, board: Board, kind: str) -> Iterable[Any]:
        function = self._functions[kind]
        if isinstance(function, Absent) or (board.uuid, kind) in self._never:
            return ()
        entries = _filled(nvml.c_nvmlProcessInfo_v2_t, lambda n, buffer: function(board.access.handle, n, buffer))
        if entries == UNSUPPORTED:
            self._never.add((board.uuid, kind))
        return () if isinstance(entries, Absent) else entries

    def _with_utilization(self, board: Board, found: dict[int, Process]) -> Iterator[Process]:
        busy = self._utilization(board)
        for pid, process in found.items():
            yield process if busy is None else _used(process, busy.get(pid, 0.0))

    def _utilization(self, board: Board) -> dict[int, float] | None:
        """Busy share by pid; who is not in it was idle. None where this cannot be known (MIG, old boards)."""
        key = (board.uuid, "utilization")
        if board.parent is not None or key in self._never:
            return None
        samples = self._samples(board)
        if samples == UNSUPPORTED:
            self._never.add(key)
        if isinstance(samples, Absent):
            return {} if samples.reason == "not-yet" else None
        newest: dict[int, tuple[int, float]] = {}
        for sample in samples:
            newest[sample.pid] = max(newest.get(sample.pid, (0, 0.0)), (sample.timeStamp, sample.smUtil / 100))
        return {pid: min(share, 1.0) for pid, (_, share) in newest.items()}

    def _samples(self, board: Board) -> Any:
        """What the driver sampled since it was last asked, and at least over the last second."""
        function = symbol("nvmlDeviceGetProcessUtilization")
        if isinstance(function, Absent):
            return function
        now = time.time()
        age = now - self._asked.get(board.uuid, 0.0)
        since = ctypes.c_ulonglong(int((now - (age if 1.0 < age < 10.0 else 1.0)) * 1e6))
        self._asked[board.uuid] = now
        kind = nvml.c_nvmlProcessUtilizationSample_t
        return _filled(kind, lambda n, buffer: function(board.access.handle, buffer, n, since))


def _used(process: Process, share: float) -> Process:
    return Process(uuid=process.uuid, pid=process.pid, kind=process.kind, memory=process.memory, utilization=share)


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

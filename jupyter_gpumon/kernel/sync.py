"""Waiting for the GPU: a cell is over when its kernels are, not when Python is.

PyTorch, CuPy, JAX, Numba and TensorFlow all compute in the device's primary context, so one driver call per active
context waits for whichever of them is in use. CUDA is never initialised here: the library must already be loaded into
this process, and only contexts that are already active are touched.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

_LIBRARY = "libcuda.so.1"
_OK = 0


@dataclass
class Drain:
    """What waiting for the GPU came to."""

    seconds: float = 0.0
    finished: bool = True
    """False where the wait was given up: the limit was reached, or the user interrupted it."""
    interrupted: bool = False
    devices: frozenset[str] = frozenset()
    """UUIDs of the devices on which this process has a context."""


_stuck: threading.Thread | None = None
"""A wait that was abandoned and still hangs in the driver; no second one is sent after it."""


def drain(limit: float | None) -> Drain:
    """Wait until the GPU has finished what this process gave it; at most ``limit`` seconds (None: as long as it takes).

    The wait runs in a thread of its own, because a driver call cannot be interrupted: Ctrl-C returns at once.
    """
    global _stuck
    library = loaded_driver()
    if library is None or _capturing():
        return Drain()
    if _stuck is not None and _stuck.is_alive():
        return Drain(finished=False)
    waiter = _Waiter(library)
    start = time.monotonic()
    waiter.thread.start()
    interrupted = False
    try:
        waiter.done.wait(limit)
    except KeyboardInterrupt:
        interrupted = True
    finished = waiter.done.is_set()
    _stuck = None if finished else waiter.thread
    return Drain(time.monotonic() - start, finished, interrupted, frozenset(waiter.devices))


def loaded_driver() -> ctypes.CDLL | None:
    """The CUDA driver library if this process has already loaded it; never loads it."""
    if sys.platform != "linux":
        return None  # no way to ask for a loaded library only; the energy of the tail goes to the next cell
    try:
        return ctypes.CDLL(_LIBRARY, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return None


def _capturing() -> bool:
    """Whether PyTorch records a CUDA graph right now; synchronising would spoil it."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return False
    return bool(cuda.is_current_stream_capturing())


@dataclass
class _Waiter:
    library: ctypes.CDLL
    done: threading.Event = field(default_factory=threading.Event)
    devices: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name="gpumon-sync", daemon=True)

    def _run(self) -> None:
        for device in _devices(self.library):
            if _active(self.library, device):
                self.devices |= _uuid(self.library, device)
                _finish(self.library, device)
        self.done.set()


def _devices(library: ctypes.CDLL) -> list[ctypes.c_int]:
    """The driver's handles; none where the process has not initialised CUDA (or is a fork of one that had)."""
    count = ctypes.c_int()
    if library.cuDeviceGetCount(ctypes.byref(count)) != _OK:
        return []
    handles = [ctypes.c_int() for _ in range(count.value)]
    return [handle for i, handle in enumerate(handles) if library.cuDeviceGet(ctypes.byref(handle), i) == _OK]


def _active(library: ctypes.CDLL, device: ctypes.c_int) -> bool:
    flags, active = ctypes.c_uint(), ctypes.c_int()
    code = library.cuDevicePrimaryCtxGetState(device, ctypes.byref(flags), ctypes.byref(active))
    return bool(code == _OK and active.value)


def _finish(library: ctypes.CDLL, device: ctypes.c_int) -> None:
    """Wait for all work in the device's primary context; a sticky CUDA error ends the wait and stays the user's."""
    context = ctypes.c_void_p()
    if library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) != _OK:
        return
    if library.cuCtxPushCurrent_v2(context) == _OK:
        library.cuCtxSynchronize()
        library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
    _call(library, "cuDevicePrimaryCtxRelease", device)


def _uuid(library: ctypes.CDLL, device: ctypes.c_int) -> set[str]:
    """The device's UUID as NVML writes it, for a GPU and for a MIG instance."""
    raw = (ctypes.c_ubyte * 16)()
    if _call(library, "cuDeviceGetUuid", ctypes.byref(raw), device) != _OK:
        return set()
    found = {f"GPU-{uuid.UUID(bytes=bytes(raw))}"}
    if _call(library, "cuDeviceGetUuid_v2", ctypes.byref(raw), device) == _OK:
        found.add(f"MIG-{uuid.UUID(bytes=bytes(raw))}")
    return found


def _call(library: ctypes.CDLL, name: str, *arguments: Any) -> int:
    """Call by whichever of the two names this driver has: the header maps some names to their second version."""
    for symbol in (f"{name}_v2", name):
        function = getattr(library, symbol, None)
        if function is not None:
            return int(function(*arguments))
    return -1

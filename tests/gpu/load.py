"""Something for a GPU to do, of exactly known amount: an FMA loop by CUDA's driver API, or the fake driver's profile.

No framework is needed: the kernel is PTX, compiled by the driver. Units of work are rounds of that loop.
"""

from __future__ import annotations

import ctypes
import os
import time
import uuid
from typing import Any, Protocol

from ..fakenvml.workload import compute, draw

THREADS = 256
BLOCKS_PER_PROCESSOR = 8
SLICE = 0.001
"""Seconds of work given to the GPU at once, so that it can be stopped in time."""
PTX = b"""
.version 6.0
.target sm_50
.address_size 64
.visible .entry burn(.param .u64 into, .param .u32 rounds)
{
    .reg .pred %more;
    .reg .b32 %i, %n, %thread, %block, %size;
    .reg .b64 %to, %at;
    .reg .f32 %a, %b, %c, %d, %x, %y;
    ld.param.u64 %to, [into];
    ld.param.u32 %n, [rounds];
    mov.u32 %thread, %tid.x;
    mov.u32 %block, %ctaid.x;
    mov.u32 %size, %ntid.x;
    mad.lo.u32 %thread, %block, %size, %thread;
    cvt.rn.f32.u32 %a, %thread;
    mov.f32 %b, %a;
    mov.f32 %c, %a;
    mov.f32 %d, %a;
    mov.f32 %x, 0f3F7FFFFE;
    mov.f32 %y, 0f33800000;
    mov.u32 %i, 0;
ROUND:
    fma.rn.f32 %a, %a, %x, %y;
    fma.rn.f32 %b, %b, %x, %y;
    fma.rn.f32 %c, %c, %x, %y;
    fma.rn.f32 %d, %d, %x, %y;
    fma.rn.f32 %a, %a, %x, %y;
    fma.rn.f32 %b, %b, %x, %y;
    fma.rn.f32 %c, %c, %x, %y;
    fma.rn.f32 %d, %d, %x, %y;
    add.u32 %i, %i, 1;
    setp.lt.u32 %more, %i, %n;
    @%more bra ROUND;
    add.f32 %a, %a, %b;
    add.f32 %c, %c, %d;
    add.f32 %a, %a, %c;
    mul.wide.u32 %at, %thread, 4;
    add.s64 %at, %to, %at;
    st.global.f32 [%at], %a;
    ret;
}
\0"""
"""Four chains of multiply-adds that stay near their start, and one store, so that nothing can be left out."""


class Load(Protocol):
    """Keeps one GPU busy."""

    computes: bool
    """Whether something is really computed, so that this process appears on the GPU by itself."""

    def work(self, units: int) -> None:
        """Do so many units and wait for them."""

    def busy(self, seconds: float) -> tuple[float, float]:
        """Full load for about so long; from when to when it was, in monotonic time."""

    def square(self, hertz: float, seconds: float) -> None:
        """Load and rest in turn, half of the time each."""

    def units(self, seconds: float) -> int:
        """How many units take about so long."""


def open_load(gpu: str) -> Load:
    """What keeps the GPU of this UUID busy; on the fake driver, what says that it is.

    Raises:
        RuntimeError: CUDA does not work here; the text says what it answered.
    """
    return FakeLoad() if "FAKENVML_LOAD" in os.environ else CudaLoad(gpu)


class FakeLoad:
    """The fake driver's first GPU draws what it is told; a unit is a millisecond."""

    computes = False
    watts, idle = 400.0, 60.0

    def work(self, units: int) -> None:
        """So many milliseconds."""
        compute(units / 1000, self.watts, self.idle, gpu=0)

    def busy(self, seconds: float) -> tuple[float, float]:
        """To the microsecond."""
        return compute(seconds, self.watts, self.idle, gpu=0)

    def square(self, hertz: float, seconds: float) -> None:
        """A profile of the driver's own."""
        start = draw(f"square:{self.idle},{self.watts},{hertz}", 0)
        draw(self.idle, 0, start + seconds)
        time.sleep(max(0.0, start + seconds - time.monotonic()))

    def units(self, seconds: float) -> int:
        """Milliseconds."""
        return max(1, round(seconds * 1000))


class CudaLoad:
    """The kernel above on a real GPU, in the device's primary context, so that it is waited for as a framework's is."""

    computes = True

    def __init__(self, gpu: str) -> None:
        self._cuda = ctypes.CDLL("libcuda.so.1")
        self._do("cuInit", 0)
        device = self._device(gpu)
        context = ctypes.c_void_p()
        self._do("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._do("cuCtxSetCurrent", context)
        processors = ctypes.c_int()
        self._do("cuDeviceGetAttribute", ctypes.byref(processors), 16, device)  # MULTIPROCESSOR_COUNT
        self._blocks = processors.value * BLOCKS_PER_PROCESSOR
        self._into, module, self._kernel = ctypes.c_uint64(), ctypes.c_void_p(), ctypes.c_void_p()
        self._do("cuMemAlloc_v2", ctypes.byref(self._into), ctypes.c_size_t(4 * THREADS * self._blocks))
        self._do("cuModuleLoadData", ctypes.byref(module), PTX)
        self._do("cuModuleGetFunction", ctypes.byref(self._kernel), module, b"burn")
        self._rate = 0.0
        self._rate = self._calibrate()

    def _do(self, name: str, *arguments: Any) -> None:
        code = getattr(self._cuda, name)(*arguments)
        if code:
            raise RuntimeError(f"CUDA does not work here: {name} answered {code}.")

    def _device(self, gpu: str) -> ctypes.c_int:
        count = ctypes.c_int()
        self._do("cuDeviceGetCount", ctypes.byref(count))
        for ordinal in range(count.value):
            device, raw = ctypes.c_int(), (ctypes.c_ubyte * 16)()
            self._do("cuDeviceGet", ctypes.byref(device), ordinal)
            self._do("cuDeviceGetUuid", ctypes.byref(raw), device)
            if gpu == f"GPU-{uuid.UUID(bytes=bytes(raw))}":
                return device
        raise RuntimeError("CUDA does not show the GPU that is to be measured: is CUDA_VISIBLE_DEVICES set?")

    def _launch(self, rounds: int) -> None:
        into, n = self._into, ctypes.c_uint32(rounds)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(into), ctypes.addressof(n))
        self._do("cuLaunchKernel", self._kernel, self._blocks, 1, 1, THREADS, 1, 1, 0, None, values, None)

    def _calibrate(self) -> float:
        """Rounds per second at full clock."""
        rounds, took = 1000, 0.0
        while took < 0.2:
            rounds *= 2
            start = time.perf_counter()
            self.work(rounds)
            took = time.perf_counter() - start
        return rounds / took

    def work(self, units: int) -> None:
        """So many rounds, in launches short enough for no watchdog to mind."""
        most = max(1, int(self._rate)) if self._rate else units  # about a second
        while units > 0:
            self._launch(min(units, most))
            units -= most
        self._do("cuCtxSynchronize")

    def busy(self, seconds: float) -> tuple[float, float]:
        """Slice after slice, so that it ends in time."""
        rounds, start = max(1, int(self._rate * SLICE)), time.monotonic()
        while time.monotonic() - start < seconds - SLICE / 2:
            self._launch(rounds)
            self._do("cuCtxSynchronize")
        return start, time.monotonic()

    def square(self, hertz: float, seconds: float) -> None:
        """On a grid of time, so that delays do not add up."""
        start, half = time.monotonic(), 0.5 / hertz
        for n in range(int(seconds * hertz)):
            end = start + (2 * n + 1) * half
            self.busy(max(0.0, end - time.monotonic()))
            time.sleep(max(0.0, end + half - time.monotonic()))

    def units(self, seconds: float) -> int:
        """Rounds."""
        return max(1, int(self._rate * seconds))

"""The kernels of the Jupyter server that started us, and how busy each really is: what the notebook script follows.

A plain program that measures itself has no server: then it is what is followed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil

from ...clock import Clock
from .scripts import MB, Load

LOOK_EVERY = 1.0
"""Seconds between two looks at the process table, which costs a millisecond or two."""
MEASURE_EVERY = 0.2
CONTEXT = 520 * MB
"""Bytes that a CUDA context takes by itself."""
FOR_PROGRAMS = 0.97
"""Share of a device's memory that programs can have; the rest is the driver's."""
GROWTH = 1500 * MB
"""Bytes of device memory allocated per second of computing."""
WORDS = ("ipykernel", "ipykernel_launcher", "ipython")
SERVERS = ("jupyter", "jupyterlab", "jupyter_server", "notebook", "jupyter_gpumon", "gpumon", "pytest")
"""Programs that compute nothing themselves, and ``pytest``, in which servers are tested."""


@dataclass
class Kernel:
    """One live kernel."""

    process: psutil.Process
    started: float
    gpu: int
    seconds: float
    """CPU seconds it had used when it was measured last."""
    computed: float = 0.0
    """CPU seconds it has used while we looked."""
    busy: float = 0.0

    def memory(self, most: float) -> float:
        """Bytes of device memory it holds: the context, and what it allocated while computing."""
        return min(CONTEXT + GROWTH * self.computed, most)


class Kernels:
    """Finds and measures the kernels; each keeps its GPU for as long as it lives."""

    def __init__(self, gpus: int, clock: Clock, parent: int | None = None) -> None:
        self._gpus, self._clock = gpus, clock
        self._parent = os.getppid() if parent is None else parent
        self._looked = self._measured = -1e9
        self._serves = False
        self.alive: dict[int, Kernel] = {}

    def refresh(self) -> None:
        """Look again where the last look is old enough."""
        now = self._clock.mono()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._look()
        if now - self._measured >= MEASURE_EVERY:
            self._measure(now - self._measured)
            self._measured = now

    def on(self, gpu: int) -> list[Kernel]:
        """The kernels that use this GPU, the oldest first."""
        return [kernel for kernel in self.alive.values() if kernel.gpu == gpu]

    @property
    def pids(self) -> list[int]:
        """Their pids; where there is no kernel, that of whoever started us."""
        return list(self.alive) or [self._parent]

    def _look(self) -> None:
        try:
            parent = psutil.Process(self._parent)
            found = [p for p in (parent, *parent.children(recursive=True)) if _is_kernel(p)]
            self._serves = self._serves or bool(found) or _is_server(parent)
            found = found if self._serves else [parent]
        except psutil.Error:
            found = []
        pids = {process.pid for process in found}
        self.alive = {pid: kernel for pid, kernel in self.alive.items() if pid in pids}
        for process in found:
            if process.pid not in self.alive:
                self._add(process)

    def _add(self, process: psutil.Process) -> None:
        users = [len(self.on(gpu)) for gpu in range(self._gpus)]
        try:
            kernel = Kernel(process, process.create_time(), users.index(min(users)), _cpu_seconds(process))
        except psutil.Error:  # it ended while we looked
            return
        self.alive[process.pid] = kernel

    def _measure(self, seconds: float) -> None:
        for pid, kernel in list(self.alive.items()):
            try:
                used = _cpu_seconds(kernel.process)
            except psutil.Error:
                del self.alive[pid]
                continue
            # An idle kernel uses a percent or two of a core for its heartbeat and sockets.
            busy = max(0.0, min(1.0, ((used - kernel.seconds) / seconds - 0.06) / 0.8))
            kernel.computed += used - kernel.seconds if busy else 0.0
            kernel.seconds = used
            kernel.busy += (busy - kernel.busy) * min(1.0, seconds / 0.35)

    def load(self, gpu: int, memory: float) -> Load:
        """What the kernels do on this GPU, whose device memory has so many bytes."""
        busy = min(1.0, sum(kernel.busy for kernel in self.on(gpu)))
        held = sum(self.held(gpu, memory).values())
        return Load(busy if busy > 0.01 else 0.0, held / memory, (10 + 400 * busy) * MB)

    def held(self, gpu: int, memory: float) -> dict[int, float]:
        """pid → bytes: first come, first served, as a driver does it, of what it leaves to programs."""
        left, found = FOR_PROGRAMS * memory, dict[int, float]()
        for kernel in self.on(gpu):
            found[kernel.process.pid] = kernel.memory(left)
            left -= found[kernel.process.pid]
        return found


def _is_kernel(process: psutil.Process) -> bool:
    return any(name in WORDS for name in _names(process))


def _is_server(process: psutil.Process) -> bool:
    return any(name in SERVERS or name.startswith(("jupyter-", "jupyterhub-")) for name in _names(process))


def _names(process: psutil.Process) -> list[str]:
    """The program's name and its first arguments, without folders; none where it cannot be asked."""
    try:
        return [word.rpartition(os.sep)[2].removesuffix(".py") for word in process.cmdline()[:6]]
    except psutil.Error:
        return []


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

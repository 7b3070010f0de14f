"""Whose a process is: pid → Jupyter kernel → notebook. Only this server's own process tree counts as own.

The kernels are listed on the server's loop; pids are looked up in the monitor's thread, since walking ``/proc`` takes
its time. A process that was seen to be own stays so when its parent dies and it is handed to init.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import psutil
from jupyter_core.utils import ensure_async
from msgspec import Struct
from msgspec.structs import replace

from ..model import Process

DEPTH = 64
KEPT = 4096
"""Bounds on the walk to the root, and on how many processes are remembered."""


class Kernels(Struct, frozen=True):
    """A snapshot of what this server runs: pid → kernel id, kernel id → notebook path, and pids of terminals."""

    pids: Mapping[int, str] = {}
    notebooks: Mapping[str, str] = {}
    terminals: frozenset[int] = frozenset()
    looked: bool = False
    """False before anybody has looked which there are."""


class Owner(Struct, frozen=True):
    """An own process: its kernel (None for a terminal or the server itself), its name, when it started."""

    kernel: str | None
    name: str
    started: float


class Owners:
    """Looks pids up. ``kernels`` is replaced as a whole, so any thread may read it.

    Args:
        server: pid of this server.
    """

    def __init__(self, server: int | None = None) -> None:
        self.kernels = Kernels()
        self._server = server or os.getpid()
        self._known: dict[tuple[int, float], Owner | None] = {}

    def named(self, process: Process) -> Process | None:
        """The process with kernel, notebook, name and start; None where it is not of this server."""
        owner = None if process.pid is None else self.owner(process.pid)
        if owner is None:
            return None
        notebook = self.kernels.notebooks.get(owner.kernel) if owner.kernel else None
        return replace(
            process, own=True, kernel=owner.kernel, notebook=notebook, name=owner.name, started=owner.started
        )

    def owner(self, pid: int) -> Owner | None:
        """Who a pid belongs to; None where it is foreign or gone."""
        try:
            process = psutil.Process(pid)
            key = pid, process.create_time()
            known = self._known.get(key)
            if known is None or (known.kernel is None and pid in self.kernels.pids):
                known = self._look(process)
                self._remember(key, known)
            return known
        except psutil.Error:
            return None

    def kernel_of(self, pid: int) -> str | None:
        """The kernel in whose process tree a pid is."""
        owner = self.owner(pid)
        return owner.kernel if owner else None

    def _look(self, process: psutil.Process) -> Owner | None:
        kernels = self.kernels
        for pid in lineage(process):
            if pid in kernels.pids or pid in kernels.terminals or pid == self._server:
                return Owner(kernels.pids.get(pid), name_of(process), process.create_time())
        return None

    def _remember(self, key: tuple[int, float], owner: Owner | None) -> None:
        # Foreign ones are looked up anew each time: a kernel may be listed a moment after its first sample.
        if owner is None:
            return
        if len(self._known) >= KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[key] = owner


def name_of(process: psutil.Process) -> str:
    """Its name. Linux cuts names at 15 bytes, also inside a letter: half a letter becomes U+FFFD, so it can be sent."""
    return os.fsencode(process.name()).decode("utf-8", "replace")


def lineage(process: psutil.Process) -> Iterator[int]:
    """The pid, its parent's, and so on up; a parent that is younger than its child is a reused pid and ends it."""
    at: psutil.Process | None = process
    for _ in range(DEPTH):
        if at is None:
            return
        yield at.pid
        at = at.parent()


def kernel_pids(kernel_manager: Any) -> dict[int, str]:
    """pid → kernel id, for the kernels that this server started on this machine."""
    found: dict[int, str] = {}
    for kernel in kernel_manager.list_kernel_ids():
        provisioner = getattr(kernel_manager.get_kernel(kernel), "provisioner", None)
        pid = getattr(provisioner, "pid", None)
        if pid:
            found[pid] = kernel
    return found


def terminal_pids(terminal_manager: Any) -> frozenset[int]:
    """pids of the shells in this server's terminals."""
    terminals = getattr(terminal_manager, "terminals", None) or {}
    return frozenset(terminal.ptyproc.pid for terminal in terminals.values())


async def snapshot(settings: Mapping[str, Any]) -> Kernels:
    """What the server runs now, from its web application's settings."""
    sessions = await ensure_async(settings["session_manager"].list_sessions())
    notebooks = {session["kernel"]["id"]: session["path"] for session in sessions if session.get("kernel")}
    return Kernels(
        pids=kernel_pids(settings["kernel_manager"]),
        notebooks=notebooks,
        terminals=terminal_pids(settings.get("terminal_manager")),
        looked=True,
    )

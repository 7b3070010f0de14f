"""Names and start times of processes, where the driver's pids are this system's own. Never command lines."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from ...model import Process

_INITIAL = "pid:[4026531836]"
"""Name of the first PID namespace of every Linux kernel (PROC_PID_INIT_INO)."""


class Names:
    """Who a pid is; ``root`` is the root of the file system."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._proc = root / "proc"
        self._boot: float | None = None
        self.foreign = self._is_foreign()
        """Whether pids of the driver mean nothing here: they must not be looked up then."""

    def look(self) -> Callable[[Process], Process]:
        """Tells each process with its name and the Unix time at which it began, as far as known, as of now."""
        seen: dict[int, tuple[str | None, float | None]] = {}

        def of(process: Process) -> Process:
            pid = process.pid
            if self.foreign or pid is None:
                return process
            if pid not in seen:  # one that computes on eight GPUs is looked at once
                seen[pid] = self._who(pid)
            name, started = seen[pid]
            return replace(process, name=name, started=started)

        return of

    def _who(self, pid: int) -> tuple[str | None, float | None]:
        """Name and start, from one file: ``PID (NAME) STATE …``, where the name may hold anything."""
        try:
            before, _, after = (self._proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")
            started = self._boot_time() + int(after.split()[19]) / os.sysconf("SC_CLK_TCK")
            return before.partition("(")[2].strip() or None, started
        except (OSError, ValueError, IndexError):
            return None, None

    def _is_foreign(self) -> bool:
        try:
            return str((self._proc / "self/ns/pid").readlink()) != _INITIAL
        except OSError:
            return False

    def _boot_time(self) -> float:
        if self._boot is None:
            lines = (self._proc / "stat").read_text().splitlines()
            self._boot = float(next(line.split()[1] for line in lines if line.startswith("btime")))
        return self._boot

"""Names and start times of processes, where the driver's pids are this system's own. Never command lines."""

from __future__ import annotations

import os
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

    def of(self, process: Process) -> Process:
        """The process with its name and the Unix time at which it began, as far as known."""
        if self.foreign or process.pid is None:
            return process
        place = self._proc / str(process.pid)
        try:
            return replace(process, name=(place / "comm").read_text().strip() or None, started=self._started(place))
        except (OSError, ValueError, IndexError):
            return process

    def _is_foreign(self) -> bool:
        try:
            return str((self._proc / "self/ns/pid").readlink()) != _INITIAL
        except OSError:
            return False

    def _started(self, place: Path) -> float:
        after_name = (place / "stat").read_text().rpartition(")")[2].split()
        return self._boot_time() + int(after_name[19]) / os.sysconf("SC_CLK_TCK")

    def _boot_time(self) -> float:
        if self._boot is None:
            lines = (self._proc / "stat").read_text().splitlines()
            self._boot = float(next(line.split()[1] for line in lines if line.startswith("btime")))
        return self._boot

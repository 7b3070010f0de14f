"""What ``gpumon up`` started: remembered in a file, so that ``gpumon down`` ends these processes and no others.

A process is known by its id *and* the moment it began: ids are used again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from ...errors import GpuMonError

BACK = 2.0
"""Seconds by which two readings of when a process began may differ."""


class Started(Struct, frozen=True, kw_only=True):
    """One process of ours."""

    name: str
    pid: int
    began: float
    port: int

    def process(self) -> psutil.Process | None:
        """It, while it lives; None once it has ended, also where another has its id now."""
        try:
            found = psutil.Process(self.pid)
            alive = abs(found.create_time() - self.began) < BACK and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return found if alive else None


class State:
    """The file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "started.json"

    def read(self) -> dict[str, Started]:
        """By name.

        Raises:
            GpuMonError: the file is not one of ours.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Started])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as e:
            raise GpuMonError(f"{self._path} cannot be read ({e}): look with ps, and remove the file.") from e

    def add(self, started: Started) -> None:
        """Remember one."""
        self._write({**self.read(), started.name: started})

    def forget(self, name: str) -> None:
        """One that has ended."""
        self._write({other: started for other, started in self.read().items() if other != name})

    def _write(self, all_started: dict[str, Started]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(all_started))
        fresh.replace(self._path)

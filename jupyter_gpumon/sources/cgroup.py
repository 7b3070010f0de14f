"""What the cgroup (version 2) of this process allows, and what it uses: a container's real size."""

from __future__ import annotations

from pathlib import Path


class Cgroup:
    """The limits in force for this process: the tightest of its own cgroup and of those above it.

    ``cpus`` is None where no quota holds, ``memory_limit`` where memory is not limited; then the use is None too.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._path = _own(root)
        self.refresh()

    def refresh(self) -> None:
        """Look at the limits anew; they can be changed while we run."""
        quotas = [(cpus, folder) for folder in self._path if (cpus := _cpu_quota(folder)) is not None]
        limits = [(limit, folder) for folder in self._path if (limit := _integer(folder / "memory.max")) is not None]
        self.cpus: float | None
        self.memory_limit: int | None
        self._cpu_folder: Path | None
        self._memory_folder: Path | None
        self.cpus, self._cpu_folder = min(quotas, default=(None, None))
        self.memory_limit, self._memory_folder = min(limits, default=(None, None))

    def cpu_seconds(self) -> float | None:
        """CPU time used by all under the quota, in seconds."""
        used = None if self._cpu_folder is None else _keyed(self._cpu_folder / "cpu.stat", "usage_usec")
        return None if used is None else used * 1e-6

    def memory_used(self) -> int | None:
        """Bytes used under the limit, without file cache that can be dropped at once."""
        if self._memory_folder is None:
            return None
        current = _integer(self._memory_folder / "memory.current")
        cache = _keyed(self._memory_folder / "memory.stat", "inactive_file") or 0
        return None if current is None else max(0, current - cache)


def _own(root: Path) -> list[Path]:
    """Folders from our cgroup up to the root of what we can see; empty without cgroup v2."""
    mount = root / "sys/fs/cgroup"
    if not (mount / "cgroup.controllers").exists():
        return []
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    inner = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    own = mount / inner if (mount / inner).is_dir() else mount
    return [own, *(folder for folder in own.parents if folder.is_relative_to(mount))]


def _cpu_quota(folder: Path) -> float | None:
    words = _text(folder / "cpu.max").split()
    return None if len(words) < 2 or words[0] == "max" else int(words[0]) / int(words[1])


def _integer(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _keyed(path: Path, key: str) -> int | None:
    for line in _text(path).splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

"""The machine round the GPUs, or the container this server runs in: CPU, memory, disk, network and their energy."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from ..clock import Clock, SystemClock
from ..model import Host
from .cgroup import Cgroup
from .rapl import Rapl

SHORTEST = 0.05
"""Seconds below which a share of CPU time is not worth the name: the kernel counts in ticks of 10 ms."""
LIMITS_EVERY = 30.0
_SWAP = re.compile(rb"^(SwapTotal|SwapFree):\s+(\d+) kB", re.MULTILINE)


class HostReader:
    """Reads the host; one reader belongs to one thread. ``root`` replaces / for sysfs, procfs and cgroup (tests)."""

    def __init__(self, root: Path = Path("/"), clock: Clock | None = None) -> None:
        self._root, self._clock = root, clock or SystemClock()
        self._rapl = Rapl(root)
        self._cgroup = Cgroup(root)
        self._limits_read = self._clock.mono()
        self._affinity = _affinity()
        self._disks = Counted(lambda name: _is_disk(name, root))
        self._links = Counted(lambda name: _is_physical(name, root))
        self._before = self._cpu_now()
        self._shares: tuple[float | None, tuple[float, ...] | None] = (None, None)

    def read(self) -> Host:
        """Everything, now. CPU shares are means since the last read."""
        self._refresh_limits()
        cpu, cores = self._cpu()
        used, total = self._memory()
        swap_used, swap_total = _swap(self._root)
        disk_read, disk_written = self._disk()
        received, sent = self._network()
        cpu_energy, dram_energy = self._rapl.read()
        return Host(
            cpu=cpu,
            cpu_count=self._cpus(),
            cpu_cores=cores,
            load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            memory_used=used,
            memory_total=total,
            swap_used=swap_used,
            swap_total=swap_total,
            disk_read=disk_read,
            disk_written=disk_written,
            network_received=received,
            network_sent=sent,
            cpu_energy=cpu_energy,
            dram_energy=dram_energy,
        )

    def absent(self) -> dict[str, str]:
        """Host metric → why it is not there: the reason's word, a colon, and what to do."""
        reasons = dict(self._rapl.absent)
        if not hasattr(os, "getloadavg"):
            reasons["load"] = "unsupported: this system has no load average"
        if self._disk()[0] is None:
            reasons |= dict.fromkeys(("disk_read", "disk_written"), "unsupported: no disk of this machine is visible")
        if self._network()[0] is None:
            text = "unsupported: no network interface but loopback is visible"
            reasons |= dict.fromkeys(("network_received", "network_sent"), text)
        return reasons

    def close(self) -> None:
        """Let go of the RAPL files."""
        self._rapl.close()

    def _refresh_limits(self) -> None:
        now = self._clock.mono()
        if now - self._limits_read >= LIMITS_EVERY:
            self._limits_read = now
            self._cgroup.refresh()
            self._affinity = _affinity()

    def _cpus(self) -> float:
        allowed = float(len(self._affinity))
        return allowed if self._cgroup.cpus is None else min(allowed, self._cgroup.cpus)

    def _cpu_now(self) -> tuple[float, float | None, list[tuple[float, float]]]:
        """Time, CPU seconds of the cgroup, and (busy, total) seconds of every core."""
        return self._clock.mono(), self._cgroup.cpu_seconds(), [_split(t) for t in psutil.cpu_times(percpu=True)]

    def _cpu(self) -> tuple[float | None, tuple[float, ...] | None]:
        now, before = self._cpu_now(), self._before
        seconds = now[0] - before[0]
        if seconds < SHORTEST:
            return self._shares
        self._before = now
        cores = tuple(_share(new, old) for new, old in zip(now[2], before[2], strict=False))
        self._shares = self._whole(seconds, now[1], before[1], cores), cores
        return self._shares

    def _whole(self, seconds: float, used: float | None, before: float | None, cores: tuple[float, ...]) -> float:
        """Busy share of the CPUs we may use: the cgroup's own use where a quota holds, else that of our cores."""
        if used is not None and before is not None:
            return round(min(1.0, max(0.0, used - before) / seconds / self._cpus()), 4)
        ours = [cores[i] for i in self._affinity if i < len(cores)] or cores
        return round(sum(ours) / len(ours), 4)

    def _memory(self) -> tuple[float, float]:
        memory = psutil.virtual_memory()
        limit, used = self._cgroup.memory_limit, self._cgroup.memory_used()
        if limit is not None and used is not None and limit < memory.total:
            return float(used), float(limit)
        return float(memory.total - memory.available), float(memory.total)

    def _disk(self) -> tuple[float | None, float | None]:
        disks = self._disks.of(_ask(psutil.disk_io_counters, perdisk=True, nowrap=False) or {})
        if not disks:
            return None, None
        return float(sum(d.read_bytes for d in disks)), float(sum(d.write_bytes for d in disks))

    def _network(self) -> tuple[float | None, float | None]:
        found = _ask(psutil.net_io_counters, pernic=True, nowrap=False) or {}
        outward = {name: value for name, value in found.items() if not _is_loopback(name)}
        # Bridges and tunnels carry what a physical link carries too; a container has only virtual ones.
        links = self._links.of(outward) or list(outward.values())
        if not links:
            return None, None
        return float(sum(link.bytes_recv for link in links)), float(sum(link.bytes_sent for link in links))


class Counted:
    """Which of the named devices count, asked once per name."""

    def __init__(self, counts: Any) -> None:
        self._counts = counts
        self._known: dict[str, bool] = {}

    def of(self, found: dict[str, Any]) -> list[Any]:
        """The values of those that count."""
        for name in found.keys() - self._known.keys():
            self._known[name] = self._counts(name)
        return [value for name, value in found.items() if self._known[name]]


def _is_disk(name: str, root: Path) -> bool:
    """Whole physical disks: a partition, LVM volume, RAID or loop device shows bytes that a disk shows too."""
    block = root / "sys/block"
    return (block / name.replace("/", "!") / "device").exists() if block.exists() else True


def _is_physical(name: str, root: Path) -> bool:
    return (root / "sys/class/net" / name / "device").exists()


def _is_loopback(name: str) -> bool:
    return name == "lo" or name.startswith("lo0") or "loopback" in name.lower()


def _split(times: Any) -> tuple[float, float]:
    """Busy and total seconds of one core; Linux counts guest time in user time already."""
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _share(now: tuple[float, float], before: tuple[float, float]) -> float:
    total = now[1] - before[1]
    return round(min(1.0, max(0.0, (now[0] - before[0]) / total)), 3) if total > 0 else 0.0


def _affinity() -> Sequence[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(psutil.cpu_count() or 1)


def _swap(root: Path) -> tuple[float | None, float | None]:
    """Bytes of swap, used and in all.

    On Linux from the kernel's own table: psutil goes through /proc/vmstat besides, which takes it longer than all the
    rest of the host, for what nobody asked for.
    """
    try:
        told = dict(_SWAP.findall((root / "proc/meminfo").read_bytes()))
        total = float(told[b"SwapTotal"]) * 1024
        return total - float(told[b"SwapFree"]) * 1024, total
    except (OSError, KeyError):
        swap = _ask(psutil.swap_memory)
        return (float(swap.used), float(swap.total)) if swap else (None, None)


def _ask(call: Any, **options: Any) -> Any:
    """What psutil says; None where this system cannot (counters switched off, files masked)."""
    try:
        return call(**options)
    except (OSError, RuntimeError, psutil.Error):
        return None

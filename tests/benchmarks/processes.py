"""CPU time and memory of a process and its children, from the outside."""

from __future__ import annotations

import psutil


def tree(pid: int) -> dict[str, list[psutil.Process]]:
    """The server and its agents, apart from kernels."""
    server = psutil.Process(pid)
    agents = [p for p in server.children(recursive=True) if "jupyter_gpumon.agent" in " ".join(p.cmdline())]
    return {"server": [server], "agent": agents}


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """User and system time used so far."""
    return sum(sum(p.cpu_times()[:2]) for p in processes)


def memory(processes: list[psutil.Process]) -> float:
    """Bytes that would be freed if they ended (unique set size)."""
    return sum(p.memory_full_info().uss for p in processes)

"""CPU time and memory of this kernel's process tree, children that have ended included.

This process's own time costs a microsecond to ask for; its children's, where it has any, up to a millisecond or two,
and is asked for once a second, in the background.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_MOST = 512
"""Descendants that are looked at, at most."""
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Work(NamedTuple):
    """What processes have used."""

    seconds: float
    """CPU time since their start."""
    memory: float
    """Bytes resident now; 0 where that cannot be read."""


def own_seconds() -> float:
    """CPU time of this process, without its children."""
    own = os.times()
    return own.user + own.system


def descendants(proc: Path = PROC) -> Work:
    """Those that live, and those that have ended and were waited for. Memory is that of the whole tree."""
    own = os.times()
    seconds = own.children_user + own.children_system
    found = [_used(proc, pid) for pid in (_descendants(proc, os.getpid()) if _has_children() else ())]
    live = [each for each in found if each is not None]
    return Work(seconds + sum(each.seconds for each in live), _resident(proc) + sum(each.memory for each in live))


def _has_children() -> bool:
    """Whether there is any: one call of the system, where a look through all threads takes half a millisecond."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except AttributeError:  # a system without it
        return True
    return True


def tree(pid: int, proc: Path = PROC) -> Work:
    """Another process and its descendants; those among them that have ended and were waited for count, too."""
    found = [_used(proc, each) for each in (pid, *_descendants(proc, pid))]
    live = [each for each in found if each is not None]
    return Work(sum(each.seconds for each in live), sum(each.memory for each in live))


def _descendants(proc: Path, pid: int) -> list[int]:
    """Living ones; none where the system does not list a thread's children."""
    found: list[int] = []
    queue = [pid]
    while queue and len(found) < _MOST:
        children = _children(proc, queue.pop())
        found += children
        queue += children
    return found


def _children(proc: Path, pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.scandir(proc / str(pid) / "task"):
            found += map(int, Path(task.path, "children").read_text().split())
    except OSError:  # it ended, or the kernel was built without this
        pass
    return found


def _used(proc: Path, pid: int) -> Work | None:
    try:
        # Linux cuts the name in it at 15 bytes, also inside a letter.
        fields = (proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    user, system, children_user, children_system = map(int, fields[11:15])
    return Work((user + system + children_user + children_system) / _TICK, float(fields[21]) * _PAGE)


def _resident(proc: Path) -> float:
    try:
        return float((proc / "self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0.0

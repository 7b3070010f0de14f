"""The last look before a signal: is the process still of that kernel, of this user, and not this server itself?"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

import psutil

from ...errors import PolicyError
from ..owners import Owners, lineage


def checked(pids: Iterable[int], kernel: str, owners: Owners) -> list[psutil.Process]:
    """The processes, those that have ended left out.

    Raises:
        PolicyError: one of them may not be touched.
    """
    untouchable = set(lineage(psutil.Process()))
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            owner = process.uids().real
        except psutil.NoSuchProcess:
            continue
        if pid in untouchable:
            raise PolicyError(f"process {pid} is this server, or what started it")
        if owner != os.getuid():
            raise PolicyError(f"process {pid} belongs to another user")
        if owners.kernel_of(pid) != kernel:
            raise PolicyError(f"process {pid} is not of that kernel any more")
        found.append(process)
    if not found:
        raise PolicyError("its processes have ended")
    return found


def pause(processes: Iterable[psutil.Process]) -> int:
    """SIGSTOP; how many."""
    return _sent(processes, signal.SIGSTOP)


def resume(processes: Iterable[psutil.Process]) -> int:
    """SIGCONT; how many of them were still there."""
    return _sent(processes, signal.SIGCONT)


def _sent(processes: Iterable[psutil.Process], number: signal.Signals) -> int:
    count = 0
    for process in processes:
        try:
            process.send_signal(number)  # psutil makes sure that the pid has not been given to another process
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as e:
            raise PolicyError(f"process {process.pid} may not be signalled by this user") from e
        count += 1
    return count

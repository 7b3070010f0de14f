"""A file for one writer: two would write over each other. Readers are not disturbed, and Windows knows no such lock."""

from __future__ import annotations

import sys
from contextlib import suppress
from errno import EACCES, EAGAIN, EWOULDBLOCK
from typing import IO, Any

if sys.platform != "win32":
    import fcntl


def lock(file: IO[Any]) -> bool:
    """Whether nobody else writes this file: until it is closed or the process ends, nobody else will."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        return e.errno not in (EACCES, EAGAIN, EWOULDBLOCK)  # Others: a file system that has no locks.
    return True


def unlock(file: IO[Any]) -> None:
    """Let others write it, also where a process that was forked meanwhile still has it open."""
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)

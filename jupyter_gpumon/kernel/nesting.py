"""Which measurement lies within which: by the code that opened it, across ``await`` and into threads.

A coroutine or task is within what was open where it was made. A plain thread knows nothing of that: it is within what
the main thread measures now. Cells of subshells run beside the main thread's.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar


class Place:
    """Where a measurement stands. Made where it is opened.

    Args:
        key: the measurement's.
        spanning: it may go on over many cells, which then are within it.
        part: it has no record of its own.
    """

    def __init__(self, key: str, *, spanning: bool = False, part: bool = False) -> None:
        self.key, self.open, self.spanning, self.part = key, True, spanning, part
        self.parent = _round()
        _here.set(self)
        if threading.current_thread() is threading.main_thread():
            _main.append(self)

    @property
    def path(self) -> tuple[str, ...]:
        """Keys of what it is nested in and has a record, the outermost first."""
        round_it = self.parent
        return () if round_it is None else round_it.path if round_it.part else (*round_it.path, round_it.key)

    def leave(self) -> None:
        """It is over; what goes on within it has no measurement round it any more."""
        self.open = False
        if self in _main:
            _main.remove(self)


_here: ContextVar[Place | None] = ContextVar("gpumon_place")
_main: list[Place] = []
"""What the main thread measures, the innermost last."""


def _round() -> Place | None:
    try:
        place: Place | None = _here.get()
    except LookupError:
        return _of_main() if _plain_thread() else _spanning()
    while place is not None and not place.open:
        place = place.parent
    return place or _spanning()


def _spanning() -> Place | None:
    """The innermost open one that goes on over cells."""
    return next((place for place in reversed(_main) if place.spanning), None)


def _of_main() -> Place | None:
    return _main[-1] if _main else None


def _plain_thread() -> bool:
    """Whether this thread was started by the user's code, rather than being the main one or a subshell's."""
    thread = threading.current_thread()
    return thread is not threading.main_thread() and not hasattr(thread, "subshell_to_shell_channel")

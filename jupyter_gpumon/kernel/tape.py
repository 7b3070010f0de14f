"""The samples a cell is read from: kept while a cell runs, folded together when it runs long."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable

import psutil

from ..model import Hello, Sample
from ..wire import Stream

_BEFORE = 12
"""Samples kept while nothing is measured: a cell needs the ones just before it."""


class Tape:
    """A sink of the kernel's monitor. ``write`` comes from the monitor's thread, all else from any."""

    def __init__(self) -> None:
        self.lag = 0.0
        """How far the source's clock is behind ours, by the quickest of the recent messages."""
        self._recent: deque[Sample] = deque(maxlen=_BEFORE)
        self._listeners: list[Callable[[Sample], None]] = []
        self._lags: deque[float] = deque(maxlen=60)
        self._boot_id = ""
        self._changed = threading.Condition()

    def write(self, message: Stream) -> None:
        """Take one message."""
        with self._changed:
            if isinstance(message, Hello):
                self._meet(message)
            elif isinstance(message, Sample):
                self._lags.append(time.monotonic() - message.mono)
                self.lag = min(self._lags)
                if message.gpus or message.host or message.processes is not None or message.events:
                    self._recent.append(message)
                    for listen in self._listeners:
                        listen(message)
            self._changed.notify_all()

    def _meet(self, hello: Hello) -> None:
        """Where the source's machine was started anew its clock has begun again: what is known is of the old one."""
        if hello.boot_id and self._boot_id and hello.boot_id != self._boot_id:
            self._lags.clear()
            self._recent.clear()
        self._boot_id = hello.boot_id or self._boot_id

    def recent(self) -> list[Sample]:
        """The last samples, oldest first."""
        with self._changed:
            return list(self._recent)

    def follow(self, listen: Callable[[Sample], None]) -> list[Sample]:
        """Hand every sample from now on to ``listen`` too; returns the ones before. It must not block."""
        with self._changed:
            self._listeners.append(listen)
            return list(self._recent)

    def unfollow(self, listen: Callable[[Sample], None]) -> None:
        """No longer."""
        with self._changed:
            self._listeners = [one for one in self._listeners if one != listen]

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until it holds, looking after every message; False where the time is over first."""
        with self._changed:
            return self._changed.wait_for(condition, max(0.0, seconds))

    def wake(self) -> None:
        """Let the waiting look again."""
        with self._changed:
            self._changed.notify_all()


class Family:
    """Which pids are of this kernel's process tree; asked once per process, since a process keeps its parents."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, float | None], bool] = {}

    def includes(self, pid: int, started: float | None = None) -> bool:
        """Whether ``pid`` is this process or descends from it."""
        key = (pid, started)
        if key not in self._known:
            if len(self._known) > 4096:
                self._known.clear()
            self._known[key] = _descends(pid)
        return self._known[key]


def _descends(pid: int) -> bool:
    own = os.getpid()
    try:
        return pid == own or any(parent.pid == own for parent in psutil.Process(pid).parents())
    except psutil.Error:
        return False

"""What must not hold up a cell: done in the background, one thing after the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_waiting: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
_worker: threading.Thread | None = None


def later(task: Callable[[], object]) -> None:
    """Do it in the background."""
    global _worker
    _waiting.put(task)
    if _worker is None or not _worker.is_alive():  # not alive either in a forked child
        _worker = threading.Thread(target=_work, name="gpumon-records", daemon=True)
        _worker.start()


def _work() -> None:
    while True:
        _waiting.get()()

"""From a closed frame to its final record: drawn at once, completed when the counters have moved on, then told to the
server. Nobody is slowed down while more cells wait."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ..model import Cell, PostCell
from .cells import Frame

_PATIENCE = 3.0
"""Seconds after which a record is final as it is: the counter, or the server, has stopped."""

_KEPT = 2000
"""Records kept for the report."""

done: deque[Cell] = deque(maxlen=_KEPT)
"""The final records of this kernel, oldest first."""

Draw = Callable[[Cell], None]


class Pending:
    """A record on its way: ``cell`` is what is known of it so far."""

    def __init__(self, frame: Frame, draw: Draw | None = None) -> None:
        self._frame, self._draw = frame, draw
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self.closed = time.monotonic()
        self.cell = frame.record(final=frame.settled())
        if draw is not None:
            draw(self.cell)
        if self.cell.final:
            self._finish(self.cell)

    @property
    def final(self) -> bool:
        """Whether the record is complete."""
        return self._finished.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the final record at most so long; whether it is there."""
        if not self.final and self._frame.link.tape.wait(lambda: self._frame.settled() or self.final, seconds):
            self.complete()
        return self.final

    def last(self) -> Cell:
        """The final record: waits for it, and where the counter stands still takes what is known."""
        if not self.wait(self.left()):
            self.complete()
        return self.cell

    def complete(self) -> None:
        """Make the record final with what is known now."""
        with self._lock:
            if not self.final:
                cell = self._frame.record()
                if self._draw is not None:
                    self._draw(cell)
                self._finish(cell)

    def _finish(self, cell: Cell) -> None:
        self._frame.release()
        self.cell = cell
        done.append(cell)
        self._finished.set()
        # In the background: a server that does not read must not hold up the next cell.
        _later(partial(self._frame.link.tell, PostCell(cell=cell)))

    def left(self) -> float:
        """Seconds that may still be waited."""
        return max(0.0, self.closed + _PATIENCE - time.monotonic())


_waiting: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
_worker: threading.Thread | None = None


def finish(frame: Frame, draw: Draw | None, *, patience: float | None) -> Pending:
    """Draw the record of a closed frame and see to its completion.

    Args:
        draw: shows the record; called once more when it is final. None shows nothing.
        patience: seconds to wait here for the counters; the rest is waited in the background. None waits here until
            the record is final: nobody will take it later.
    """
    pending = Pending(frame, draw)
    with suppress(KeyboardInterrupt):  # whoever cannot wait gets it from the background
        if patience is None:
            pending.last()
        elif patience > 0:
            pending.wait(patience)
    if not pending.final:
        _later(pending.last)
    return pending


def _later(task: Callable[[], object]) -> None:
    global _worker
    _waiting.put(task)
    if _worker is None or not _worker.is_alive():  # not alive either in a forked child
        _worker = threading.Thread(target=_work, name="gpumon-records", daemon=True)
        _worker.start()


def _work() -> None:
    while True:
        _waiting.get()()

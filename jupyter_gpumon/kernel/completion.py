"""From a closed frame to its final record: drawn at once, completed when the counters have moved on, then told to the
server. Nobody is slowed down while more cells wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from ..model import Cell, Energy, PostCell
from . import context
from .cells import Frame
from .later import later

_PATIENCE = 3.0
"""Seconds after which a record is final as it is: the counter, or the server, has stopped."""

_NOTABLE = 0.01
"""Share of a cell's energy below which work that outlived it is not told."""

_KEPT = 2000
"""Records kept for the report."""

done: deque[Cell] = deque(maxlen=_KEPT)
"""The final records of this kernel, oldest first."""

_under_way: list[Pending] = []


def finished() -> list[Cell]:
    """All records of this kernel, oldest first; those under way are waited for, three seconds at most."""
    for pending in tuple(_under_way):
        pending.last()
    return list(done)


def known() -> list[Cell]:
    """All records of this kernel as far as they are known, oldest first, without waiting."""
    return [*done, *(pending.cell for pending in tuple(_under_way))]


Draw = Callable[[Cell], None]
Amend = Callable[[Cell], Cell]
"""Puts into a record what its frame does not know: what was counted, what it is compared with."""


def as_it_is(cell: Cell) -> Cell:
    """Adds nothing."""
    return cell


class Pending:
    """A record on its way: ``cell`` is what is known of it so far."""

    def __init__(self, frame: Frame, draw: Draw | None = None, amend: Amend = as_it_is) -> None:
        self._frame, self._draw, self._amend = frame, draw, amend
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self.closed = time.monotonic()
        self.cell = amend(frame.record(final=frame.settled()))
        if draw is not None:
            draw(self.cell)
        if self.cell.final:
            self._finish(self.cell)
        else:
            _under_way.append(self)

    @property
    def final(self) -> bool:
        """Whether the record is complete."""
        return self._finished.is_set()

    def wait(self, seconds: float) -> None:
        """Wait at most so long until somebody else has made the record final."""
        self._finished.wait(seconds)

    def last(self) -> Cell:
        """The final record: waits for it, and where the counter stands still takes what is known."""
        if not self.final:
            self._frame.link.tape.wait(lambda: self._frame.settled() or self.final, self._left())
            self._complete()
        return self.cell

    def _complete(self) -> None:
        """Make the record final with what is known now."""
        with self._lock:
            if not self.final:
                cell = self._amend(self._frame.record())
                if self._draw is not None:
                    self._draw(cell)
                self._finish(cell)

    def _finish(self, cell: Cell) -> None:
        self._frame.release()
        self.cell = cell
        done.append(cell)
        with suppress(ValueError):  # final at once
            _under_way.remove(self)
        self._finished.set()
        # In the background: a server that does not read must not hold up the next cell.
        later(partial(self._frame.link.tell, PostCell(cell=cell)))
        self._frame.follow(lambda drawn: later(partial(self._add, drawn)))

    def _add(self, background: dict[str, Energy]) -> None:
        """Something else runs now, and work that outlived the cell had gone on until then: complete the record."""
        background = {name: e for name, e in background.items() if _notable(e, self.cell.energy.get(name))}
        if not background:
            return
        cell = self.cell = replace(self.cell, background=background)
        with suppress(ValueError):  # no longer kept
            done[[kept.id for kept in done].index(cell.id)] = cell
        if self._draw is not None and context.kernel() is not None:  # a terminal prints one time only
            self._draw(cell)
        self._frame.link.tell(PostCell(cell=cell))

    def _left(self) -> float:
        """Seconds that may still be waited."""
        return max(0.0, self.closed + _PATIENCE - time.monotonic())


def _notable(background: Energy, cell: Energy | None) -> bool:
    """Whether what a cell left behind is worth a word: a moment's is between any two cells of a busy GPU."""
    joules = background.joules or 0.0
    return joules >= _NOTABLE * ((cell.joules if cell else None) or 0.0)


def finish(frame: Frame, draw: Draw | None, *, patience: float | None, amend: Amend = as_it_is) -> Pending:
    """Draw the record of a closed frame and see to its completion.

    Args:
        draw: shows the record; called once more when it is final. None shows nothing.
        patience: seconds to wait here for the final record, which is made in the background. None makes it here:
            nobody will take it later.
        amend: adds to the record, provisional or final.
    """
    pending = Pending(frame, draw, amend)
    if patience is None:
        with suppress(KeyboardInterrupt):  # whoever cannot wait gets it from the background
            pending.last()
    if not pending.final:
        later(pending.last)
        with suppress(KeyboardInterrupt):
            pending.wait(patience or 0.0)
    return pending

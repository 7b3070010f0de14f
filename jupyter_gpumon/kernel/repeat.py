"""``%%gpumon --repeat``: a cell's code run again and again until its energy per run is known well enough.

The cell's code becomes the body of a loop over a ``Repetition``: ``await``, errors and line numbers are as without it.
A short cell is run several times within one measured window; between windows lies a pause of random length, so that a
sensor that looks at a part of the time only does not always see the same part (energy.md §3.6).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from msgspec import structs

from ..energy.sums import placed
from ..model import Cell, Energy, Repeats
from ..report.amounts import charge
from ..spread import spread
from .cells import Frame, Wish
from .connect import Connection

WINDOW = 0.3
"""Seconds that a measured window lasts at least, in periods of a usual counter: three."""
_PERIOD = 0.1
"""Longest pause where no counter's period is known."""
_FEWEST = 3
"""Windows of which a spread can be told."""
_MOST = 1000
"""Windows at most, however short."""
_SETTLE = 3.0
"""Seconds to wait, in the end, for the counter's updates after the last windows."""


@dataclass(frozen=True)
class Plan:
    """How often to run."""

    times: int | None = None
    """None is as often as it takes."""
    within: float = 0.02
    """Half-width of the interval, as a share of the mean, from which on it is enough."""
    seconds: float = 5.0
    """What all may take together."""


class Repetition:
    """Iterating over it runs the code; ``amend`` puts into the cell's record what was found."""

    def __init__(self, link: Connection, wish: Wish, plan: Plan) -> None:
        self._link, self._wish, self._plan = link, replace(wish, part=True), plan
        self._open: Frame | None = None
        self._waiting: list[tuple[Frame, int]] = []
        self._found: list[tuple[Energy, int]] = []
        """Energy of each window, with how many runs it holds, in order."""
        self._runs, self._ran, self._batch = 0, 0.0, 1

    def __iter__(self) -> Iterator[int]:
        began = time.monotonic()
        while not self._enough(time.monotonic() - began):
            if self._runs:
                time.sleep(random.uniform(0.0, self._period()))
            self._open = Frame(self._link, self._wish)
            begun, runs = time.monotonic(), self._next()
            for _ in range(runs):
                yield self._runs
                self._runs += 1
            self._close(runs)
            self._ran += time.monotonic() - begun
        self._settle()

    def _next(self) -> int:
        """How many runs the next window is to hold."""
        if not self._runs:
            return 1
        filling = math.ceil(WINDOW / max(self._ran / self._runs, 1e-6))
        if self._plan.times is None:
            self._batch = max(self._batch, filling)
            return self._batch
        left = self._plan.times - self._runs
        if self._runs == 1:
            self._batch = max(1, min(filling, left // _FEWEST))
        return min(self._batch, left)

    def _enough(self, elapsed: float) -> bool:
        if self._plan.times is not None:
            return self._runs >= self._plan.times
        self._take()
        windows = len(self._found) + len(self._waiting)
        if elapsed >= self._plan.seconds or windows >= _MOST:
            return windows > 0
        found = self.found()
        if found is None or found.mean is None or len(found.joules) < _FEWEST or found.low is None:
            return False
        return found.mean - found.low <= self._plan.within * abs(found.mean)

    def _period(self) -> float:
        known = [self._link.monitor.ledger.period(device.uuid) for device in self._link.devices()]
        return max((period for period in known if period), default=_PERIOD)

    def _close(self, runs: int) -> None:
        frame, self._open = self._open, None
        if frame is not None:
            frame.close("ok")
            self._waiting.append((frame, runs))

    def _take(self, *, all_of_them: bool = False) -> None:
        """Read off those windows whose counters have moved on."""
        while self._waiting and (all_of_them or self._waiting[0][0].settled()):
            frame, runs = self._waiting.pop(0)
            self._found.append((charge(frame.record()).whole, runs))
            frame.release()

    def _settle(self) -> None:
        self._link.tape.wait(lambda: all(frame.settled() for frame, _ in self._waiting), _SETTLE)
        self._take(all_of_them=True)

    def end(self) -> None:
        """The cell is over, perhaps by an error within a run: let go of the window that is open."""
        if self._open is not None:
            self._open.close("error")
            self._open.release()
            self._open = None
        self._take(all_of_them=True)

    def found(self) -> Repeats | None:
        """What is known by now; None before the first window is."""
        known = [(value, runs) for value, runs in self._found if placed(value).joules is not None]
        if not known or not self._runs:
            return None
        first = known[0] if len(known) > _FEWEST else None  # it compiles and fills caches
        counted = known[1:] if first else known
        per_run = tuple((placed(value).joules or 0.0) / runs for value, runs in counted)
        return Repeats(
            runs=self._runs,
            batch=self._batch,
            joules=per_run,
            first=placed(first[0]).joules if first else None,
            seconds=self._ran / self._runs,
            method=counted[0][0].method,
            **_interval(per_run, *counted[0]),
        )

    def amend(self, cell: Cell) -> Cell:
        """The record with what one run costs."""
        return structs.replace(cell, repeats=self.found())


def _interval(per_run: tuple[float, ...], only: Energy, runs: int) -> dict[str, Any]:
    """By the spread between windows; of a single one, by its own interval."""
    if len(per_run) > 1:
        said = spread(per_run)
        return {"mean": said.mean, "deviation": said.deviation, "low": said.low, "high": said.high}
    low, high = (None if bound is None else bound / runs for bound in (only.low, only.high))
    return {"mean": fmean(per_run), "low": low, "high": high}

"""What was kept last, by whichever process: the benchmark and the runs that a metrics page tells of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import RunError
from ..experiments import Run

if TYPE_CHECKING:
    from .store import RunStore

NAME = "bench"
"""The name under which benchmarks are kept."""
LOOK = 30.0
"""Seconds for which what was found is taken as what there is."""
RECENT = 24 * 3600.0
"""Seconds since its start for which a run is told."""
NAMES = 20
"""Names of runs that are told: what a scrape tells stays bounded, whatever runs are called."""

T = TypeVar("T")


def shared(url: str | None = None) -> RunStore:
    """The store. SQLAlchemy comes with it: a server whose runs nobody asks for does not have it in memory."""
    from .store import shared as opened

    return opened(url)


class _NowAndThen(Generic[T]):
    """Looks into the store each ``LOOK`` seconds at most; one that cannot be read has nothing. Safe from any thread."""

    def __init__(self, look: Callable[[], T], nothing: T) -> None:
        self._look, self._nothing, self._found = look, nothing, nothing
        self._lock, self._looked = threading.Lock(), float("-inf")

    def __call__(self) -> T:
        """What there is."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK:
                self._looked = time.monotonic()
                try:
                    self._found = self._look()
                except RunError:
                    self._found = self._nothing
            return self._found


class LastBench(_NowAndThen[tuple[Run | None, int]]):
    """The last benchmark, None where there is none; and how many there are."""

    def __init__(self) -> None:
        super().__init__(lambda: (shared().latest(NAME), shared().count(NAME)), (None, 0))


class LastRuns(_NowAndThen[Sequence[Run]]):
    """The last run of each name that was begun within a day, the newest last; without benchmarks.

    Args:
        url: the store's; None is the default one.
    """

    def __init__(self, url: str | None = None) -> None:
        super().__init__(lambda: _recent(url), ())


def _recent(url: str | None) -> Sequence[Run]:
    found = shared(url).recent(time.time() - RECENT, NAMES + 1)
    return list({run.name: run for run in reversed(found) if run.name != NAME}.values())[-NAMES:]

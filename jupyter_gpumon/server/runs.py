"""The runs of this server's kernels as they stand: what the metrics page tells of them.

In memory, by name; a name that has not been heard of for longest makes room. The whole of a run is in its store.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from ..errors import CellError
from ..experiments import Run

KEPT = 20
"""Names of runs: what a scrape tells stays bounded, whatever runs are called."""


class Runs:
    """What kernels have said of their runs. ``post`` is called on the server's loop, the rest from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._lock = kept, threading.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self.keepers: list[Callable[[Run], object]] = []
        """Are given every word on a run: sinks that take more than samples."""

    def post(self, run: Run, kernel: str | None) -> None:
        """Keep how a run stands, from the kernel that was found to speak.

        Raises:
            CellError: it names another kernel.
        """
        if kernel is None or run.kernel_id != kernel:
            raise CellError("A run is accepted only from the kernel that it names.")
        with self._lock:
            self._runs[run.name] = run
            self._runs.move_to_end(run.name)
            while len(self._runs) > self._kept:
                self._runs.popitem(last=False)
        for keep in self.keepers:
            keep(run)

    def __iter__(self) -> Iterator[Run]:
        with self._lock:
            return iter(tuple(self._runs.values()))

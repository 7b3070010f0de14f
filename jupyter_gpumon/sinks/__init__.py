"""Where samples go."""

from __future__ import annotations

from typing import Protocol

from ..wire import Stream


class Sink(Protocol):
    """A destination. ``write`` is called from the monitor's thread and must not block.

    One that has ``keep(cell)`` is also given the record of every measured cell, on the server's loop; one that has
    ``keep_run(run)`` how each run stands, every few seconds and when it is over.
    """

    def write(self, message: Stream) -> None:
        """Take one message."""

    def close(self) -> None:
        """Flush and let go."""

"""Where samples go."""

from __future__ import annotations

from typing import Protocol

from ..wire import Stream


class Sink(Protocol):
    """A destination. ``write`` is called from the monitor's thread and must not block."""

    def write(self, message: Stream) -> None:
        """Take one message."""

    def close(self) -> None:
        """Flush and let go."""

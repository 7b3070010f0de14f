"""Lets a sink begin in the middle of a stream: with the hello and the last sample before, which counters start from."""

from __future__ import annotations

import threading

from ..model import Hello, Sample
from ..wire import Stream
from . import Sink


class Gate:
    """Passes on what comes from ``open`` on. ``write`` is called in the monitor's thread, the others from any.

    Args:
        sink: where to.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self._lock = threading.Lock()
        self._open = False
        self._last: Sample | None = None

    def write(self, message: Stream) -> None:
        """Take one message."""
        with self._lock:
            if self._open:
                self.sink.write(message)
            elif isinstance(message, Sample) and message.gpus:
                self._last = message

    def open(self, hello: Hello) -> None:
        """From now on."""
        with self._lock:
            self._open = True
            self.sink.write(hello)
            if self._last is not None:
                self.sink.write(self._last)

    def shut(self) -> None:
        """No more from now on; what has come is still to be written."""
        with self._lock:
            self._open = False

    def close(self) -> None:
        """No more; waits for what is to be written."""
        self.shut()
        self.sink.close()

"""JSON Lines: the recording is the wire, a hello and then samples, one a line; compressed if named .gz."""

from __future__ import annotations

import gzip
import logging
import queue
import threading
import time
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import SourceError
from ..model import Hello
from ..wire import Stream, encode_line

LOG = logging.getLogger("jupyter_gpumon")

MOST_WAITING = 1000
"""Messages that may wait for a slow disk before new ones are dropped."""
FLUSH = 5.0
"""Seconds after which what was written is on disk, so that a crash costs no more."""


def open_sink(url: str) -> LinesSink:
    """The sink of ``run.jsonl``, ``run.jsonl.gz`` or ``jsonl:run.jsonl``.

    Raises:
        SourceError: the file cannot be created.
    """
    return LinesSink(Path(url.removeprefix("jsonl:")).expanduser())


class LinesSink:
    """Writes a recording from a thread of its own. An existing file is replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dropped = 0
        """Messages that the disk was too slow for."""
        self._waiting: queue.Queue[Stream | None] = queue.Queue(MOST_WAITING)
        try:
            self._file = _created(path)
        except OSError as e:
            raise SourceError(f"{path} cannot be written: {e.strerror or e}.") from e
        self._thread = threading.Thread(target=self._run, name="gpumon-lines", daemon=True)
        self._thread.start()

    def write(self, message: Stream) -> None:
        """Queue one message; never blocks."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits and close the file."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(10.0)

    def _run(self) -> None:
        flushed = time.monotonic()
        try:
            with self._file as file:
                while (message := self._waiting.get()) is not None:
                    file.write(encode_line(_lasting(message)))
                    if time.monotonic() - flushed > FLUSH or isinstance(message, Hello):
                        file.flush()
                        flushed = time.monotonic()
        except OSError as e:
            LOG.error("The recording %s ends here: %s", self.path, e)


def _created(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "wb", compresslevel=6)) if path.suffix == ".gz" else path.open("wb")


def _lasting(message: Stream) -> Stream:
    """A hello without the history and the events that a websocket put into it: the recording is a history itself."""
    if isinstance(message, Hello) and (message.history is not None or message.events):
        from msgspec.structs import replace

        return replace(message, history=None, events=())
    return message

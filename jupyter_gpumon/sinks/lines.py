"""JSON Lines: the recording is the wire, a hello and then samples, one a line; compressed if named .gz."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from ..model import Hello
from ..places import place
from ..wire import Stream, encode_line
from .files import FileSink, WholeFile


def open_sink(url: str) -> LinesSink:
    """The sink of ``run.jsonl``, ``run.jsonl.gz`` or ``jsonl:run.jsonl``.

    Raises:
        SourceError: the file cannot be created.
    """
    return LinesSink(place(url.removeprefix("jsonl:")))


class LinesSink(FileSink):
    """Writes a recording that holds all there is; the only format from which nothing is missing."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"jsonl:{path}", path)
        self._hello = b""
        self.begin()
        self.start()

    def begin(self) -> None:
        """Open the file; one that somebody removed begins with the hello again."""
        self._file = WholeFile(self.path, b'{"type":')
        if self._hello:
            self._file.add(self._hello)

    def put(self, messages: Sequence[Stream]) -> None:
        """A line a message."""
        lines = [encode_line(lasting(message)) for message in messages]
        self._file.add(b"".join(lines))
        hellos = [line for message, line in zip(messages, lines, strict=True) if isinstance(message, Hello)]
        self._hello = hellos[-1] if hellos else self._hello

    def finish(self) -> None:
        """Close the file."""
        self._file.close()


def lasting(message: Stream) -> Stream:
    """A hello without the history and the events that a websocket put into it: the recording is a history itself."""
    if isinstance(message, Hello) and (message.history is not None or message.events):
        return replace(message, history=None, events=())
    return message

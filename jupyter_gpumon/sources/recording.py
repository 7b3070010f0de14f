"""Reading a recording, whatever its format: JSON Lines as they were; a CSV or Parquet table, as messages again."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from ..errors import SourceError, WireError
from ..model import Hello, Sample
from ..wire import Stream, decode
from .moments import Moment, Window

LOG = logging.getLogger("jupyter_gpumon")


class Stamp(msgspec.Struct):
    """What a line is and when it was: read without the rest of it, an order of magnitude faster."""

    type: str = ""
    time: float = 0.0
    mono: float = 0.0


_stamp = msgspec.json.Decoder(Stamp)


class Recording:
    """A recording in a file (or, for Parquet, in a folder of parts).

    Raises:
        SourceError: it is not there.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise SourceError(f"There is no recording {str(path)!r}. Make one: gpumon record -o run.jsonl")
        self.path = path
        self.done = 0.0
        """How far it was read, 0 to 1, while it is."""
        kind = path.name.lower().removesuffix(".gz")
        self._table = kind.endswith((".csv", ".parquet"))
        if path.is_dir() and not kind.endswith(".parquet"):
            raise SourceError(f"{str(path)!r} is a folder. Name a recording in it.")

    def messages(self, start: Moment | None = None, end: Moment | None = None) -> Iterator[Stream]:
        """What it holds between two moments, a hello first; what cannot be read is left out, with a word in the log."""
        window = self._window(start, end)
        return _greeted(self._windowed(window) if self._table else self._lines(window))

    def run(self) -> str:
        """The run that its first row is of; empty where it says none."""
        if not self._table:
            return ""
        from .tables import run_of

        return run_of(self.path)

    def stamps(self) -> Iterator[tuple[float, float]]:
        """(Unix time, monotonic time) of each sample."""
        if self._table:
            yield from ((message.time, message.mono) for message in self._rows() if isinstance(message, Sample))
            return
        yield from ((stamp.time, stamp.mono) for stamp, _ in self._stamped() if stamp.type == "sample")

    def length(self, start: Moment | None = None, end: Moment | None = None) -> float:
        """Seconds that it covers between two moments, outages between two boots apart."""
        window = self._window(start, end)
        monos = [mono for time, mono in self.stamps() if window.place(time, mono) == 0]
        return sum(max(0.0, after - before) for before, after in pairwise(monos))

    def _window(self, start: Moment | None, end: Moment | None) -> Window:
        from_its_end = any(at and at.seconds < 0 for at in (start, end))
        return Window(start, end, self.length() if from_its_end else 0.0)

    def _rows(self) -> Iterator[Stream]:
        from .tables import read

        for done, message in read(self.path):
            self.done = done
            yield message

    def _windowed(self, window: Window) -> Iterator[Stream]:
        hellos: list[Stream] = []
        for message in self._rows():
            if isinstance(message, Hello):
                hellos.append(message)
                continue
            place = window.place(message.time, message.mono)
            if place > 0:
                return
            if place < 0:
                hellos = hellos[-1:]
                continue
            yield from (*hellos, message)
            hellos = []

    def _lines(self, window: Window) -> Iterator[Stream]:
        """Lines outside the window are not decoded; the last hello before it is."""
        hellos: list[bytes] = []
        warned = False
        for stamp, line in self._stamped():
            if stamp.type == "hello":
                hellos.append(line)
                continue
            place = window.place(stamp.time, stamp.mono) if stamp.type == "sample" else 0
            if place > 0:
                return
            if place < 0:
                hellos = hellos[-1:]
                continue
            for text in (*hellos, line):
                message, warned = self._decoded(text, warned)
                if message is not None:
                    yield message
            hellos = []
        for text in hellos:
            message, warned = self._decoded(text, warned)
            if message is not None:
                yield message

    def _stamped(self) -> Iterator[tuple[Stamp, bytes]]:
        size = self.path.stat().st_size or 1
        with self.path.open("rb") as raw, _plain(raw, self.path) as file:
            for line in whole_lines(file):
                self.done = raw.tell() / size
                yield peek(line) or Stamp(), line

    def _decoded(self, line: bytes, warned: bool) -> tuple[Stream | None, bool]:
        try:
            message = decode(line)
        except WireError as e:
            if not warned:
                LOG.warning("%s: a line that is not a message is left out: %s", self.path, e)
            return None, True
        return (message if isinstance(message, Hello | Sample) else None), warned


def peek(line: bytes) -> Stamp | None:
    """What a line is and when; None where it is not a message."""
    try:
        return _stamp.decode(line)
    except msgspec.DecodeError:
        return None


def _greeted(messages: Iterator[Stream]) -> Iterator[Stream]:
    """A stream begins with a hello, always."""
    first = next(messages, None)
    if first is None:
        return
    if isinstance(first, Sample):
        yield Hello()
    yield first
    yield from messages


def _plain(raw: BinaryIO, path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines up to the last whole one: who recorded may have been killed."""
    try:
        for line in file:
            if line.endswith(b"\n"):
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as e:
        LOG.info("The recording was cut off: %s", e)

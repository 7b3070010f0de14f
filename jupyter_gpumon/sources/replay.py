"""A recording played back: at its own pace, faster, or as fast as it can be read."""

from __future__ import annotations

import gzip
import logging
import threading
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

from msgspec.structs import replace

from ..clock import Clock
from ..errors import SourceError, WireError
from ..model import Event, Hello, Request, Sample
from ..wire import Stream, decode
from .urls import number, only, parse

LOG = logging.getLogger("jupyter_gpumon")


def open_source(url: str) -> ReplaySource:
    """The source of ``replay:run.jsonl[.gz]?speed=10&loop=1&rebase=0``.

    Raises:
        SourceError: there is no such file, or a parameter is wrong.
    """
    _, path, params = parse(url)
    only(params, ("speed", "loop", "rebase"), "replay:")
    speed = number(params, "speed", 1.0, url)
    loop, rebase = number(params, "loop", 0.0, url), number(params, "rebase", 1.0, url)
    return ReplaySource(Path(path).expanduser(), speed=speed, loop=bool(loop), rebase=bool(rebase))


class ReplaySource:
    """A stream from a recording.

    Args:
        path: JSON Lines, compressed where the name ends in ``.gz``. A last line that was cut off is left out.
        speed: how many times faster than life; 0 is as fast as possible.
        loop: begin again at the end.
        rebase: stamp the messages as if they came now, so that charts are live; otherwise the recording's own stamps.
    """

    def __init__(self, path: Path, *, speed: float = 1.0, loop: bool = False, rebase: bool = True) -> None:
        if not path.is_file():
            raise SourceError(f"There is no recording {str(path)!r}. Make one: gpumon record -o run.jsonl")
        self.path, self._speed, self._loop, self._rebase = path, speed, loop, rebase
        self._closing = threading.Event()
        self._tape: Tape | None = None

    def ask(self, request: Request) -> None:
        """Ignored: a recording is as it is."""

    def close(self) -> None:
        """End the stream; safe from any thread, more than once."""
        self._closing.set()

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """The recording's messages, each when its time has come.

        Raises:
            SourceError: the file holds no sample.
        """
        while not self._closing.is_set():
            played = 0
            for message in self._play(clock):
                played += isinstance(message, Sample)
                yield message
            if not played and not self._closing.is_set():
                raise SourceError(f"{str(self.path)!r} is not a recording: it holds no samples.")
            if not self._loop:
                return

    def _play(self, clock: Clock) -> Iterator[Stream]:
        """Once through the file."""
        for message in self._messages():
            if isinstance(message, Hello):
                yield replace(message, source=f"replay:{self.path.name}", history=None, events=())
                continue
            if self._tape is None:
                self._tape = Tape(clock, self._speed, self._length())
            if clock.wait(self._closing, self._tape.due(message) - clock.mono()) or self._closing.is_set():
                return
            yield self._tape.restamped(message) if self._rebase else message
        if self._tape:
            self._tape.rewind()

    def _length(self) -> float:
        """Seconds that the recording covers, outages between two boots apart."""
        if self._speed == 1.0 or not self._rebase:
            return 0.0
        stamps = [message.mono for message in self._messages() if isinstance(message, Sample)]
        return sum(max(0.0, after - before) for before, after in pairwise(stamps))

    def _messages(self) -> Iterator[Stream]:
        """The messages in the file; anything else is left out, with one word in the log."""
        greeted, refused = False, 0
        with _opened(self.path) as file:
            for line in _whole_lines(file):
                try:
                    message = decode(line)
                except WireError as e:
                    refused += 1
                    if refused == 1:
                        LOG.warning("%s: a line that is not a message is left out: %s", self.path, e)
                    continue
                if isinstance(message, Sample) and not greeted:
                    greeted = True
                    yield Hello()
                if isinstance(message, Hello | Sample):
                    greeted = True
                    yield message


class Tape:
    """The relation of the recording's time to ours.

    New stamps keep the recording's own distances, so that rates and energies stay right. Played faster than life, it
    is stamped as if it had been recorded up to the moment at which it will have been played.
    """

    def __init__(self, clock: Clock, speed: float, length: float) -> None:
        self._clock, self._speed = clock, speed
        self._next = clock.mono() - length * (1 - 1 / speed if speed else 1)
        """The stamp that the first sample of a stretch gets."""
        self._begun: tuple[float, float] | None = None
        self._last = 0.0
        self._mono = self._time = 0.0

    def rewind(self) -> None:
        """The next sample is the first of another stretch."""
        self._begun = None

    def due(self, sample: Sample) -> float:
        """Our monotonic time at which to play the sample. Another boot in the recording begins another stretch."""
        if self._begun is None or sample.mono < self._last:
            self._begun = (sample.mono, self._clock.mono())
            self._mono = self._next - sample.mono
            self._time = self._next - self._clock.mono() + self._clock.time() - sample.time
        self._last = sample.mono
        self._next = sample.mono + self._mono + 1.0
        return self._begun[1] + ((sample.mono - self._begun[0]) / self._speed if self._speed else 0.0)

    def restamped(self, sample: Sample) -> Sample:
        """The sample with its new stamps."""
        mono, time = self._mono, self._time
        return replace(
            sample,
            time=sample.time + time,
            mono=sample.mono + mono,
            edges=tuple(replace(edge, since=edge.since + mono, mono=edge.mono + mono) for edge in sample.edges),
            events=tuple(_event(event, time, mono) for event in sample.events),
        )


def _event(event: Event, time: float, mono: float) -> Event:
    until = None if event.until is None else event.until + time
    return replace(event, time=event.time + time, mono=event.mono + mono, until=until)


def _opened(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines up to the last whole one: who recorded may have been killed."""
    try:
        for line in file:
            if line.endswith(b"\n"):
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as e:
        LOG.info("The recording was cut off: %s", e)

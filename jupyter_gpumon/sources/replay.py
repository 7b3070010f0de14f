"""A recording played back: at its own pace, faster, or as fast as it can be read; from and up to where one likes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from ..clock import Clock
from ..errors import SourceError
from ..model import Hello, Request, Sample
from ..places import place
from ..wire import Stream
from .moments import Moment, moment
from .recording import Recording
from .tape import Tape
from .urls import number, only, parse

PARAMETERS = ("speed", "loop", "rebase", "from", "to")


def open_source(url: str) -> ReplaySource:
    """The source of ``replay:run.jsonl[.gz]?speed=10&from=5m&to=1h&loop=1&rebase=0``.

    Raises:
        SourceError: there is no such file, or a parameter is wrong.
    """
    _, path, params = parse(url)
    only(params, PARAMETERS, "replay:")
    speed = number(params, "speed", 1.0, url)
    loop, rebase = number(params, "loop", 0.0, url), number(params, "rebase", 1.0, url)
    if not path:
        raise SourceError(f"{url!r} names no recording. Write replay:run.jsonl?speed=10.")
    window = moment(params.get("from", "")), moment(params.get("to", ""))
    return ReplaySource(place(path), speed=speed, loop=bool(loop), rebase=bool(rebase), window=window)


class ReplaySource:
    """A stream from a recording.

    Args:
        path: JSON Lines, CSV or Parquet, compressed where the name ends in ``.gz``. What was cut off is left out.
        speed: how many times faster than life; 0 is as fast as possible.
        loop: begin again at the end.
        rebase: stamp the messages as if they came now, so that charts are live; otherwise the recording's own stamps.
        window: from and up to which moment; None is its beginning, or its end.
    """

    def __init__(
        self,
        path: Path,
        *,
        speed: float = 1.0,
        loop: bool = False,
        rebase: bool = True,
        window: tuple[Moment | None, Moment | None] = (None, None),
    ) -> None:
        self.path, self._speed, self._loop, self._rebase, self._window = path, speed, loop, rebase, window
        self._recording = Recording(path)
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
            SourceError: the file holds no sample, or none in the window.
        """
        while not self._closing.is_set():
            played = 0
            for message in self._play(clock):
                played += isinstance(message, Sample)
                yield message
            if not played and not self._closing.is_set():
                raise SourceError(self._nothing())
            if not self._loop:
                return

    def _nothing(self) -> str:
        if self._window != (None, None):
            return f"{str(self.path)!r} holds no samples there; it covers {self._recording.length():.0f} s."
        return f"{str(self.path)!r} is not a recording: it holds no samples."

    def _play(self, clock: Clock) -> Iterator[Stream]:
        """Once through the file."""
        for message in self._recording.messages(*self._window):
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
        """Seconds that will be played, where the stamps depend on it."""
        return 0.0 if self._speed == 1.0 or not self._rebase else self._recording.length(*self._window)

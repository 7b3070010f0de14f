"""A recording that is read all at once, into sinks that cannot take it at once: they are waited for."""

from __future__ import annotations

from contextlib import suppress

from ..errors import GpuMonError
from ..sinks import Sink
from ..sinks.queued import Queued
from ..sources.urls import number, parse
from ..wire import Stream
from .copy.writing import wait


class Unhurried:
    """A sink that is given no more than it takes, and is waited for at the end; one that fails is waited for once.

    Args:
        sink: where to.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink, self._url = sink, getattr(sink, "url", "a sink")
        self._failed = False

    def write(self, message: Stream) -> None:
        """Once there is room for it."""
        if not self._failed:
            try:
                wait(self._sink, _has_room, self._url)
            except GpuMonError:  # the sink counts what it loses, and says why
                self._failed = True
        self._sink.write(message)

    def close(self) -> None:
        """Once all is written."""
        self._sink.close()
        if not self._failed:
            with suppress(GpuMonError):
                wait(self._sink, _has_ended, self._url)


def _has_room(sink: Queued) -> bool:
    return sink.room > 0


def _has_ended(sink: Queued) -> bool:
    return sink.ended


def is_at_once(source: str) -> bool:
    """Whether a source is a recording that is read as fast as it goes.

    Raises:
        SourceError: it is malformed.
    """
    scheme, _, params = parse(source)
    return scheme == "replay" and number(params, "speed", 1.0, source) == 0

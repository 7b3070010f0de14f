"""What is copied: a recording or a database, and which stretch of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...errors import SourceError
from ...places import place
from ...sources.moments import Moment, moment
from ...sources.recording import Recording
from ...wire import Stream


class Input(NamedTuple):
    """A stretch of messages, and how far they were read."""

    messages: Iterator[Stream]
    done: Callable[[], float]
    """0 to 1."""
    run: str = ""
    """What the samples belong to; empty where that is not said, or several things."""


def open_input(text: str, start: str = "", end: str = "", *, step: float = 0.0, run: str = "") -> Input:
    """What a person names: a file, a folder of Parquet parts, or the URL of a database.

    Args:
        text: the file or the URL.
        start: a moment, as ``sources.moments.moment`` reads it; for a database ``-1h`` is an hour ago.
        end: likewise.
        step: seconds per row that will be made of it: of a database, a coarser table may do.
        run: only this run, of a database.

    Raises:
        SourceError: it is not there, holds no samples, or a moment is none.
    """
    window = moment(start), moment(end)
    if "://" in text:
        return _of_database(text, *window, step, run)
    recording = Recording(place(text.removeprefix("replay:")))
    return Input(recording.messages(*window), lambda: recording.done, recording.run())


def _of_database(url: str, start: Moment | None, end: Moment | None, step: float, run: str) -> Input:
    from ...store.stream import Store

    store = Store(url, run)
    span = store.span(step)
    if span is None:
        raise SourceError("The database is ours, but holds no samples yet.")
    since, until = _at(start, span, span[0]), _at(end, span, span[1])
    reached = [since]

    def messages() -> Iterator[Stream]:
        for message in store.messages(since, until, step):
            reached[0] = getattr(message, "time", reached[0])
            yield message

    return Input(messages(), lambda: (reached[0] - since) / ((until - since) or 1.0), store.run())


def _at(wanted: Moment | None, span: tuple[float, float], otherwise: float) -> float:
    """Unix time of a moment: from the first sample on, or back from now."""
    if wanted is None:
        return otherwise
    if wanted.absolute:
        return wanted.seconds
    return wanted.seconds + (time.time() if wanted.seconds < 0 else span[0])

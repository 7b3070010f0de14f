"""Writing a stream to files and databases: ``gpumon record``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from ..clock import Clock, SystemClock
from ..model import Sample
from ..sinks import Sink
from ..sources import Source
from ..wire import Stream
from .deadline import Deadline

Change = Callable[[Stream], Stream]
"""What is done to each message before it is written."""


def record_stream(
    source: Source,
    sinks: Sequence[Sink],
    duration: float | None = None,
    changes: Sequence[Change] = (),
    clock: Clock | None = None,
) -> int:
    """Write messages until ``duration`` seconds have passed since the first sample with GPUs, the stream ends, or
    Ctrl-C or SIGTERM; closes all.

    Returns:
        How many samples with GPUs were written. The files are whole in each case.
    """
    clock, count = clock or SystemClock(), 0
    end = Deadline(source, duration, clock)
    try:
        with stopped_by_signals():
            for message in source.stream(clock):
                end.see(message)
                for change in changes:
                    message = change(message)
                for sink in sinks:
                    sink.write(message)
                count += isinstance(message, Sample) and bool(message.gpus)
                if end.over:
                    break
    finally:
        end.cancel()
        source.close()
        for sink in sinks:
            sink.close()
    return count


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """What is done here ends as its loop would, by Ctrl-C and by SIGTERM, and whoever follows tidies up."""
    with suppress(KeyboardInterrupt), terminated_as_interrupted():
        yield


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal handlers are called
    raise KeyboardInterrupt


def losses(sinks: Sequence[Sink]) -> list[str]:
    """What was not written, in words; empty where all was."""
    told = []
    for sink in sinks:
        dropped, problem = getattr(sink, "dropped", 0), getattr(sink, "problem", "")
        if dropped or problem:
            told.append(f"{getattr(sink, 'url', 'a sink')}: {dropped} messages were lost. {problem}".strip())
    return told

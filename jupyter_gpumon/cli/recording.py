"""Writing a stream to a file: ``gpumon record``."""

from __future__ import annotations

import contextlib

from ..clock import SystemClock
from ..model import Sample
from ..sinks import Sink
from ..sources import Source


def record_stream(source: Source, sink: Sink, duration: float | None = None) -> int:
    """Write messages until ``duration`` seconds have passed, the stream ends, or Ctrl-C; closes both.

    Returns:
        How many samples with GPUs were written. The file is whole in each case.
    """
    clock, count = SystemClock(), 0
    end = None if duration is None else clock.mono() + duration
    try:
        with contextlib.suppress(KeyboardInterrupt):
            for message in source.stream(clock):
                sink.write(message)
                count += isinstance(message, Sample) and bool(message.gpus)
                if end is not None and clock.mono() >= end:
                    break
    finally:
        source.close()
        sink.close()
    return count

"""Writing a stream to a file: ``gpumon record``."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ..clock import SystemClock
from ..model import Sample
from ..sinks.lines import open_sink
from ..sources import Source


def record_stream(source: Source, output: Path, duration: float | None = None) -> int:
    """Write messages to ``output`` until ``duration`` seconds have passed, the stream ends, or Ctrl-C.

    Returns:
        How many samples were written. The file is whole in each case.
    """
    clock, sink, count = SystemClock(), open_sink(str(output)), 0
    end = None if duration is None else clock.mono() + duration
    try:
        with contextlib.suppress(KeyboardInterrupt):
            for message in source.stream(clock):
                sink.write(message)
                count += isinstance(message, Sample)
                if end is not None and clock.mono() >= end:
                    break
    finally:
        source.close()
        sink.close()
    return count

"""``python -m jupyter_gpumon.sources.nvidia``: one look at everything, as two lines of the wire; for bug reports."""

from __future__ import annotations

import sys
import time

from msgspec.structs import replace

from ...errors import DriverError
from ...metrics import METRICS
from ...model import Hello, Sample
from ...wire import encode_line
from . import open_backend


def main() -> int:
    """Print a hello and a sample; exit status 1 with the reason on standard error where there is no driver."""
    try:
        hello, sample = look()
    except DriverError as e:
        sys.stderr.write(f"{e}\n{e.hint}\n")
        return 1
    sys.stdout.buffer.write(encode_line(hello) + encode_line(sample))
    return 0


def look() -> tuple[Hello, Sample]:
    """Open the driver, look at everything, close it."""
    backend = open_backend({})
    try:
        devices = tuple(backend.devices())
        gpus = tuple(backend.read(frozenset(METRICS)))
        processes, events = tuple(backend.processes()), tuple(backend.events())
        sample = Sample(time=time.time(), mono=time.monotonic(), gpus=gpus, processes=processes, events=events)
        return replace(backend.hello, devices=devices), sample
    finally:
        backend.close()


if __name__ == "__main__":
    sys.exit(main())

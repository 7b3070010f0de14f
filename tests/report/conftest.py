"""Recordings to report on, made on a clock of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.metrics import METRICS
from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.report.panels import CHARTED
from jupyter_gpumon.sources.sim import open_backend
from jupyter_gpumon.wire import Stream, encode_line

HELD = [name for name in METRICS if name.startswith("held_")]
WANTED = frozenset([*CHARTED, *HELD, "energy", "memory_total", "ecc_uncorrected", "ecc_corrected", "remap_pending"])
Change = Callable[[Stream], Stream]


def record(path: Path, seconds: int, change: Change = lambda message: message, **params: str) -> Path:
    """A recording of simulated GPUs by the second, each message changed by ``change``.

    The simulated driver is read directly, for what a report looks at: a sampler would take five times as long.
    """
    clock = FakeClock()
    backend = open_backend({"script": "training", **params}, clock)
    with path.open("wb") as file:
        for second in range(seconds + 1):
            gpus = tuple(backend.read(WANTED))
            if second == 0:
                devices, software = tuple(backend.devices()), "9.9.9"
                hello = Hello(hostname="secret-host", simulated=True, devices=devices, software=software)
                file.write(encode_line(change(hello)))
            events = tuple(backend.events())
            sample = Sample(time=clock.time(), mono=clock.mono(), gpus=gpus, events=events)
            file.write(encode_line(change(sample)))
            clock.advance(1.0)
    return path


@pytest.fixture(scope="session")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two GPUs for a minute."""
    return record(tmp_path_factory.mktemp("recording") / "minute.jsonl", 60, gpus="2")

"""A receiver, alerts made by hand, and targets that are quick."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_gpumon.findings import Alert, Finding
from jupyter_gpumon.model import Device, Hello
from jupyter_gpumon.sinks.notify import Notifier, Pace, open_notifier

from .receiver import Receiver

HELLO = Hello(hostname="n1", devices=(Device(uuid="GPU-0", index=0, name="Test A100"),))
QUICK = Pace(gather=0.05, first=0.02, longest=0.1, rate=1000)


def alert(n: int = 0, state: str = "firing", **finding: object) -> Alert:
    """The ``n``-th alert."""
    now = time.time()
    said = {"rule": "gpu-hot", "title": "Too hot", "detail": "Temperature 91 °C", "uuid": "GPU-0", **finding}
    over = now if state == "resolved" else None
    return Alert(id=f"a{n}", finding=Finding(**said), state=state, since=now - 60, fired=now - 30, resolved=over)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that is away until the test lets it begin."""
    found = Receiver()
    yield found
    found.end()


@pytest.fixture
def opened() -> Iterator[Callable[..., Notifier]]:
    """``opened(url)``: a target; it is closed with the test."""
    every: list[Notifier] = []

    def make(url: str, pace: Pace = QUICK, keep: Path | None = None) -> Notifier:
        every.append(open_notifier(url, pace, keep))
        every[-1].write(HELLO)
        return every[-1]

    yield make
    for each in every:
        each.close()

"""Programs that tests need beside them (databases, Prometheus), each started on a free loopback port and stopped again.

A module per program; its fixture is named after it and asked for by name: ``def test_…(prometheus)``.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
"""Seconds a program may take to start on a machine that is busy with other tests."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(words: Sequence[str], ready: Callable[[], bool], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, wait until ``ready()`` is true, end it at the end. What it says goes to ``log``."""
    with log.open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while not ready():
            assert process.poll() is None, f"{words[0]} ended: {log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < end, f"{words[0]} did not come up: {log.read_text(errors='replace')[-2000:]}"
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

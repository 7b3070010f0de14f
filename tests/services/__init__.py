"""Programs that tests need beside them (databases, Prometheus), each started on a free loopback port and stopped again.

A module per program; its fixture is named after it and asked for by name: ``def test_…(prometheus)``.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

PATIENCE = 120.0
"""Seconds a program may take to start on a machine that is busy with other tests."""


PORTS = 2000
"""Ports that each process of a parallel test run has for itself."""


def _ports() -> Iterator[int]:
    """One after the other, round and round, and for another run of the tests beside this one from another place."""
    first = 10_000 + PORTS * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 11)
    after = random.SystemRandom().randrange(PORTS)
    while True:
        yield first + after
        after = (after + 1) % PORTS


_next = _ports()


def free_port() -> int:
    """A port that nobody listens on now, nor will until the program that is to have it has started.

    One that the system chooses it may choose again meanwhile, for any kernel or connection of a test that runs beside;
    these are below its own range (``ip_local_port_range``).
    """
    for port in islice(_next, PORTS):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"none of {PORTS} ports is free")


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

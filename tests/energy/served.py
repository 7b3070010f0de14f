"""A kernel of a real Jupyter server whose GPUs are the fake driver's, and the cells it runs."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_client.blocking import BlockingKernelClient

from ..benchmarks.servers import Server, running
from ..fakenvml.driver import FakeDriver
from ..kernel.conftest import Notebook

ROOT = Path(__file__).parent.parent.parent


class Served(Notebook):
    """A notebook of a server: its kernel measures what the server's agent sees."""

    def __init__(self, server: Server) -> None:
        request = urllib.request.Request(server.url("api/kernels"), data=b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            self.identity = json.load(answer)["id"]
        self.client = BlockingKernelClient(connection_file=str(server.runtime / f"kernel-{self.identity}.json"))
        self.client.load_connection_file()
        self.client.start_channels(hb=False)  # on a busy machine a heart that beats late is none that stopped
        self.client.wait_for_ready(timeout=60)
        self._attended = True
        self.reply: dict[str, Any] = {}

    def close(self) -> None:
        """End the kernel; its server would do so later."""
        self.client.shutdown()
        self.client.stop_channels()


@contextlib.contextmanager
def server_on(driver: FakeDriver, *options: str) -> Iterator[Server]:
    """A Jupyter server with the extension on this driver; its kernels find ``tests`` and draw power."""
    # What was found on fake boards of the same UUIDs before is not true of these.
    environment = {**driver.variables, "PYTHONPATH": str(ROOT), "GPUMON_CACHE": str(driver.folder / "cache")}
    with running(sys.executable, "jupyter_gpumon", environment, *options) as server:
        yield server


@contextlib.contextmanager
def kernel_of(server: Server) -> Iterator[Served]:
    """A kernel of this server."""
    notebook = Served(server)
    try:
        yield notebook
    finally:
        notebook.close()


def wait_until_tried(server: Server, seconds: float) -> bool:
    """Wait until the sensors of all boards have been tried, as on a machine that was on for a while; whether so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        devices = server.get("gpumon/api/hello").get("devices") or [{}]
        if all(device.get("sensor", {}).get("checked") for device in devices):
            return True
        time.sleep(1.0)
    return False


def clock_offset() -> float:
    """Unix time less monotonic time now; the narrowest of some looks, since one may be interrupted half way."""
    looks = []
    for _ in range(20):
        before, now, after = time.monotonic(), time.time(), time.monotonic()
        looks.append((after - before, now - (before + after) / 2))
    return min(looks)[1]

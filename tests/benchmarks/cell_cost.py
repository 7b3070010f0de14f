"""What measuring costs a notebook: slowdown of a CPU-bound cell, and the time ``%load_ext`` takes."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
import urllib.request

from jupyter_client.blocking import BlockingKernelClient

from .servers import Server

BUSY = """
import time as _t
_began = _t.perf_counter()
_x = 0
for _i in range({loops}):
    _x += _i * _i % 7
_took = _t.perf_counter() - _began
"""


class Kernel:
    """A kernel of a server, spoken to over its own sockets."""

    def __init__(self, server: Server) -> None:
        request = urllib.request.Request(server.url("api/kernels"), data=b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            identity = json.load(answer)["id"]
        self._client = BlockingKernelClient(connection_file=str(server.runtime / f"kernel-{identity}.json"))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(60)

    def run(self, code: str) -> None:
        """Run a cell to its end."""
        reply = self._client.execute_interactive(code, timeout=120, output_hook=lambda _: None)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(reply["content"])

    def value(self, expression: str) -> float:
        """A number from the kernel."""
        reply = self._client.execute_interactive(
            "", user_expressions={"v": expression}, timeout=60, output_hook=lambda _: None
        )
        return float(reply["content"]["user_expressions"]["v"]["data"]["text/plain"])

    def close(self) -> None:
        """Stop it."""
        self._client.shutdown()
        self._client.stop_channels()


def slowdown(server: Server, pairs: int = 60, loops: int = 6_000_000) -> tuple[float, float]:
    """Median slowdown of a CPU-bound cell with summaries on, and the upper end of its 95 % interval (bootstrap)."""
    kernel = Kernel(server)
    try:
        kernel.run("%load_ext jupyter_gpumon\n%gpumon summary on")
        kernel.run(BUSY.format(loops=loops))
        ratios = [_pair(kernel, loops) for _ in range(pairs)]
    finally:
        kernel.close()
    medians = sorted(statistics.median(random.choices(ratios, k=len(ratios))) for _ in range(4000))
    return statistics.median(ratios) - 1, medians[int(0.95 * len(medians))] - 1


def _pair(kernel: Kernel, loops: int) -> float:
    took = {}
    for state in random.sample(["on", "off"], 2):
        kernel.run(f"%gpumon summary {state}")
        time.sleep(0.3)
        kernel.run(BUSY.format(loops=loops))
        took[state] = kernel.value("_took")
    return took["on"] / took["off"]


LOAD = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
began = time.perf_counter()
shell.run_line_magic("load_ext", "jupyter_gpumon")
took = time.perf_counter() - began
heavy = [name for name in ("jupyter_server", "bqplot", "numpy", "pandas") if name in set(sys.modules) - before]
print(took, *heavy)
"""


def load_extension(python: str, runs: int = 9) -> tuple[float, set[str]]:
    """Median seconds of ``%load_ext jupyter_gpumon`` in a fresh process, and heavy modules it imported."""
    times, heavy = [], set()
    for _ in range(runs):
        done = subprocess.run([python, "-c", LOAD], capture_output=True, text=True, check=True, timeout=60)
        took, *names = done.stdout.split()
        times.append(float(took))
        heavy.update(names)
    return statistics.median(times), heavy

"""What measuring costs a notebook: slowdown of a CPU-bound cell, and the time ``%load_ext`` takes."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
import urllib.request
from dataclasses import dataclass

from jupyter_client.blocking import BlockingKernelClient

from .servers import Server

BUSY = """
import time as _t
_own, _all = _t.thread_time(), _t.process_time()
_began = _t.perf_counter()
_x = 0
for _i in range({loops}):
    _x += _i * _i % 7
_took = _t.perf_counter() - _began
_others = (_t.process_time() - _all - (_t.thread_time() - _own)) / _took
"""

STATES = {
    "on": "%load_ext jupyter_gpumon\n%gpumon summary on",
    "off": "%unload_ext jupyter_gpumon",
}
SETTLES = 5.0
"""Seconds after which a kernel is quiet again: what was measured last is final."""
WARM = 12.0
"""Seconds after which a kernel that was told to measure has found the counters' periods."""


class Kernel:
    """A kernel of a server, spoken to over its own sockets."""

    def __init__(self, server: Server) -> None:
        request = urllib.request.Request(server.url("api/kernels"), data=b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            identity = json.load(answer)["id"]
        self._client = BlockingKernelClient(connection_file=str(server.runtime / f"kernel-{identity}.json"))
        self._client.load_connection_file()
        self._client.start_channels()
        self._wait(60)

    def _wait(self, seconds: float) -> None:
        """Until it answers: on a busy machine it is said to have died while it only begins late."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self._client.wait_for_ready(seconds)
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(1.0)

    def run(self, code: str) -> None:
        """Run a cell to its end."""
        reply = self._client.execute_interactive(code, timeout=120, output_hook=lambda _: None)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(reply["content"])

    def value(self, expression: str) -> float:
        """A number from the kernel."""
        return float(self.text(expression))

    def text(self, expression: str) -> str:
        """What an expression's value looks like in the kernel."""
        reply = self._client.execute_interactive(
            "", user_expressions={"v": expression}, timeout=60, output_hook=lambda _: None
        )
        return str(reply["content"]["user_expressions"]["v"]["data"]["text/plain"])

    def close(self) -> None:
        """Stop it."""
        self._client.shutdown()
        self._client.stop_channels()


@dataclass(frozen=True)
class Slowdown:
    """What a CPU-bound cell loses while it is measured, against the same cell without the extension."""

    median: float
    """Share by which it takes longer."""
    upper: float
    """Upper end of the median's 95 % interval (bootstrap)."""
    taken: float
    """How much larger the share of its time is in which the kernel's other threads had a CPU; median of the pairs.

    No more than that can they have held the interpreter; unlike the time on the clock it is not blurred by what else
    the machine does.
    """
    most_taken: float
    """Upper end of its 95 % interval."""


def slowdown(server: Server, pairs: int = 30, loops: int = 24_000_000) -> Slowdown:
    """Pairs of a CPU-bound cell with and without the extension, in random order; one kernel, for no two run alike."""
    kernel = Kernel(server)
    try:
        kernel.run(STATES["on"])
        kernel.run(BUSY.format(loops=loops))
        measured = [_pair(kernel, loops) for _ in range(pairs)]
    finally:
        kernel.close()
    longer, taken = ([float(pair[i]) for pair in measured] for i in range(2))
    return Slowdown(statistics.median(longer), _upper(longer), statistics.median(taken), _upper(taken))


def _upper(values: list[float]) -> float:
    """Upper end of the 95 % interval of the median (bootstrap)."""
    medians = sorted(statistics.median(random.choices(values, k=len(values))) for _ in range(4000))
    return medians[int(0.95 * len(medians))]


def _pair(kernel: Kernel, loops: int) -> tuple[float, float]:
    """By what share the measured cell took longer, and how much more of its time other threads had."""
    took, taken = {}, {}
    for state in random.sample(sorted(STATES), 2):
        kernel.run(STATES[state])
        time.sleep(WARM if state == "on" else SETTLES)
        kernel.run(BUSY.format(loops=loops))
        took[state] = kernel.value("_took")
        taken[state] = kernel.value("_others")
    return took["on"] / took["off"] - 1, taken["on"] - taken["off"]


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

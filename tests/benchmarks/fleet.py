"""``python -m tests.benchmarks.fleet``: how long Prometheus takes for each query of the fleet dashboard, 10,000 GPUs.

An hour of series, as 1,250 nodes of eight GPUs would leave it, is written into a real Prometheus by its own protocol
(remote write); then each query is asked as Grafana asks it, and its median is printed as Markdown. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from jupyter_gpumon.dashboards.recorded import RECORDED

from ..dashboards.reading import boards, families, filled, panels
from ..services import free_port, running
from ..services.prometheus import Prometheus
from .remote_write import request, send

HOUR = 3600
PER_NODE = 8
BATCH = 500
"""Series in one request."""


@dataclass(frozen=True)
class Fleet:
    """How many GPUs, and how often each is scraped."""

    gpus: int
    every: int

    @functools.cached_property
    def times(self) -> np.ndarray:
        """Milliseconds of an hour's scrapes, up to now."""
        end = int(time.time()) // self.every * self.every
        return np.arange(end - HOUR, end + 1, self.every, dtype=np.int64) * 1000


def series(fleet: Fleet, names: list[str]) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Labels and values of every series that the dashboard asks for, each wandering in a way of its own."""
    random, count = np.random.default_rng(7), len(fleet.times)
    for node in range(fleet.gpus // PER_NODE):
        place = {"hostname": f"node{node:04d}", "instance": f"node{node:04d}:9401", "job": "gpumon"}
        for name in names:
            if not name.startswith("gpumon_gpu"):
                yield {"__name__": name, **place}, _values(name, random, count, fleet.every)
                continue
            for gpu in range(PER_NODE):
                uuid = f"GPU-{node:04d}{gpu}-5c1f-0e5d-9d1e-2f40a6b1c3d7"
                yield (
                    {"__name__": name, "uuid": uuid, "gpu": str(gpu), "name": "NVIDIA H200", **place},
                    _values(name, random, count, fleet.every),
                )


def _values(name: str, random: np.random.Generator, count: int, every: int) -> np.ndarray:
    if name.endswith("_total"):
        return np.cumsum(random.uniform(100, 700, count) * every) if "energy" in name else np.full(count, 3.0)
    low, high = next((span for word, span in SPANS.items() if word in name), (0.0, 0.0))
    return np.round(random.uniform(low, high) + random.uniform(-0.1, 0.1, count) * (high - low), 3)


SPANS = {
    "utilization": (0.1, 0.9),
    "memory_total": (150e9, 150e9),
    "memory_used": (20e9, 130e9),
    "power": (120.0, 650.0),
    "temperature": (35.0, 80.0),
    "up": (1.0, 1.0),
}


def fill(prometheus: Prometheus, fleet: Fleet, names: list[str]) -> int:
    """Write everything; returns how many samples."""
    times, batch, written = fleet.times, [], 0
    with ThreadPoolExecutor(2) as pool:
        waiting = []
        for one in series(fleet, names):
            batch.append(one)
            if len(batch) == BATCH:
                waiting.append(pool.submit(send, prometheus.url, request(batch, times)))
                written, batch = written + BATCH * len(times), []
            if len(waiting) > 4:
                waiting.pop(0).result()
        waiting.append(pool.submit(send, prometheus.url, request(batch, times)))
        for sent in waiting:
            sent.result()
    return written + len(batch) * len(times)


def queries() -> Iterator[tuple[str, str, bool]]:
    """Name, expression, and whether it is asked for one moment only: of the dashboard, and of the recording rules."""
    for panel in panels(boards()["fleet.json"]):
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["instant"]
    for name, expression in RECORDED.items():
        yield f"rule `{name}`", expression, True


class Cost(NamedTuple):
    """What a query took, the median of several."""

    wall: float
    cpu: float
    """Seconds of CPU of Prometheus: on a machine that is busy with other things, the fairer figure."""
    series: int


def took(prometheus: Prometheus, pid: int, expression: str, instant: bool, fleet: Fleet, repeats: int) -> Cost:
    """Ask as Grafana does: an hour in steps of the scrape interval, or now."""
    expression = filled(expression.replace("$__rate_interval", f"{4 * fleet.every}s").replace("$__range", "1h"))
    now = float(fleet.times[-1]) / 1000
    hour = {"start": now - HOUR, "end": now, "step": fleet.every}
    path, when = ("query", {"time": now}) if instant else ("query_range", hour)
    costs = []
    for _ in range(repeats):
        begun, used = time.perf_counter(), _cpu(pid)
        found = prometheus.api(path, query=expression, **when)["result"]
        costs.append(Cost(time.perf_counter() - begun, _cpu(pid) - used, len(found)))
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet", description=__doc__)
    parser.add_argument("--gpus", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=15, help="seconds between scrapes")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    fleet = Fleet(options.gpus, options.every)
    names = sorted({name for _, expression, _ in queries() for name in families(expression)})
    with tempfile.TemporaryDirectory(prefix="gpumon-fleet-") as folder:
        prometheus = Prometheus(free_port(), Path(folder))
        with running(_words(prometheus), lambda: prometheus.ready, Path(folder) / "log") as process:
            begun = time.perf_counter()
            written = fill(prometheus, fleet, names)
            spent = time.perf_counter() - begun
            sys.stderr.write(f"{written / 1e6:.1f} million samples of {len(names)} families in {spent:.0f} s\n")
            _ask(prometheus, process.pid, fleet, options.repeats)


def _ask(prometheus: Prometheus, pid: int, fleet: Fleet, repeats: int) -> None:
    print("| panel | asked for | series answered | s | CPU s |\n|---|---|---|---|---|")
    for name, expression, instant in queries():
        cost = took(prometheus, pid, expression, instant, fleet, repeats)
        asked_for = "now" if instant else "an hour"
        print(f"| {name} | {asked_for} | {cost.series:.0f} | {cost.wall:.2f} | {cost.cpu:.2f} |", flush=True)


def _words(prometheus: Prometheus) -> list[str]:
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed"
    (prometheus.folder / "prometheus.yml").write_text("{}")
    return [
        program,
        f"--config.file={prometheus.folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={prometheus.folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{prometheus.port}",
        "--web.enable-remote-write-receiver",
        "--query.max-samples=100000000",
        "--log.level=warn",
    ]


if __name__ == "__main__":
    main()

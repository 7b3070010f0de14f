"""One function per line of the benchmark table. Each answers what was measured; nothing is asserted."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import asdict, replace
from websocket import create_connection

from jupyter_gpumon.model import Gpu, Hello, Sample, Subscribe
from jupyter_gpumon.wire import decode, encode, encode_line

from ..fakenvml.driver import FakeDriver
from ..fakenvml.scenario import Proc, Scenario
from . import processes
from .load import NVDASHBOARD, OURS, latency, open_tabs
from .servers import Server, running
from .wirecount import CountingProxy

GPUS = 8
OURS_NAME = "jupyter_gpumon"
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Row:
    """A line of the table: what, our figure, the goal, and the peer's figure (empty where there is no peer)."""

    what: str
    ours: str
    goal: str
    peer: str = "–"


def fake_driver() -> FakeDriver:
    """Eight GPUs with the latencies of a real driver and a process on each, PCIe queries of 20 ms."""
    scenario = Scenario(GPUS, latencies="real", power="square:60,450,1,0.6")
    scenario.processes = [Proc(gpu, 1, memory=40 * 1024**3, sm=50) for gpu in range(GPUS)]
    return FakeDriver(Path(tempfile.mkdtemp(prefix="gpumon-bench-")), scenario)


def status_latency(python: str, peer: str | None, driver: FakeDriver, requests: int = 60) -> Row:
    """Median GET /api/status beside ten tabs: ours off, ours on, the peer."""
    with running(python, "", driver.variables) as server:
        off = asyncio.run(latency(server, (), 0, requests))
    with running(python, "jupyter_gpumon", driver.variables) as server:
        ours = asyncio.run(latency(server, OURS, 10, requests))
    theirs = "–"
    if peer:
        with running(peer, "jupyterlab_nvdashboard", driver.variables) as server:
            slow = asyncio.run(latency(server, NVDASHBOARD, 10, 3))
        theirs = f"nvdashboard {slow * 1e3:.0f} ms ({slow / ours:.0f}x ours)"
    what = "median GET /api/status of another user, 10 tabs with all panels"
    figures = f"{ours * 1e3:.1f} ms; off {off * 1e3:.1f} ms; difference {(ours - off) * 1e3:+.1f} ms"
    return Row(what, figures, "within 1 ms of off", theirs)


def driver_load(server: Server, driver: FakeDriver, seconds: float = 20) -> list[Row]:
    """NVML calls per second for 1, 10 and 100 viewers, and time inside NVML while watching."""
    rates, inside = {}, 0.0
    for viewers in (1, 10, 100):
        before, spent = asyncio.run(_watched(server, driver, OURS, viewers, seconds))
        rates[viewers] = before
        inside = max(inside, spent)
    per_gpu = max(rates.values()) / GPUS
    figures = ", ".join(f"{viewers}: {rate:.0f}" for viewers, rate in rates.items())
    return [
        Row("NVML calls per second by viewers", f"{figures} ({per_gpu:.0f} per GPU)", "the same; at most 60 per GPU"),
        Row("time inside NVML per second, watching", f"{inside * 1e3:.0f} ms", "at most 80 ms"),
    ]


async def _watched(
    server: Server, driver: FakeDriver, routes: Sequence[str], viewers: int, seconds: float
) -> tuple[float, float]:
    """Calls, and seconds inside NVML, per second while so many tabs are open."""
    async with open_tabs(server, routes, viewers):
        await asyncio.sleep(4)
        before, began = driver.stats(), time.monotonic()
        await asyncio.sleep(seconds)
        used, took = driver.stats() - before, time.monotonic() - began
    return used.total_calls / took, sum(used.nominal.values()) / took


def peer_load(peer: str, driver: FakeDriver, seconds: float = 20) -> Row:
    """The same for one tab of the peer."""
    with running(peer, "jupyterlab_nvdashboard", driver.variables) as server:
        calls, inside = asyncio.run(_watched(server, driver, NVDASHBOARD, 1, seconds))
        cpu = processes.cpu_seconds(processes.tree(server.pid)["server"])
    figures = f"nvdashboard, 1 tab: {calls:.0f} calls/s, {inside * 1e3:.0f} ms/s inside NVML, {cpu:.1f} s CPU in all"
    return Row("the peer on the same driver", "–", "–", figures)


def measuring_load(server: Server, driver: FakeDriver, seconds: float = 20) -> Row:
    """Time inside NVML while a kernel measures cells."""
    path = next(server.runtime.glob("gpumon-*.sock"))
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(str(path))
    with closing(
        create_connection("ws://localhost/gpumon/api/stream", socket=channel, suppress_origin=True, timeout=5)
    ) as kernel:
        kernel.send(encode(Subscribe(edges=True, measuring=True)))
        end, before, began = time.monotonic() + seconds + 6, None, 0.0
        while time.monotonic() < end:
            kernel.recv()
            if before is None and time.monotonic() > end - seconds:
                before, began = driver.stats(), time.monotonic()
        used, took = driver.stats() - before, time.monotonic() - began
    spent = sum(used.nominal.values()) / took
    figures = f"{spent * 1e3:.0f} ms ({used.total_calls / took / GPUS:.0f} calls per GPU)"
    return Row("time inside NVML per second, cells measured", figures, "at most 300 ms")


def cpu_and_wire(server: Server, driver: FakeDriver, seconds: float = 60) -> list[Row]:
    """CPU of server and agent with ten tabs, and bytes per second of one tab."""
    parts = processes.tree(server.pid)
    cpu, inside = asyncio.run(_ten_tabs(server, driver, parts, seconds))
    proxy = CountingProxy(server.port)
    hello, rate = asyncio.run(_one_counted_tab(Server(server.pid, proxy.port, server.runtime), proxy, 20))
    proxy.close()
    ours = f"server {cpu['server']:.2%}, agent {cpu['agent']:.2%} of a core (NVML's {inside * 1e3:.0f} ms/s apart)"
    return [
        Row("CPU at 1 Hz, 8 GPUs, 10 tabs", ours, "at most 1 % each"),
        Row("bytes per second and tab", f"{rate:.0f} B ({rate / GPUS:.0f} B per GPU)", "at most 500 B per GPU"),
        Row("hello with its history", f"{hello / 1e3:.1f} kB", "at most 200 kB"),
    ]


async def _ten_tabs(server: Server, driver: FakeDriver, parts: dict, seconds: float) -> tuple[dict[str, float], float]:
    async with open_tabs(server, OURS, 10):
        await asyncio.sleep(4)
        before = {name: processes.cpu_seconds(found) for name, found in parts.items()}
        asked, began = driver.stats(), time.monotonic()
        await asyncio.sleep(seconds)
        took = time.monotonic() - began
    used = {name: (processes.cpu_seconds(found) - before[name]) / took for name, found in parts.items()}
    inside = driver.stats() - asked
    return used, sum(inside.nominal.values()) / took


async def _one_counted_tab(server: Server, proxy: CountingProxy, seconds: float) -> tuple[int, float]:
    async with open_tabs(server, OURS, 1):
        await asyncio.sleep(2)
        hello = proxy.received
        await asyncio.sleep(seconds)
        return hello, (proxy.received - hello) / seconds


def memory(python: str, driver: FakeDriver) -> list[Row]:
    """Memory added by extension and agent: at start, and by a server that has heard 24 h (played to it, faster)."""
    off = statistics.median(sum(_memory(python, "", driver)) for _ in range(3))
    server, agent = (
        statistics.median(part) for part in zip(*(_memory(python, OURS_NAME, driver) for _ in range(3)), strict=True)
    )
    with tempfile.TemporaryDirectory(prefix="gpumon-bench-") as folder:
        day = day_of(driver, Path(folder) / "day.jsonl")
        full, _ = _memory(python, OURS_NAME, driver, f"--GpuMon.source=replay:{day}?speed=0", seconds=60)
    return [
        Row("memory added, agent and server, at start", f"{(server + agent - off) / 1e6:.0f} MB", "at most 45 MB"),
        Row("memory added, with 24 h of history", f"{(full + agent - off) / 1e6:.0f} MB", "at most 75 MB"),
    ]


def _memory(python: str, extension: str, driver: FakeDriver, *options: str, seconds: float = 12) -> tuple[float, float]:
    """Bytes of server and agent after so many seconds."""
    with running(python, extension, driver.variables, *options) as server:
        time.sleep(seconds)
        parts = processes.tree(server.pid)
        return processes.memory(parts["server"]), processes.memory(parts["agent"])


def day_of(driver: FakeDriver, path: Path) -> Path:
    """A recording of 24 h as a server hears it: a minute, ten seconds and a second apart, as the history keeps it.

    Every value is one the fake driver gave, wandering a little, so that nothing is constant.
    """
    command = [
        sys.executable,
        "-c",
        "import jupyter_gpumon.cli as c; c.main()",
        "record",
        "--duration",
        "3",
        "-o",
        str(path),
    ]
    subprocess.run(command, env={**os.environ, **driver.variables}, check=True, timeout=60, capture_output=True)
    told = [decode(line) for line in path.read_bytes().splitlines()]
    hello = [message for message in told if isinstance(message, Hello)][-1]
    heard = [message for message in told if isinstance(message, Sample) and message.gpus]
    steps = [60.0] * 1080 + [10.0] * 1800 + [1.0] * 3600
    with path.open("wb") as file:
        file.write(encode_line(hello))
        at = heard[-1].mono
        for step in steps:
            at += step
            file.write(encode_line(_wandered(heard[-1], at)))
    return path


def _wandered(sample: Sample, mono: float) -> Sample:
    gpus = tuple(
        Gpu(uuid=gpu.uuid, **{name: _near(value) for name, value in asdict(gpu).items() if isinstance(value, float)})
        for gpu in sample.gpus
    )
    return replace(sample, mono=mono, time=sample.time - sample.mono + mono, gpus=gpus, processes=(), events=())


def _near(value: float) -> float:
    return value * random.uniform(0.9, 1.1)


def front_end() -> Row:
    """What the browser loads: with every page, and when the Energy tab or a cell's record is first shown."""
    static = ROOT / "jupyter_gpumon" / "labextension" / "static"
    packed = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in static.glob("*.js")}
    ours = [path.read_text() for path in static.glob("*.js") if not path.name.startswith("remoteEntry")]
    later = {name for text in ours for name in re.findall(r"\b\w\.e\((\d+)\)", text)}
    on_demand = sum(size for name, size in packed.items() if name.split(".")[0] in later)
    at_once = sum(packed.values()) - on_demand
    return Row(
        "front end, gzip", f"{at_once / 1e3:.1f} kB, and {on_demand / 1e3:.1f} kB when first used", "at most 60 kB"
    )

"""One function per line of the benchmark table. Each answers what was measured; nothing is asserted."""

from __future__ import annotations

import asyncio
import gzip
import socket
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from websocket import create_connection

from jupyter_gpumon.model import Subscribe
from jupyter_gpumon.wire import encode

from ..fakenvml.driver import FakeDriver
from ..fakenvml.scenario import Proc, Scenario
from . import processes
from .load import NVDASHBOARD, OURS, latency, open_tabs
from .servers import Server, running
from .wirecount import CountingProxy

GPUS = 8
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


def memory(python: str, driver: FakeDriver) -> Row:
    """Memory added by extension and agent, at start, and by 24 h of history."""
    off = statistics.median(_memory(python, "", driver) for _ in range(3))
    on = statistics.median(_memory(python, "jupyter_gpumon", driver) for _ in range(3))
    return Row("memory added, agent and server, at start", f"{(on - off) / 1e6:.0f} MB", "at most 45 MB")


def _memory(python: str, extension: str, driver: FakeDriver) -> float:
    with running(python, extension, driver.variables) as server:
        time.sleep(12)
        return sum(processes.memory(found) for found in processes.tree(server.pid).values())


def front_end() -> Row:
    """What the browser loads."""
    static = ROOT / "jupyter_gpumon" / "labextension" / "static"
    packed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in static.glob("*.js"))
    return Row("front end, gzip", f"{packed / 1e3:.1f} kB", "at most 60 kB")

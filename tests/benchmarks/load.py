"""Tabs and another user: websocket clients as a browser opens them, and timed requests beside them."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

from .servers import Server

OURS = ("gpumon/api/stream?history=600",)
NVDASHBOARD = tuple(
    f"nvdashboard/{chart}"
    for chart in ("gpu_utilization", "gpu_usage", "gpu_resource", "pci_stats", "nvlink_throughput", "cpu_resource")
)
"""All charts of a tab: each is a socket of its own there."""


@dataclass
class Tabs:
    """Open tabs and what they have received."""

    sockets: list[WebSocketClientConnection] = field(default_factory=list)
    frames: int = 0


@contextlib.asynccontextmanager
async def open_tabs(server: Server, routes: Sequence[str], count: int, greeting: str | None = None):
    """``count`` tabs, each with a socket per route, reading all that comes."""
    tabs = Tabs()
    readers = []
    for route in [route for _ in range(count) for route in routes]:
        tab = await websocket_connect(server.url(route, "ws"), compression_options={}, max_message_size=2**26)
        if greeting:
            await tab.write_message(greeting)
        tabs.sockets.append(tab)
        readers.append(asyncio.create_task(_read(tab, tabs)))
    try:
        yield tabs
    finally:
        for tab in tabs.sockets:
            tab.close()
        for reader in readers:
            reader.cancel()


async def _read(tab: WebSocketClientConnection, tabs: Tabs) -> None:
    while await tab.read_message() is not None:
        tabs.frames += 1


async def status_times(server: Server, requests: int, pause: float = 0.05) -> list[float]:
    """Seconds of ``requests`` requests for /api/status, one after the other."""
    client, times = AsyncHTTPClient(), []
    for _ in range(requests):
        began = time.perf_counter()
        await client.fetch(server.url("api/status"), request_timeout=120)
        times.append(time.perf_counter() - began)
        await asyncio.sleep(pause)
    return times


async def latency(
    server: Server, routes: Sequence[str], tabs: int, requests: int, greeting: str | None = None
) -> float:
    """Median seconds of /api/status with ``tabs`` tabs open."""
    async with open_tabs(server, routes, tabs, greeting):
        await asyncio.sleep(3)
        return statistics.median(await status_times(server, requests))

"""A real Jupyter server with the extension on simulated GPUs, and clients that read its stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.server.app import GpuMon
from jupyter_gpumon.server.scraping import Collector
from jupyter_gpumon.wire import Message, decode, encode

SECONDS = 60.0
"""Bound on every wait."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """After everything else: a test that leaves its server running would be found out by some other test only."""
    result = yield
    left = [each for each in tuple(REGISTRY._collector_to_names) if isinstance(each, Collector)]
    for each in left:
        REGISTRY.unregister(each)
    assert not left, f"{item.nodeid} has not stopped its server"
    return result


@pytest.fixture
def gpumon_config() -> dict[str, Any]:
    """Traits of ``GpuMon``; a test module overrides what it needs."""
    return {"source": "sim:gpus=2&script=training", "interval": 0.2, "idle_interval": 0.4}


@pytest.fixture
def jp_server_config(gpumon_config: dict[str, Any]) -> dict[str, Any]:
    """The server's configuration: our extension on."""
    return {"ServerApp": {"jpserver_extensions": {"jupyter_gpumon": True}}, "GpuMon": gpumon_config}


@pytest.fixture
def gpumon(jp_serverapp: Any) -> GpuMon:
    """The running extension."""
    return jp_serverapp.extension_manager.extension_points["gpumon"].app


class Listener:
    """A websocket client of the stream."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    async def next(self, kind: type | None = None, when: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next message, of this kind and for which ``when`` holds."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            text = await asyncio.wait_for(self.socket.read_message(), SECONDS)
            assert text is not None, "the server closed the socket"
            message = decode(text)
            if (kind is None or isinstance(message, kind)) and when(message):
                return message
        raise AssertionError("no such message came")

    async def sample(self, when: Callable[[Sample], bool] = lambda sample: bool(sample.gpus)) -> Sample:
        """The next sample, by default one with GPUs."""
        return await self.next(Sample, when)

    async def live(self) -> Hello:
        """The hello that says that there are numbers."""
        return await self.next(Hello, lambda hello: hello.status.state == "live")

    async def send(self, message: Message | str) -> None:
        """Send a message, or any text."""
        await self.socket.write_message(message if isinstance(message, str) else encode(message))

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


@pytest.fixture
def listen(jp_ws_fetch: Any, gpumon: GpuMon) -> Callable[..., Awaitable[Listener]]:
    """Open a stream: ``await listen(history=60)``."""

    async def connect(**params: Any) -> Listener:
        return Listener(await jp_ws_fetch("gpumon", "api", "stream", params=params))

    return connect


async def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Wait until the condition holds, and return what it gave."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"never: {what}")

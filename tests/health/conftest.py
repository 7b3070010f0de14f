"""A real Jupyter server with a real agent on the fake driver, whose minute is six seconds long."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpumon.cli.health import health
from jupyter_gpumon.model import Request
from jupyter_gpumon.server.app import GpuMon
from jupyter_gpumon.server.unix import socket_path
from tests.fakenvml import FakeDriver
from tests.server.conftest import SECONDS, eventually, gpumon, jp_server_config  # noqa: F401 - fixtures

MINUTE = 6.0


@pytest.fixture
def gpumon_config() -> dict[str, Any]:
    """Ten looks a second."""
    return {"source": "auto", "interval": 0.1, "idle_interval": 0.1}


@pytest.fixture
def driver(fake_nvml: Callable[..., FakeDriver], monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """Two H200s under a driver that tells all there is."""
    monkeypatch.setattr("jupyter_gpumon.health.check.MINUTE", MINUTE)
    made = fake_nvml(gpus=2, driver="610.57.04", retired_pages=0, retired_pending=0, retired_double_bit=0)
    for name, value in made.variables.items():
        monkeypatch.setenv(name, value)
    return made


class Surfaces:
    """All places that say how the GPUs stand."""

    def __init__(self, extension: GpuMon, fetch: Callable[..., Awaitable[Any]]) -> None:
        self.gpumon, self._fetch = extension, fetch

    async def ready(self) -> None:
        """Read slow metrics as often as fast ones, and wait until all is known."""
        await eventually(lambda: self.gpumon.service.tally.samples > 0, "a sample")
        self.gpumon.service.monitor.ask(Request(tiers={"slow": 0.1, "rare": 0.1}))
        for watch in ("pcie", "thermal", "nvlink", "memory", "driver"):
            await self.until(watch, "pass")

    async def rest(self) -> dict[str, Any]:
        """What REST says."""
        return dict(json.loads((await self._fetch("gpumon", "api", "health")).body))

    async def state(self, watch: str, gpu: int = 0) -> str:
        """How a watch of a GPU stands, by REST."""
        watches = (await self.rest())["devices"][gpu]["watches"]
        return str(next(each["state"] for each in watches if each["watch"] == watch))

    async def code(self) -> int:
        """The exit code of ``gpumon health``, which asks this server over its socket."""

        path = socket_path(Path(self.gpumon.serverapp.runtime_dir), os.getpid())
        return await asyncio.get_running_loop().run_in_executor(
            None, lambda: health(f"unix:{path}", None, (), as_json=False)
        )

    def metric(self, watch: str) -> str:
        """The number that Prometheus is told of GPU 0."""
        text, _ = self.gpumon.service.page.text()
        lines = [line for line in text.splitlines() if f'watch="{watch}"' in line and 'gpu="0"' in line]
        return lines[0].rpartition(" ")[2] if lines else ""

    async def until(self, watch: str, state: str) -> None:
        """Wait until a watch stands so."""
        end = time.monotonic() + SECONDS
        while await self.state(watch) != state:
            assert time.monotonic() < end, f"{watch} never was {state}: {await self.rest()}"
            await asyncio.sleep(0.03)


@pytest.fixture
def surfaces(driver: FakeDriver, gpumon: GpuMon, jp_fetch: Any) -> Surfaces:  # noqa: F811
    """The surfaces of a server on that driver."""
    del driver
    return Surfaces(gpumon, jp_fetch)

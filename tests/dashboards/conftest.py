"""A real exporter on the fake driver, and a real Prometheus that scrapes it with our rules."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyter_gpumon.dashboards.files import FOLDER, RULES

from ..fakenvml.sysfs import FakeHost
from ..services import free_port, running

GIB = 1024**3


@pytest.fixture
def exporter(fake_nvml: Callable[..., Any], tmp_path: Path) -> Iterator[str]:
    """Address of ``gpumon serve``: two GPUs with fans, one busy, one that is idle and whose memory is held; RAPL."""
    driver = fake_nvml(gpus=2, fans=1, fan=40, memory_used=40 * GIB, power=450, each={1: {"power": 60}})
    host = FakeHost(tmp_path / "root")
    host.rapl(package=1000.0, dram=100.0)
    port, log = free_port(), tmp_path / "exporter.log"
    words = [sys.executable, "-m", "jupyter_gpumon", "serve", "--port", str(port), "--interval", "0.2"]
    variables = {**driver.variables, "GPUMON_ROOT": str(host.root), "GPUMON_SOURCE": "agent"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with running(words, lambda: b"Serving" in log.read_bytes(), log):
            yield f"127.0.0.1:{port}/metrics"


@pytest.fixture
def rules() -> dict[str, Any]:
    """Both rule files, evaluated every 200 ms."""
    groups = [group for name in RULES for group in yaml.safe_load((FOLDER / name).read_text())["groups"]]
    return {"groups": [group | {"interval": "200ms"} for group in groups]}

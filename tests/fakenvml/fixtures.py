"""Fixtures: the fake driver, and a fake sysfs and procfs for the host's readings."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .build import NotBuildable, build
from .child import Child
from .driver import FakeDriver
from .scenario import Scenario
from .sysfs import FakeHost


@pytest.fixture(scope="session")
def fakenvml_library() -> Path:
    """The folder of the built libraries; skipped by name where they cannot be built, an error where all is required."""
    try:
        return build()
    except NotBuildable as missing:
        if os.environ.get("GPUMON_TEST_REQUIRE") == "all":
            raise
        pytest.skip(f"fake driver: {missing}")


@pytest.fixture
def fake_nvml(fakenvml_library: Path, tmp_path: Path) -> Callable[..., FakeDriver]:
    """``fake_nvml(scenario)`` or ``fake_nvml(gpus=8, …)``: a driver whose ``env`` makes a child process run on it."""
    made: list[FakeDriver] = []

    def make(scenario: Scenario | None = None, **keys: Any) -> FakeDriver:
        made.append(FakeDriver(tmp_path / f"driver{len(made)}", scenario or Scenario(**keys)))
        return made[-1]

    return make


@pytest.fixture
def child() -> Iterator[Callable[[FakeDriver, str], Child]]:
    """``child(driver, source)`` runs Python source on a driver (see child.py); it is ended with the test."""
    children: list[Child] = []

    def start(driver: FakeDriver, source: str) -> Child:
        children.append(Child(driver, source))
        return children[-1]

    yield start
    for each in children:
        each.process.kill()
        each.end()


@pytest.fixture
def ask(child: Callable[[FakeDriver, str], Child]) -> Callable[[FakeDriver, str], Any]:
    """``ask(driver, source)``: the first thing the source says, with the first GPU opened as ``h``."""

    def run(driver: FakeDriver, source: str) -> Any:
        one = child(driver, "nvmlInit()\nh = nvmlDeviceGetHandleByIndex(0)\n" + textwrap.dedent(source))
        answer = one.said()
        one.end()
        return answer

    return run


@pytest.fixture
def fake_sysfs(tmp_path: Path) -> FakeHost:
    """A root for ``HostReader(root=…)`` with RAPL, cgroup v2 and the parts of /proc it reads."""
    return FakeHost(tmp_path / "root")

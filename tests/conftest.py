"""Fixtures shared by all tests; the fake driver, the server and the browser bring their own beside them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # beside other tests an example may take as long as it likes

pytest_plugins = [
    "pytest_jupyter.jupyter_server",
    "tests.services.alertmanager",
    "tests.services.databases",
    "tests.services.otlp",
    "tests.services.prometheus",
]
if importlib.util.find_spec("tests.fakenvml.fixtures"):
    pytest_plugins.append("tests.fakenvml.fixtures")

T = TypeVar("T")


def pytest_configure(config: pytest.Config) -> None:
    """Servers and kernels that tests start keep what they keep in a folder of their own, never in the user's."""
    folder = tempfile.mkdtemp(prefix="gpumon-")
    os.environ["JUPYTER_DATA_DIR"], os.environ["IPYTHONDIR"] = folder, f"{folder}/ipython"
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def require() -> Callable[[T, str], T]:
    """Skip by name where a program is missing; with GPUMON_TEST_REQUIRE=all that is a failure."""

    def check(found: T, name: str) -> T:
        if not found:
            missing = f"{name} is not installed on this machine"
            (pytest.fail if os.environ.get("GPUMON_TEST_REQUIRE") == "all" else pytest.skip)(missing)
        return found

    return check


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: while a browser is driven, this thread's event loop is taken, and no server test can run."""
    items.sort(key=lambda item: "chromium" in getattr(item, "fixturenames", ()))

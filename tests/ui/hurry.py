"""A server extension for tests: the health watches' minute is fifteen seconds long, and rare metrics are read often."""

from __future__ import annotations

from jupyter_server.serverapp import ServerApp
from tornado.ioloop import PeriodicCallback

from jupyter_gpumon.health import check
from jupyter_gpumon.model import Request
from jupyter_gpumon.server.app import GpuMon

MINUTE = 15.0
"""Some times as long as a page waits between two looks: none misses what only grew."""
TIERS = {"slow": 0.5, "rare": 0.5}


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Asked for before any extension starts, so that the watches begin with this minute."""
    check.MINUTE = MINUTE
    return [{"module": "tests.ui.hurry"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Ask again and again: an agent that has just begun has not heard it."""

    def ask() -> None:
        for extension in server.extension_manager.extension_apps["jupyter_gpumon"]:
            assert isinstance(extension, GpuMon)
            extension.service.monitor.ask(Request(tiers=TIERS))

    PeriodicCallback(ask, 1000.0).start()

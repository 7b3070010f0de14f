"""Every watch of the Health tab goes wrong in a real page and is well again, by what the other surfaces are shown."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from jupyter_gpumon.health.watches import WATCHES
from tests.health.injections import INJECTIONS, Injection

from .conftest import Page
from .faulty import FaultyLab

pytestmark = pytest.mark.ui

ROOT = Path(__file__).parents[2]
TITLES = {watch.name: watch.title for watch in WATCHES}
WELL, ILL = 0, (1, 2, 3)
"""GPUs: that to which nothing happens, and those of which each has another fault of a watch."""
SECONDS = 90.0
ASKED_AGAIN = 180.0
"""What could not be read is asked for again a minute later."""

Fault = tuple[str, int, Injection]


class HurriedLab(FaultyLab):
    """A server whose minute of the watches is fifteen seconds long."""

    def start(self) -> None:
        """Start it with the extension that hurries."""
        rates = {"interval": 0.5, "idle_interval": 0.5}
        wanted = {"ServerApp": {"jpserver_extensions": {"tests.ui.hurry": True}}, "GpuMon": rates}
        (self.home / "config" / "jupyter_server_config.json").write_text(json.dumps(wanted))
        with patch.dict(os.environ, {"PYTHONPATH": str(ROOT)}):
            super().start()


@pytest.fixture
def server(tmp_path: Path, fakenvml_library: object) -> Iterator[HurriedLab]:
    """Four H200s under a driver that tells all there is."""
    del fakenvml_library
    told = {"clock_events": 0, "retired_pages": 0, "retired_pending": 0, "retired_double_bit": 0}
    lab = HurriedLab(tmp_path, gpus=4, driver="610.57.04", **told)
    lab.start()
    yield lab
    lab.stop()


def rounds() -> Iterator[list[Fault]]:
    """(watch, GPU, injection): of each watch as many at once as there are GPUs to fall ill."""
    for begin in range(0, max(map(len, INJECTIONS.values())), len(ILL)):
        parts = {watch: injections[begin : begin + len(ILL)] for watch, injections in INJECTIONS.items()}
        yield [(watch, gpu, each) for watch, part in parts.items() for gpu, each in zip(ILL, part, strict=False)]


def until(view: Page, wanted: Iterable[tuple[int, str, str]], seconds: float = SECONDS) -> None:
    """Wait until all these watches (GPU, watch, state) stand so at the same time."""
    names = [f"GPU {gpu}, {TITLES[watch]}: {state.upper()}" for gpu, watch, state in wanted]
    missing, deadline = names, time.monotonic() + seconds
    while missing and time.monotonic() < deadline:
        view.page.wait_for_timeout(200)
        missing = view.page.evaluate(
            """names => {
              const shown = new Set([...document.querySelectorAll('#jp-gpumon [aria-label]')].map(e => e.ariaLabel));
              return names.filter(name => !shown.has(name));
            }""",
            names,
        )
    assert not missing


def test_every_watch_is_seen_to_go_wrong_and_to_be_well_again(server, visit):
    """The same injections as on the other surfaces, three GPUs at once; the fourth stays well throughout."""
    view = visit(server).open().live()
    view.panel.get_by_role("tab", name="Health").click()
    well = [(WELL, watch, "pass") for watch in INJECTIONS]
    until(view, [(gpu, watch, "pass") for watch in INJECTIONS for gpu in (WELL, *ILL)])
    for faults in rounds():
        for _, gpu, (injected, _, _) in faults:
            server.driver.update(gpu, **injected)
        until(view, [*well, *((gpu, watch, state) for watch, gpu, (_, _, state) in faults)])
        for _, gpu, (_, cured, _) in faults:
            server.driver.update(gpu, **cured)
        until(view, [*well, *((gpu, watch, "pass") for watch, gpu, _ in faults)])
    server.driver.update(1, errors={"field:186": 999, "nvmlDeviceGetPowerUsage": 999})
    server.driver.lose(2)
    until(view, [*well, (1, "power", "warn"), (2, "driver", "fail")])
    server.driver.update(1, errors={})
    server.driver.bring_back(2)
    until(view, [(gpu, watch, "pass") for watch in INJECTIONS for gpu in (WELL, *ILL)], ASKED_AGAIN)
    assert view.errors == []

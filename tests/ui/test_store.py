"""Ranges of days, where the server has a store."""

from __future__ import annotations

import math
import time

import pytest

from jupyter_gpumon.model import Gpu, Sample
from jupyter_gpumon.sources.sim import open_backend

from ..contracts.sql import fed
from .lab import Lab

pytestmark = pytest.mark.ui

HOUR, MONTH = 3600, 30 * 86_400
RANGES = ".jp-GpuMon-header select"


def month(uuids: list[str]) -> list[Sample]:
    """A sample an hour: power goes up and down once a day, the second GPU with half of it."""
    begin = time.time() - MONTH
    watts = [300 + 250 * math.sin(n * math.tau / 24) for n in range(MONTH // HOUR)]
    return [
        Sample(
            time=begin + n * HOUR,
            mono=n * HOUR,
            gpus=tuple(Gpu(uuid=uuid, power=power / (k + 1), utilization=0.5) for k, uuid in enumerate(uuids)),
        )
        for n, power in enumerate(watts)
    ]


def test_the_panel_offers_days_and_weeks_where_the_server_has_a_store(tmp_path, visit):
    """30 days: a chart of what was there before this server started, with days below it."""
    uuids = [device.uuid for device in open_backend({"gpus": "2"}).devices()]
    url = f"sqlite:///{tmp_path}/x.db"
    fed(url, month(uuids), keep="raw:1d,10s:7d,1min:30d,1h:2y")
    server = Lab(tmp_path / "lab", "sim:gpus=2&script=training")
    (tmp_path / "lab" / "config" / "jupyter_server_config.py").write_text(f"c.GpuMon.store = {url!r}\n")
    server.start()
    try:
        view = visit(server).open().live()
        choices = view.panel.locator(f"{RANGES} option").all_inner_texts()
        assert choices == ["1 min", "10 min", "1 h", "6 h", "24 h", "7 d", "30 d"]
        with view.page.expect_response(lambda answer: "gpumon/api/samples" in answer.url) as answered:
            view.panel.locator(RANGES).select_option(str(MONTH))
        found = answered.value.json()
        assert set(found["gpus"]) == set(uuids)
        assert found["time"][0] < time.time() - MONTH + 86_400
        assert max(found["gpus"][uuids[0]]["power"]) > 450
        view.wait("() => document.querySelector('#jp-gpumon .jp-GpuMon-chart canvas')")
        view.picture("store-30-days")
        view.panel.locator(RANGES).select_option("604800")
        view.picture("store-7-days")
        assert view.errors == []
    finally:
        server.stop()

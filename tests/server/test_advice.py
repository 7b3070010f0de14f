"""``GET gpumon/api/advice`` of a real server on simulated GPUs."""

from __future__ import annotations

import json
import time

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_gpumon.model import Cell, CellDevice
from jupyter_gpumon.report.advice import of_stream

from ..rules.scenes import simulated
from .conftest import eventually


@pytest.fixture
def gpumon_config():
    """GPUs that wait for their input, looked at often."""
    return {"source": "sim:gpus=2&script=input-bound", "interval": 0.2, "idle_interval": 0.2}


@pytest.fixture
def ask(jp_fetch, gpumon):
    """``await ask(since=…)`` → the answer as Python."""

    async def fetch(**params):
        return json.loads((await jp_fetch("gpumon", "api", "advice", params=params)).body)

    return fetch


async def test_a_short_time_has_no_advice(ask, gpumon):
    """And says which time it was."""
    await eventually(lambda: gpumon.service.tally.samples >= 4, "four samples")
    said = await ask()
    assert said["findings"] == []
    assert said["until"] - said["since"] == 600
    assert said["until"] == pytest.approx(time.time(), abs=5)
    said = await ask(seconds=60)
    assert said["until"] - said["since"] == pytest.approx(60)


async def test_gpus_that_wait_have_advice(ask, gpumon, monkeypatch):
    """With evidence, steps and code; here of five minutes that the same GPUs have had before."""
    await eventually(lambda: gpumon.service.monitor.hello.devices, "a hello")
    past = of_stream(simulated("input-bound"))
    monkeypatch.setattr(gpumon.service, "columns", lambda *_: past.columns)
    answer = await ask(since=past.start, until=past.end)
    (said,) = [one for one in answer["findings"] if one["rule"] == "input-bound"]
    assert said["steps"]
    assert said["code"]["source"]
    assert 0 < len(said["evidence"][0]["values"]) <= 120


async def test_a_cell_is_advised_on_by_its_record(ask, gpumon):
    """Its time, its devices, and the cells of its kernel before it."""
    end = time.time()
    for n in range(6):
        at, held = end - 60 + 10 * n, (1 + n) * 1e9
        tables = {"peak": {"gpu0": {"memory_used": held + 1e9}}, "rise": {"gpu0": {"memory_used": 1e9}}}
        cell = Cell(
            id=f"c{n}", start=at, end=at + 1, kernel_id="k", devices=(CellDevice(name="gpu0", model="x"),), **tables
        )
        gpumon.service.cells.post(cell, "k")
    await eventually(lambda: gpumon.service.monitor.hello.devices, "a hello")
    said = await ask(cell="c5")
    assert [one["rule"] for one in said["findings"]] == ["memory-leak"]
    assert said["since"] == pytest.approx(end - 10)
    assert (await ask(cell="c2"))["findings"] == []


@pytest.mark.parametrize(
    ("params", "status", "says"),
    [
        ({"cell": "nobody"}, 404, "gpumon/api/cells"),
        ({"since": 9, "until": 3}, 400, "since first"),
        ({"since": "x"}, 400, ""),
    ],
)
async def test_what_cannot_be_is_said(ask, params, status, says):
    """With what can."""
    with pytest.raises(HTTPClientError) as refused:
        await ask(**params)
    assert refused.value.code == status
    assert says in refused.value.response.body.decode()

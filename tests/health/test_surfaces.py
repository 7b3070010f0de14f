"""Each watch driven from PASS to WARN or FAIL and back on the fake driver: REST, exit code and metric say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_gpumon.server.kept_xids import KeptXids
from tests.fakenvml import Proc
from tests.health.injections import INJECTIONS

CODES = {"pass": 0, "warn": 1, "fail": 2}
NUMBERS = {"pass": "0", "warn": "10", "fail": "20"}


@pytest.mark.parametrize("watch", INJECTIONS)
async def test_a_watch_goes_from_pass_to_what_is_wrong_and_back(surfaces, driver, watch):
    """On every surface; the other GPU stays well. What only grew is well again once a minute is over."""
    await surfaces.ready()
    for injected, cured, state in INJECTIONS[watch]:
        await surfaces.until(watch, "pass")
        assert (await surfaces.code(), surfaces.metric(watch)) == (0, "0")
        driver.update(0, **injected)
        await surfaces.until(watch, state)
        assert (await surfaces.code(), surfaces.metric(watch)) == (CODES[state], NUMBERS[state]), injected
        assert await surfaces.state(watch, gpu=1) == "pass"
        driver.update(0, **cured)
    await surfaces.until(watch, "pass")
    assert (await surfaces.code(), surfaces.metric(watch)) == (0, "0")


async def test_power_that_cannot_be_read_any_more_is_a_warning(surfaces, driver):
    """The driver is asked for it again a minute later."""
    await surfaces.ready()
    driver.update(0, errors={"field:186": 999, "nvmlDeviceGetPowerUsage": 999})
    await surfaces.until("power", "warn")
    assert (await surfaces.code(), surfaces.metric("power")) == (1, "10")


async def test_a_gpu_that_is_lost_fails(surfaces, driver):
    """The other one stays as it was."""
    await surfaces.ready()
    driver.lose(0)
    await surfaces.until("driver", "fail")
    assert await surfaces.state("memory") == "unknown"
    assert (await surfaces.code(), surfaces.metric("driver")) == (2, "20")
    assert await surfaces.state("memory", gpu=1) == "pass"


async def test_an_xid_fails_its_gpu_until_it_is_acknowledged(surfaces, driver, jp_fetch, gpumon):
    """With who ran; kept in a file, so that a restart of Jupyter changes nothing."""
    await surfaces.ready()
    driver.processes(Proc(0, 4711))
    await surfaces.until("xids", "pass")
    driver.xid(0, 79)
    await surfaces.until("xids", "fail")
    assert (await surfaces.code(), surfaces.metric("xids")) == (2, "20")
    (seen,) = (await surfaces.rest())["devices"][0]["xids"]
    assert (seen["code"], seen["count"], seen["level"]) == (79, 1, "critical")
    uuid = (await surfaces.rest())["devices"][0]["uuid"]
    said = json.dumps({"uuid": uuid, "code": 79})
    answer = await jp_fetch("gpumon", "api", "health", "acknowledge", method="POST", body=said)
    assert json.loads(answer.body)["state"] == "pass"
    assert (await surfaces.code(), surfaces.metric("xids")) == (0, "0")
    kept = KeptXids(Path(gpumon.data_dir) / "gpumon" / "xids.json").load()
    assert kept.gpus[uuid][79].acknowledged


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ('{"uuid": "GPU-x", "code": 79}', 404, "No XID 79"),
        ('{"uuid": "GPU-x"}', 400, "code"),
        ('{"uuid": "GPU-x", "code": 79, "action": "delete"}', 400, "action"),
        ("no", 400, "acknowledge"),
    ],
)
async def test_what_cannot_be_acknowledged_is_refused_with_a_reason(gpumon, jp_fetch, body, status, words):
    """And what to say instead."""
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("gpumon", "api", "health", "acknowledge", method="POST", body=body)
    assert refused.value.code == status
    assert words in json.loads(refused.value.response.body)["message"]

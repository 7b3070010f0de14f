"""The server's store: ranges that reach beyond memory, and what is said of where samples go."""

from __future__ import annotations

import json
import sqlite3
import time

import pytest
from msgspec.structs import replace

from jupyter_gpumon.model import Columns, Gpu, Hello, Sample
from jupyter_gpumon.server.app import GpuMon
from jupyter_gpumon.server.stats import Stats, over
from jupyter_gpumon.sources.sim import open_backend

from ..contracts.sql import fed
from .conftest import eventually

UUIDS = [device.uuid for device in open_backend({"gpus": "2"}).devices()]


@pytest.fixture
def gpumon_config(tmp_path):
    """A store that has yesterday's samples: of our GPUs, and of somebody else's."""
    url = f"sqlite:///{tmp_path}/x.db"
    begin = time.time() - 86_400
    gpus = tuple(Gpu(uuid=uuid, power=500.0, energy=1.0) for uuid in (*UUIDS, "GPU-theirs"))
    fed(url, [Sample(time=begin + n, mono=n, gpus=gpus) for n in range(100)])
    return {
        "source": "sim:gpus=2",
        "interval": 0.2,
        "idle_interval": 0.4,
        "store": f"{url}?commit_every=0.1&timeout=0.1",
    }


async def fetched(jp_fetch, **params):
    return json.loads((await jp_fetch("gpumon", "api", "samples", params=params)).body)


async def test_a_range_reaches_beyond_memory(gpumon, jp_fetch):
    """Yesterday out of the store and now out of memory; only of the GPUs that this server shows."""
    await eventually(lambda: gpumon.service.tally.samples > 2, "samples")
    since = time.time() - 90_000
    found = await fetched(jp_fetch, since=since, step=60, metrics="power")
    assert set(found["gpus"]) == set(UUIDS)
    assert found["gpus"][UUIDS[0]]["power"][0] == 500.0
    assert found["time"][-1] > time.time() - 120
    theirs = await fetched(jp_fetch, since=since, devices=f"GPU-theirs,{UUIDS[1]}", metrics="power")
    assert set(theirs["gpus"]) == {UUIDS[1]}


async def test_a_window_comes_to_a_few_numbers(gpumon, jp_fetch):
    """Of yesterday, out of the store: what a table of a day would say."""
    await eventually(lambda: gpumon.service.tally.samples > 2, "samples")
    params = {"since": time.time() - 90_000, "until": time.time() - 80_000, "metrics": "power,energy"}
    found = json.loads((await jp_fetch("gpumon", "api", "stats", params=params)).body)
    assert set(found["gpus"]) == set(UUIDS)
    assert found["gpus"][UUIDS[0]]["power"] == {"mean": 500.0, "min": 500.0, "max": 500.0, "p50": 500.0, "p95": 500.0}
    assert found["gpus"][UUIDS[0]]["energy"] == {"growth": 0.0}


def test_percentiles_and_growth_are_what_they_are_called():
    """Of 1 to 101 the 95th percentile is 96; a counter that began anew counts from there."""
    columns = Columns(
        time=[float(n) for n in range(101)],
        step=1.0,
        gpus={"G": {"power": [n + 1.0 for n in range(101)], "energy": [5.0, 9.0, None, 2.0, 3.0]}},
        low={"G": {"power": [0.5] * 101}},
        high={"G": {"power": [200.0] * 101}},
    )
    stats = over(columns).gpus["G"]
    assert stats["power"] == Stats(mean=51.0, min=0.5, max=200.0, p50=51.0, p95=96.0)
    assert stats["energy"] == Stats(growth=7.0)
    assert over(Columns(time=[], step=1.0, gpus={"G": {"power": []}})).gpus == {"G": {"power": Stats()}}


async def test_what_memory_has_is_answered_by_memory(gpumon, jp_fetch, monkeypatch):
    """As before, and no slower."""
    await eventually(lambda: gpumon.service.tally.samples > 2, "samples")
    monkeypatch.setattr(gpumon.service.store, "columns", None)
    assert (await fetched(jp_fetch, since=gpumon.service.monitor.history.begin, metrics="power"))["time"]


async def test_a_hello_carries_what_the_store_has(gpumon, listen):
    """The panel draws it at once, and is told how far back it may ask."""
    await eventually(lambda: gpumon.service.tally.samples > 2, "samples")
    client = await listen(history=90_000)
    hello = await client.next(Hello, lambda hello: hello.history is not None)
    assert hello.history.gpus[UUIDS[0]]["power"][0] == 500.0
    assert hello.reach > 7 * 86_400


async def test_the_store_gets_what_is_sampled_and_is_nobody_who_watches(gpumon, jp_fetch):
    """It takes what there is, at the idle rate; it is listed where sinks are."""
    assert not gpumon.service.channel.watched
    assert gpumon.service.monitor.hello.interval >= 0.4
    kept = gpumon.service.store.sink
    await eventually(lambda: gpumon.service.tally.samples > 2 and not kept.waiting, "written samples")
    state = json.loads((await jp_fetch("gpumon", "api", "sampler")).body)
    [sink] = state["sinks"]
    assert sink["url"].startswith("sqlite:///")
    assert "problem" not in sink


async def test_a_store_that_is_locked_is_said_in_the_panel_and_by_the_sampler(gpumon, jp_fetch, listen, tmp_path):
    """With what it says of itself; and that it goes again, and nothing was lost."""
    client = await listen()
    await client.live()
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    said = await client.sample(lambda sample: any("does not take" in event.title for event in sample.events))
    assert "database is locked" in str(said.events)
    [sink] = json.loads((await jp_fetch("gpumon", "api", "sampler")).body)["sinks"]
    assert "locked" in sink["problem"]
    other.execute("ROLLBACK")
    other.close()
    said = await client.sample(lambda sample: any("again" in event.title for event in sample.events))
    assert "Nothing was lost" in str(said.events)


@pytest.mark.parametrize("gpumon_config", [{"source": "sim:gpus=1", "store": "sqlite:////nowhere/x.db"}], ids=["store"])
async def test_a_store_that_cannot_be_opened_is_said_and_jupyter_starts(gpumon, caplog):
    """Without it."""
    assert gpumon.service.store is None
    gpumon._open_store()
    assert "the store sqlite:////nowhere/x.db cannot be opened" in caplog.text


def test_the_store_is_off_by_default():
    """It writes to the user's disk."""
    assert GpuMon().store == ""
    assert replace(Hello()).reach is None

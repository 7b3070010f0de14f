"""The REST routes of a real server with a real agent process on simulated GPUs."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest
from tornado.httpclient import HTTPClientError

from .conftest import eventually


@pytest.fixture
def ask(jp_fetch, gpumon):
    """``await ask("samples", since=…)`` → the answer as Python."""

    async def fetch(route: str, **params):
        return json.loads((await jp_fetch("gpumon", "api", route, params=params)).body)

    return fetch


@pytest.fixture
def filled(gpumon):
    """``await filled()``: the server has a few samples."""

    def wait():
        return eventually(lambda: gpumon.service.tally.samples >= 4, "four samples")

    return wait


async def test_hello_names_the_devices(ask, filled):
    """And says that they are simulated."""
    await filled()
    hello = await ask("hello")
    assert hello["type"] == "hello"
    assert hello["simulated"] is True
    assert [device["index"] for device in hello["devices"]] == [0, 1]
    assert "history" not in hello


async def test_samples_come_by_column(ask, filled):
    """Two metrics of one device, and one of the host."""
    await filled()
    uuid = (await ask("hello"))["devices"][1]["uuid"]
    columns = await ask("samples", devices=uuid, metrics="power,temperature,host.cpu", since=time.time() - 60, step=1)
    assert set(columns["gpus"]) == {uuid}
    assert set(columns["gpus"][uuid]) == {"power", "temperature"}
    assert len(columns["gpus"][uuid]["power"]) == len(columns["time"]) == len(columns["host"]["cpu"]) > 0
    assert "low" not in columns


async def test_a_question_for_everything_has_an_answer_of_bounded_size(ask, filled, monkeypatch):
    """The step is raised, and the answer says so."""
    await filled()
    monkeypatch.setattr("jupyter_gpumon.server.service.MOST_VALUES", 50)
    columns = await ask("samples", since=time.time() - 60)
    assert columns["step"] > 1
    assert sum(len(column) for metrics in columns["gpus"].values() for column in metrics.values()) < 400
    assert (await ask("samples", since=time.time() - 5, metrics="power"))["step"] == 1


async def test_samples_hold_extremes_where_asked_for(ask, filled):
    """``spread=1``: low ≤ mean ≤ high."""
    await filled()
    columns = await ask("samples", metrics="power", spread="1", step=60)
    for uuid, metrics in columns["gpus"].items():
        rows = zip(columns["low"][uuid]["power"], metrics["power"], columns["high"][uuid]["power"], strict=True)
        assert all(low <= mean <= high for low, mean, high in rows)


async def test_samples_come_as_csv(jp_fetch, filled):
    """A header with units, a line per row."""
    await filled()
    answer = await jp_fetch("gpumon", "api", "samples", params={"format": "csv", "metrics": "power,host.cpu"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(answer.body.decode()))
    assert header[0] == "time"
    assert [name.rsplit(".")[-1] for name in header[1:]] == ["power_watts", "power_watts", "cpu_ratio"]
    assert rows
    assert all(float(value) > 0 for value in rows[-1][:3])


async def test_energy_is_asked_for_in_unix_time(ask, filled):
    """Every device, or the one that is named."""
    await filled()
    now = time.time()
    energy = (await ask("energy", start=now - 2, end=now - 1))["energy"]
    assert len(energy) == 2
    uuid = next(iter(energy))
    assert set((await ask("energy", start=now - 2, end=now - 1, uuid=uuid))["energy"]) == {uuid}


async def test_energy_up_to_now_says_what_it_does_not_know_yet(ask, filled, gpumon):
    """The counter has not been read up to now: not final, between two bounds or only "at most", and never 0."""
    await filled()
    ledger, uuids = gpumon.service.monitor.ledger, [device.uuid for device in gpumon.service.monitor.hello.devices]
    start = time.monotonic()
    await eventually(lambda: all(ledger.settled(uuid, start) for uuid in uuids), "updates of the counters")
    now = time.time()
    answers = (await ask("energy", start=now - time.monotonic() + start, end=now))["energy"]
    assert set(answers) == set(uuids)
    for cost in answers.values():
        assert cost["final"] is False
        assert cost.get("low", 0) <= cost.get("joules", cost["high"]) <= cost["high"]
        assert cost.get("joules", cost["high"]) > 0


@pytest.mark.parametrize(
    ("route", "params"),
    [
        ("samples", {"since": "yesterday"}),
        ("samples", {"step": "nan"}),
        ("samples", {"until": "inf"}),
        ("energy", {}),
        ("energy", {"start": 5, "end": 4}),
        ("energy", {"start": 5}),
    ],
)
async def test_a_wrong_question_is_told_what_is_wrong(jp_fetch, gpumon, route, params):
    """400, with a message that names a right one."""
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("gpumon", "api", route, params=params)
    assert error.value.code == 400
    answer = json.loads(error.value.response.body)
    assert set(answer) == {"message", "hint"}
    assert "=" in answer["message"]


@pytest.mark.parametrize(
    "params", [{"since": 1e18}, {"until": 5}, {"since": -1e300, "step": 1e12}, {"step": -1}], ids=str
)
async def test_an_odd_question_has_an_answer(ask, filled, params):
    """A range in which there is nothing is an empty one."""
    await filled()
    columns = await ask("samples", metrics="power", **params)
    assert all(len(metrics["power"]) == len(columns["time"]) for metrics in columns["gpus"].values())
    assert (columns["time"] == []) == ("step" not in params)


async def test_cells_are_not_taken_over_the_network(ask, jp_fetch, gpumon):
    """Who speaks cannot be told there."""
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("gpumon", "api", "cells", method="POST", body='{"start": 1, "end": 2}')
    assert error.value.code == 403
    assert "Unix socket" in json.loads(error.value.response.body)["message"]
    assert await ask("cells") == {"cells": []}


async def test_the_sampler_tells_how_it_is_doing(ask, filled, listen):
    """Age, source, agent, clients."""
    await filled()
    client = await listen()
    await client.live()
    state = await ask("sampler")
    assert state["source"].startswith("sim")
    assert state["state"] == "live"
    assert 0 <= state["age"] < 30
    assert state["samples"] >= 4
    assert state["agents"] == [state["agent"]]
    assert (state["clients"], state["watched"], state["measuring"]) == (1, True, 0)

"""The extension's traits, and that it never keeps Jupyter from starting."""

from __future__ import annotations

import json

import pytest

from jupyter_gpumon.model import Hello
from jupyter_gpumon.server.app import GpuMon

from .conftest import eventually


@pytest.fixture
def gpumon_config(request, tmp_path):
    """What the test's ``traits`` mark says."""
    mark = request.node.get_closest_marker("parametrize")
    traits = request.getfixturevalue("traits") if mark else {}
    traits = {
        name: [str(tmp_path / url) for url in value] if name == "sinks" else value for name, value in traits.items()
    }
    return {"source": "sim:gpus=2", "interval": 0.2, "idle_interval": 0.4, **traits}


def with_traits(**traits):
    """Run the test on a server with these traits of ``GpuMon``."""
    return pytest.mark.parametrize("traits", [traits], ids=[", ".join(traits)])


@pytest.mark.parametrize(
    "traits", [{"source": "nowhere:"}, {"source": "??"}, {"source": "replay"}, {"source": "ws://"}], ids=str
)
async def test_a_source_that_cannot_be_opened_is_said_and_jupyter_starts(traits, gpumon, jp_fetch, listen, caplog):
    """One line in the log, a hello with what to do, and every route answers."""
    assert json.loads((await jp_fetch("api", "status")).body)["started"]
    client = await listen()
    hello = await client.next(Hello, lambda hello: hello.status.state == "disconnected")
    assert hello.status.message
    assert hello.status.hint
    for route in ("samples", "processes", "cells", "sampler"):
        await jp_fetch("gpumon", "api", route)
    state = json.loads((await jp_fetch("gpumon", "api", "sampler")).body)
    assert (state["state"], state.get("age")) == ("disconnected", None)


@pytest.mark.parametrize("traits", [{"source": "sim:gpus=2&colour=red"}], ids=str)
async def test_a_wrong_parameter_is_said(traits, gpumon, listen):
    """By the one who knows it."""
    client = await listen()
    hello = await client.next(Hello, lambda hello: hello.status.state not in ("starting", "live"))
    assert "colour" in hello.status.message


@with_traits(sinks=["run.jsonl"])
async def test_a_sink_records_at_the_full_rate_though_nobody_watches(traits, gpumon, tmp_path):
    """The recording is the wire: a hello line, then samples."""
    assert gpumon.service.channel.watched
    await eventually(lambda: gpumon.service.tally.samples > 5, "samples")
    assert gpumon.service.monitor.hello.interval == 0.2
    await gpumon.stop_extension()
    first, *rest = (tmp_path / "run.jsonl").read_text().splitlines()
    assert json.loads(first)["type"] == "hello"
    assert sum(json.loads(line)["type"] == "sample" for line in rest) > 5


@with_traits(sinks=["/dev/null/run.jsonl"])
async def test_a_sink_that_cannot_be_opened_is_said_and_the_stream_goes_on(traits, gpumon, listen, caplog):
    """With its URL; nobody records, so the rate is the idle one."""
    assert not gpumon.service.channel.watched
    client = await listen()
    await client.live()
    await client.sample()
    gpumon._record("/dev/null/run.jsonl")
    assert "the sink /dev/null/run.jsonl cannot be opened" in caplog.text


@with_traits(idle_interval=None)
async def test_without_an_idle_interval_it_samples_at_the_full_rate_always(traits, gpumon):
    """None is a value."""
    await eventually(lambda: gpumon.service.tally.samples > 3, "samples")
    assert gpumon.service.monitor.hello.interval == 0.2


@with_traits(retention=[(1.0, 60.0)], history_metrics=["power"])
async def test_the_history_keeps_what_the_configuration_says(traits, gpumon, jp_fetch):
    """One metric."""
    await eventually(lambda: gpumon.service.tally.samples > 1, "samples")
    columns = json.loads((await jp_fetch("gpumon", "api", "samples")).body)
    assert [set(metrics) for metrics in columns["gpus"].values()] == [{"power"}, {"power"}]


def test_the_default_source_comes_from_the_environment(monkeypatch):
    """So that one variable sets it everywhere."""
    monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=7")
    assert GpuMon().source == "sim:gpus=7"
    monkeypatch.delenv("GPUMON_SOURCE")
    assert GpuMon().source == "auto"

"""A server sends the alerts of its stream to what c.GpuMon.notify names, and its secrets stay with it."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from jupyter_gpumon.alerts import event
from tests.notify.conftest import alert
from tests.notify.receiver import Receiver

from .conftest import eventually


@pytest.fixture
def receiver():
    """A webhook."""
    found = Receiver().begin()
    yield found
    found.end()


@pytest.fixture
def gpumon_config(receiver, monkeypatch):
    """Two targets by variables, one of them ours to take out, and one that cannot be."""
    monkeypatch.setenv("GPUMON_HOOK", receiver.url)
    monkeypatch.setenv("OTHER_HOOK", f"webhook:{receiver.url}-other?level=critical&as=others")
    targets = ["webhook:$GPUMON_HOOK", "env:OTHER_HOOK", "webhook:$NOBODY"]
    rules = [{"id": "warm", "when": "temperature > 1", "title": "Warmer than ice"}]
    return {"source": "sim:gpus=1", "interval": 0.2, "idle_interval": 0.2, "notify": targets, "rules": rules}


async def test_what_a_rule_of_the_server_finds_is_sent_and_told(gpumon, jp_fetch, receiver):
    """From the sample to the receiver, once; how it went stands in the answer of the API."""
    await eventually(lambda: [body for body in receiver.taken if "Warmer than ice" in body["title"]], "it")
    await asyncio.sleep(0.5)
    assert sum("Warmer than ice" in body["title"] for body in receiver.taken) == 1
    deliveries = json.loads((await jp_fetch("gpumon", "api", "alerts")).body)["deliveries"]
    assert deliveries[0]["sent"] == len(receiver.taken)
    assert deliveries[2]["problem"]
    assert "s3cret" not in json.dumps(deliveries)


async def test_an_alert_is_sent_once_though_the_stream_tells_it_too(gpumon, receiver):
    """The stream is a sample late: what it says of an alert that has changed meanwhile is old."""
    service = gpumon.service
    await eventually(lambda: service.monitor.latest, "a sample")
    worse = alert(level="critical")
    for each in (alert(), worse):
        service.notifying.tell(each)
        service.monitor.note(event(alert(), service.monitor.latest.mono))
    await eventually(lambda: sum(body["id"].startswith("a0") for body in receiver.taken) == 3, "all")
    await asyncio.sleep(0.6)
    told = [body for body in receiver.taken if body["id"].startswith("a0")]
    # The second target, which is at the same receiver, wants what is critical alone.
    assert sorted(body["level"] for body in told) == ["critical", "critical", "warning"]
    assert told[-1]["hostname"] == service.monitor.hello.hostname


async def test_how_it_goes_is_told_without_secrets(gpumon, receiver):
    """Each target, also the one that cannot be used, by a name that shows nothing."""
    service = gpumon.service
    states = service.notifying.states()
    assert [state.name for state in states] == [f"webhook:http://127.0.0.1:{receiver.port}/…", "others", "notify[2]"]
    assert "the environment has no NOBODY" in states[2].problem
    assert "s3cret" not in repr(states)


async def test_kernels_do_not_inherit_what_is_ours(gpumon):
    """A variable that begins with GPUMON_ is gone from the environment; others are left."""
    assert gpumon.service.notifying
    assert "GPUMON_HOOK" not in os.environ
    assert "OTHER_HOOK" in os.environ


async def test_no_answer_of_the_server_holds_a_secret(gpumon, jp_fetch):
    """Whoever may read the API may not read where alerts go."""
    for route in ("hello", "sampler"):
        answer = await jp_fetch("gpumon", "api", route)
        assert "s3cret" not in json.dumps(json.loads(answer.body))

"""What a browser sees while things go wrong beneath a running server, which heals without being restarted."""

from __future__ import annotations

import json
import os
import signal

from jupyter_gpumon.model import Hello

from .conftest import eventually


async def test_an_agent_that_is_killed_comes_back(gpumon, listen, jp_fetch):
    """The page is told, the routes answer meanwhile, the rate asked for still holds, and history goes on."""
    client = await listen()
    await client.live()
    await client.sample()
    agent = gpumon._source.pid
    os.kill(agent, signal.SIGKILL)
    hello = await client.next(Hello, lambda hello: hello.status.state == "restarting")
    assert hello.devices, "the devices keep their place"
    assert hello.status.message
    await jp_fetch("gpumon", "api", "samples")
    again = await client.live()
    assert again.generation > hello.generation
    await client.sample()
    await eventually(lambda: gpumon.service.monitor.hello.interval == 0.2, "the rate that was asked for")
    assert gpumon._source.pid != agent
    state = json.loads((await jp_fetch("gpumon", "api", "sampler")).body)
    assert state["state"] == "live"
    assert state["last_error"]


async def test_a_hanging_agent_leaves_the_server_answering(gpumon, listen, jp_fetch):
    """Stopped, as by a call that does not return: the page says since when; it goes on when the call returns."""
    client = await listen()
    await client.live()
    await client.sample()
    agent = gpumon._source.pid
    os.kill(agent, signal.SIGSTOP)
    try:
        hello = await client.next(Hello, lambda hello: hello.status.state == "stalled")
        assert hello.status.since is not None
        for route in ("hello", "samples", "processes", "sampler"):
            await jp_fetch("gpumon", "api", route, request_timeout=30)
    finally:
        os.kill(agent, signal.SIGCONT)
    await client.live()
    gap = await client.sample(lambda sample: any(event.kind == "gap" for event in sample.events))
    assert gap.gpus or gap.events
    await eventually(lambda: gpumon._source.pid == agent, "the same agent")

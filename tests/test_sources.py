"""One body of tests over every source."""

from __future__ import annotations

import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.sinks.lines import open_sink
from jupyter_gpumon.sources.agent import AgentSource
from jupyter_gpumon.sources.sampler import Sampler
from jupyter_gpumon.sources.sim import open_backend
from jupyter_gpumon.sources.urls import open_source

from .contracts.source import PROMISES
from .test_remote import Server


@pytest.fixture
def sources(tmp_path, fake_nvml, monkeypatch):
    """A source of each kind, by name."""
    closing = []

    def sampler():
        return Sampler(lambda: open_backend({}), interval=0.1)

    def sim():
        return AgentSource("sim:gpus=2", interval=0.1)

    def nvidia():
        for name, value in fake_nvml(gpus=2).variables.items():
            monkeypatch.setenv(name, value)
        return AgentSource("auto", interval=0.1)

    def replay():
        clock, sink = FakeClock(), open_sink(str(tmp_path / "run.jsonl"))
        recorded = Sampler(lambda: open_backend({}, clock), interval=0.1)
        for message, _ in zip(recorded.stream(clock), range(100), strict=False):
            sink.write(message)
        recorded.close()
        sink.close()
        return open_source(f"replay:{tmp_path / 'run.jsonl'}?loop=1")

    def remote():
        server = Server(devices=("G",)).start()
        closing.append(server)
        return open_source(f"ws://127.0.0.1:{server.port}/")

    yield {each.__name__: each for each in (sampler, sim, nvidia, replay, remote)}
    for each in closing:
        each.stop()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("kind", ["sampler", "sim", "nvidia", "replay", "remote"])
def test_every_source_keeps_its_promises(kind, promise, sources):
    """A monitor need not know where its numbers come from."""
    source = sources[kind]()
    try:
        promise(source)
    finally:
        source.close()

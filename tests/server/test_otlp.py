"""A real server on simulated GPUs, a real kernel in it, and real OTLP receivers: what arrives there."""

from __future__ import annotations

import json

import pytest

from jupyter_gpumon.energy.sums import total

from .conftest import eventually

CELL = """
import time, jupyter_gpumon as gm
with gm.span("train", batch=32, model="tiny"):
    begun = time.monotonic()
    with gm.span("step"):
        while time.monotonic() < begun + 1: sum(range(1000))
"""


RUN = """
with gm.run("chat", tags={"model": "tiny", "batch": 2}) as run:
    for loss in (0.5, 0.25):
        gm.log_metric("loss", loss)
    with run.generation() as timed:
        for _ in range(3): time.sleep(0.02); timed.token()
run.record.status
"""


@pytest.fixture(params=["grpc", "http"])
def receiver(request, otlp):
    """One by each protocol."""
    return otlp(request.param)


@pytest.fixture
def gpumon_config(receiver):
    """GPUs that follow this server's kernels."""
    return {"source": "sim:gpus=2&script=notebook", "interval": 0.2, "sinks": [receiver.url]}


@pytest.fixture
def kernel(jp_fetch, jp_serverapp, http_server_client):
    """``await kernel("a.ipynb")`` → its id and a client; summaries are on."""

    async def start(notebook):
        body = json.dumps({"path": notebook, "type": "notebook", "name": "", "kernel": {"name": "python3"}})
        answer = json.loads((await jp_fetch("api", "sessions", method="POST", body=body)).body)
        client = jp_serverapp.kernel_manager.get_kernel(answer["kernel"]["id"]).client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        await client.execute_interactive("%load_ext jupyter_gpumon\n%gpumon summary on", timeout=60)
        return answer["kernel"]["id"], client

    return start


async def test_metrics_and_the_spans_of_a_cell_arrive(receiver, gpumon, kernel):
    """GPU and host by the conventions' names; the cell as a span, its blocks within it, with energy and memory."""
    kernel_id, client = await kernel("deep/train.ipynb")
    await eventually(lambda: kernel_id in gpumon.service.owners.kernels.notebooks, "the notebook's name is known")
    await client.execute_interactive(CELL, timeout=60)
    await eventually(lambda: {"train", "step"} <= {span.name for span in receiver.spans}, "the spans")
    outer = next(span for span in receiver.spans if span.name == "train")
    inner = next(span for span in receiver.spans if span.name == "step")
    cell = await eventually(
        lambda: next((s for s in receiver.spans if s.said.span_id == outer.said.parent_span_id), None), "the cell"
    )
    await client.execute_interactive(RUN, timeout=60)
    first = await eventually(lambda: receiver.named("gen_ai.server.time_to_first_token"), "the first token")
    run = await eventually(lambda: next((s for s in receiver.spans if s.name == "chat"), None), "the run's span")
    client.stop_channels()
    _check_run(receiver, first[-1], run)

    assert cell.name == f"cell [{cell.attributes['gpumon.cell.count']}]"
    assert not cell.said.parent_span_id
    assert inner.said.parent_span_id == outer.said.span_id
    assert len({span.said.trace_id for span in (cell, outer, inner)}) == 1
    assert cell.said.start_time_unix_nano <= outer.said.start_time_unix_nano <= inner.said.start_time_unix_nano
    assert inner.said.end_time_unix_nano <= outer.said.end_time_unix_nano <= cell.said.end_time_unix_nano
    assert (outer.attributes["batch"], outer.attributes["model"]) == (32, "tiny")
    records = {record.id: record for record in gpumon.service.cells if record.final}
    for span in (cell, outer, inner):
        said, record = span.attributes, records[span.attributes["gpumon.cell.id"]]
        used = [device.name for device in record.devices if device.used]
        energy = total(record.energy[name] for name in used)  # on a busy machine perhaps no more than a bound
        told = said.get("gpumon.energy"), said.get("gpumon.energy.low"), said["gpumon.energy.high"]
        assert told == (energy.joules, energy.low, energy.high)
        assert said["gpumon.energy.high"] > 60
        assert said["gpumon.energy.method"] == energy.method
        assert said["gpumon.gpu.names"] == used
        assert said["gpumon.memory.peak"] == max(record.peak[name]["memory_used"] for name in used) > 1e9
        assert said["gpumon.notebook"] == "deep/train.ipynb"
        assert said["gpumon.kernel.id"] == kernel_id
    _check_metrics(receiver, gpumon)


def _check_run(receiver, first, run):
    """The timing of a model by gen_ai names, what else was logged under its own, and the run itself as a span."""
    assert (first.kind, first.unit, first.said.count, len(first.said.bucket_counts)) == ("histogram", "s", 1, 21)
    assert first.said.sum >= 0.02
    assert sum(first.said.bucket_counts) == 1
    assert first.attributes["gen_ai.request.model"] == "tiny"
    assert first.attributes["gpumon.run.name"] == "chat"
    assert [point.said.sum for point in receiver.named("gen_ai.client.token.usage")][-1] == 3
    assert receiver.named("gen_ai.server.time_per_output_token")
    assert receiver.named("gen_ai.server.request.duration")
    loss = receiver.named("gpumon.run.loss")[-1]
    assert (loss.kind, loss.value) == ("gauge", 0.25)
    assert receiver.named("gpumon.run.tokens")[-1].kind == "sum monotonic"
    assert run.attributes["gpumon.run.id"] == loss.attributes["gpumon.run.id"]
    assert run.attributes["batch"] == "2"


def _check_metrics(receiver, gpumon):
    hello = gpumon.service.monitor.hello
    assert receiver.points[0].resource["service.name"] == "jupyter-gpumon"
    assert receiver.points[0].resource["host.name"] == hello.hostname
    assert receiver.points[0].resource["gpumon.simulated"] is True
    for device in hello.devices:
        mine = [point for point in receiver.named("hw.gpu.utilization") if point.attributes["hw.id"] == device.uuid]
        assert {point.attributes["hw.gpu.task"] for point in mine} >= {"general"}
        assert {point.attributes["hw.name"] for point in mine} == {device.label}
        assert {point.attributes["hw.type"] for point in mine} == {"gpu"}
        assert {point.kind for point in mine} == {"gauge"}
        energy = [point for point in receiver.named("hw.energy") if point.attributes["hw.id"] == device.uuid]
        assert {point.kind for point in energy} == {"sum monotonic"}
        assert [point.value for point in energy] == sorted(point.value for point in energy)
        assert len({point.said.start_time_unix_nano for point in energy}) == 1
    status = [point for point in receiver.named("hw.status") if point.attributes["hw.state"] == "ok"]
    assert status
    assert {(point.value, point.kind) for point in status} == {(1, "sum")}
    assert receiver.named("system.memory.limit")[0].value > 0

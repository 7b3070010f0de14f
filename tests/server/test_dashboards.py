"""What only a Jupyter server has (cells, runs, benchmarks) answers the dashboards' expressions in a real Prometheus."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_gpumon.model import Cell, CellDevice, Energy
from jupyter_gpumon.runs.store import RunStore

from ..dashboards.reading import asked, filled
from ..dashboards.test_answers import answered, needs_notebooks
from ..runs.made import metric, run
from ..services.prometheus import job
from .conftest import eventually

LEVELS = ("kv_cache_memory_bytes", "active_requests_count", "waiting_requests_count", "decode_prefill_ratio")
COUNTS = ("decode_tokens_processed", "tokens", "prefill_tokens_processed")
OBSERVED = (
    *("batch_fill_percentage", "ttft_s", "ttft_milliseconds", "e2e_latency_s", "request_latency_milliseconds"),
    "inter_token_latency_s",
)
BENCH = ("matrix_gflops", "memory_bandwidth_gbs", "matrix_speedup", "memory_speedup", "overall_speedup")


@pytest.fixture
def gpumon_config():
    """Notebooks are named."""
    return {"source": "sim:gpus=2&script=training", "interval": 0.2, "idle_interval": 0.4, "notebook_metrics": True}


@pytest.fixture
def jp_base_url():
    """One that Prometheus and Jupyter quote alike."""
    return "/user/ada/"


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """The last benchmark, kept where the server looks for it."""
    url = f"sqlite:///{tmp_path}/runs.sqlite"
    monkeypatch.setenv("GPUMON_RUNS", url)
    tags = {"kind": "bench", "gpu": "gpu0", "uuid": "GPU-1", "gpu_name": "H200"}
    RunStore(url).save(run("bench", tags=tags, metrics={name: metric(50.0) for name in BENCH}))


async def test_every_expression_on_notebooks_and_runs_has_data(
    benchmark, gpumon, jp_serverapp, jp_fetch, jp_base_url, jp_http_port, prometheus
):
    """A run that serves and logs every name, two cells of a notebook, the benchmark; the list is printed."""
    await eventually(lambda: gpumon.service.tally.samples >= 4, "four samples")
    said = {name: metric(3.0) for name in LEVELS} | {name: metric(100.0, kind="counter") for name in COUNTS}
    said |= {name: metric(1.0, 2.0, 3.0, kind="histogram") for name in OBSERVED}
    said |= {"cache_hit_rate": metric(0.75), "task_success_rate": metric(1.0)}
    gpumon.service.runs.post(run("serving", 100.0, metrics=said, kernel_id="k"), "k")
    gpumon.service.post(_cell("first"), "k")
    target = f"127.0.0.1:{jp_http_port}{jp_base_url}gpumon/metrics"
    found = await asyncio.to_thread(prometheus, job(target, token=jp_serverapp.identity_provider.token, interval="1s"))
    await asyncio.to_thread(found.until, 'gpumon_cell_energy_joules_total{notebook="train.ipynb"}')
    gpumon.service.post(_cell("second"), "k")
    wanted = [filled(query.expression) for query in asked() if needs_notebooks(query.expression)]
    assert len(wanted) >= 35
    counts = await asyncio.to_thread(answered, found, wanted)
    assert not [expression for expression, count in counts.items() if not count]


def _cell(id: str) -> Cell:
    energy = Energy(joules=100.0, low=99.0, high=101.0)
    devices = (CellDevice(name="gpu0", model="H200"),)
    return Cell(
        id=id,
        start=0.0,
        end=10.0,
        kernel_id="k",
        simulated=True,
        notebook="train.ipynb",
        devices=devices,
        energy={"gpu0": energy},
    )

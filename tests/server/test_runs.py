"""Runs in a server: taken from their own kernel, told over REST, and on the metrics page."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from tornado.httpclient import HTTPClientError

from jupyter_gpumon.errors import CellError
from jupyter_gpumon.model import Cell
from jupyter_gpumon.runs.store import RunStore
from jupyter_gpumon.server.runs import KEPT, Runs

from ..runs.made import metric, run


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The runs of this test."""
    url = f"sqlite:///{tmp_path}/runs.sqlite"
    monkeypatch.setenv("GPUMON_RUNS", url)
    return RunStore(url)


async def answered(jp_fetch, *path, **params):
    """The JSON of a route."""
    return json.loads((await jp_fetch("gpumon", "api", *path, params=params)).body)


async def refused(jp_fetch, *path, method="GET", **params):
    """Status and message of a route that refuses."""
    body = {"body": "{}"} if method == "POST" else {}
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("gpumon", "api", *path, params=params, method=method, **body)
    return error.value.code, json.loads(error.value.response.body)["message"]


async def test_the_list_says_what_there_is_and_where(jp_fetch, gpumon, store):
    """Newest first, by name or branch if asked; none is an empty list."""
    assert (await answered(jp_fetch, "runs"))["runs"] == []
    for name in ("base", "base", "tuned"):
        store.save(run(name, 100.0, metrics={"loss": metric(1.0)}))
    found = await answered(jp_fetch, "runs")
    assert [line["name"] for line in found["runs"]] == ["tuned", "base", "base"]
    assert found["runs"][0]["metrics"] == {"loss": 1.0}
    assert found["store"].endswith("runs.sqlite")
    assert len((await answered(jp_fetch, "runs", name="base", limit=1))["runs"]) == 1
    assert (await answered(jp_fetch, "runs", branch="other"))["runs"] == []


async def test_records_comparison_and_export_are_had_by_id_or_name(jp_fetch, gpumon, store):
    """The ZIP holds the recorder's four files."""
    for name, joules in (("base", 100.0), ("tuned", 80.0)):
        store.save(run(name, joules, metrics={"loss": metric(2.0, 1.0)}))
    records = (await answered(jp_fetch, "runs", "records", ids="base,tuned"))["records"]
    assert [record["metrics"]["loss"]["values"] for record in records] == [[2.0, 1.0]] * 2
    assert records[0]["usage"]["gpus"]["gpu0"]["power"] == [300.0, 310.0, 320.0]
    found = await answered(jp_fetch, "runs", "compare", first="base", second="tuned")
    energy = next(row for row in found["metrics"] if row["metric"] == "energy_joules")
    assert (energy["change"], energy["significant"]) == (pytest.approx(-0.2), True)
    archive = await jp_fetch("gpumon", "api", "runs", "export", params={"ids": "base,tuned"})
    names = zipfile.ZipFile(io.BytesIO(archive.body)).namelist()
    assert [name.rsplit("_", 2)[0] for name in names] == [
        "benchmarks", "device_measurements", "model_measurements", "benchmark_summary",
    ]  # fmt: skip
    assert len(await answered(jp_fetch, "runs", "export", ids="base,tuned", format="json")) == 2


async def test_what_cannot_be_answered_says_why(jp_fetch, gpumon, store, monkeypatch):
    """With its status; a benchmark is not begun from a browser."""
    store.save(run("50 % more"))
    assert await refused(jp_fetch, "runs", "records", ids="x") == (404, "There is no run 'x'. There are: 50 % more.")
    assert (await refused(jp_fetch, "runs", "records"))[0] == 400
    assert (await refused(jp_fetch, "runs", "compare", first="x"))[0] == 400
    assert (await refused(jp_fetch, "runs", "export", ids="50 % more", format="xml"))[0] == 400
    status, message = await refused(jp_fetch, "bench", method="POST")
    assert (status, "%gpumon bench" in message) == (405, True)
    monkeypatch.setenv("GPUMON_RUNS", "sqlite:////proc")
    assert (await refused(jp_fetch, "runs"))[0] == 503


def test_a_run_is_taken_from_its_own_kernel_only():
    """And never from one that cannot be told; names beyond the bound make room."""
    runs = Runs()
    for kernel in (None, "other"):
        with pytest.raises(CellError, match="kernel that it names"):
            runs.post(run("x", kernel_id="mine"), kernel)
    for at in range(KEPT + 5):
        runs.post(run(f"run {at}", kernel_id="mine"), "mine")
    assert len(list(runs)) == KEPT
    assert "run 0" not in {each.name for each in runs}


async def test_runs_and_the_last_benchmark_are_scraped(jp_fetch, gpumon, store):
    """Under our names, and under those of the older exporter."""
    service = gpumon.service
    metrics = {
        "loss": metric(0.5), "tokens": metric(10.0, 20.0, kind="counter"), "cache_hit_rate": metric(0.75),
        "cache_hit_rate.kv": metric(0.5), "task_success_rate": metric(1.0),
        "ttft_s": metric(0.1, 0.2, 0.3, kind="histogram"),
    }  # fmt: skip
    service.runs.post(run('q"uote', 100.0, metrics=metrics, kernel_id="k"), "k")
    service.cells.post(Cell(id="a", start=0.0, end=1.0, kernel_id="k"), "k")
    service.cells.post(Cell(id="b", start=0.0, end=1.0, status="error", kernel_id="k"), "k")
    store.save(run("bench", tags={"kind": "bench", "gpu": "gpu1", "uuid": "GPU-1", "gpu_name": "H200"}, metrics={
        "matrix_gflops": metric(50_000.0), "memory_bandwidth_gbs": metric(4000.0), "matrix_speedup": metric(50.0),
        "memory_speedup": metric(30.0), "overall_speedup": metric(40.0), "matrix_s": metric(0.1, 0.3),
    }))  # fmt: skip
    found = {}
    for family in parse((await jp_fetch("gpumon", "metrics")).body.decode()):
        for name, labels, value, *_ in family.samples:
            more = [labels[k] for k in ("metric", "cache", "quantile", "kind") if k in labels]
            found[(name, *more)] = value
    assert found["gpumon_run_metric", "loss"] == 0.5
    assert found["gpumon_run_counted", "tokens"] == 30
    assert found["gpumon_run_cache_hit_ratio", "kv"] == 0.5
    assert found["gpumon_run_success_ratio",] == 1
    assert found["gpumon_run_energy_joules",] == 100
    assert found["gpumon_run_observed", "ttft_s", "0.5"] == pytest.approx(0.2)
    assert found["gpumon_run_observed_count", "ttft_s"] == 3
    assert found["gpumon_cell_success_ratio",] == 0.5
    assert found["gpumon_bench_matrix_flops",] == 5e13
    assert found["gpumon_bench_memory_bandwidth_bytes_per_second",] == 4e12
    assert found["gpumon_bench_duration_seconds_sum", "matrix"] == pytest.approx(0.4)
    assert found["gpumon_bench_runs_total",] == 1
    old = (await jp_fetch("gpumon", "metrics", params={"names": "seed"})).body.decode()
    told = {name: value for family in parse(old) for name, _, value, *_ in family.samples}
    assert (told["gpu_matrix_gflops"], told["gpu_overall_speedup_ratio"]) == (50_000, 40)
    assert (told["gpu_cache_hit_rate_percent"], told["gpu_task_success_rate_percent"]) == (75, 50)
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    assert list(parse_openmetrics((await jp_fetch("gpumon", "metrics", headers=accept)).body.decode()))


async def test_nothing_is_told_of_what_there_is_not(jp_fetch, gpumon):
    """No run, no benchmark, no cell: no series, and no zeros."""
    page = (await jp_fetch("gpumon", "metrics")).body.decode()
    assert "gpumon_run" not in page
    assert "gpumon_bench" not in page
    assert "success" not in page

"""The benchmark's logic, with NumPy standing in for a GPU's library: there is no GPU here.

What is checked is what is computed from the times, what is refused, and that nothing is made up where there is no GPU.
"""

from __future__ import annotations

import sys
import time
import types
from statistics import median

import numpy as np
import pytest

from jupyter_gpumon import bench
from jupyter_gpumon.bench import libraries
from jupyter_gpumon.bench.libraries import Namespace, on_gpu
from jupyter_gpumon.bench.machine import Plan, measured
from jupyter_gpumon.errors import RunError
from jupyter_gpumon.kernel import connect
from jupyter_gpumon.runs.store import RunStore

SMALL = {"size": 64, "copied": 2**16, "repeats": 5, "warmup": 2}


@pytest.fixture
def on(tmp_path, monkeypatch):
    """``on(source)``: this process's connection is to that source, and its runs go into a file of this test."""
    monkeypatch.setenv("GPUMON_RUNS", f"sqlite:///{tmp_path}/runs.sqlite")
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    connect.reset()

    def use(source):
        monkeypatch.setenv("GPUMON_SOURCE", source)
        return RunStore(f"sqlite:///{tmp_path}/runs.sqlite")

    yield use
    connect.reset()


def stand_in(uuid=None):
    """NumPy under another name, as a GPU's library would be."""
    return Namespace(np, "stand-in 1.0", "Stand-in GPU", uuid)


def test_the_result_is_a_run_with_medians_spread_and_speedups(on):
    """2·n³ operations, a copy that moves its bytes twice, the CPU's median over the GPU's."""
    store = on("sim:gpus=1&script=idle")
    said = []
    found = bench.run(Plan(**SMALL), say=said.append, gpu=stand_in())
    (line,) = store.lines()
    assert (line.name, line.tags["kind"], line.tags["gpu_name"]) == ("bench", "bench", "Stand-in GPU")
    metrics = found.metrics
    gflops, seconds = metrics["matrix_gflops"], metrics["matrix_s"]
    assert gflops.stats.count == 5
    assert sorted(gflops.values) == pytest.approx(sorted(2 * 64**3 / s / 1e9 for s in seconds.values))
    assert metrics["memory_bandwidth_gbs"].stats.max == pytest.approx(2 * 2**16 / metrics["memory_s"].stats.min / 1e9)
    speedup = metrics["cpu_matrix_s"].stats.median / seconds.stats.median
    assert metrics["matrix_speedup"].stats.last == pytest.approx(speedup)
    assert metrics["overall_speedup"].stats.last == pytest.approx((speedup + metrics["memory_speedup"].stats.last) / 2)
    assert [words.split(":")[0] for words in said] == ["CPU", "GPU"]


def test_without_a_gpus_library_the_baseline_alone_is_measured_and_said(on, monkeypatch):
    """No field of a GPU is there: nothing is made up."""
    store = on("sim:gpus=1&script=idle")
    monkeypatch.setattr(libraries, "LIBRARIES", ())
    said = []
    found = bench.run(Plan(**SMALL), say=said.append)
    assert "Neither PyTorch nor CuPy is installed" in said[0]
    assert {name.split("_")[0] for name in found.metrics} == {"cpu"}
    assert not {"library", "gpu_name", "uuid"} & set(store.lines()[0].tags)


def test_a_busy_gpu_is_refused_unless_forced(on):
    """In one sentence; nothing is kept."""
    store = on("sim:gpus=1&script=training")
    link = connect.connection()
    link.ready()
    uuid = link.hello.devices[0].uuid
    link.tape.wait(lambda: (link.latest.gpus[0].utilization or 0) > 0.5, 30)
    with pytest.raises(RunError, match=r"gpu0 is \d+ % busy.*--force"):
        bench.run(Plan(**SMALL), gpu=stand_in(uuid))
    assert store.lines() == []
    assert bench.run(Plan(**SMALL, force=True), gpu=stand_in(uuid)).metrics["matrix_speedup"].stats.last > 0


def test_what_warms_up_does_not_count():
    """The first two calls take long, and are in no number; each repetition is waited for to its end."""
    calls = []

    class Slow(Namespace):
        def matmul(self, operands):
            calls.append("begun")
            time.sleep(0.05 if len(calls) < 4 else 0)
            super().matmul(operands)

    waits = []
    found = measured(Slow(np, "slow", finish=lambda: (waits.append(1), calls.append("waited"))), Plan(**SMALL))
    assert len(found.matrix) == 5
    assert median(found.matrix) < 0.05
    assert len(waits) == 2 * 2 * (5 + 2)  # before and after each, of both


@pytest.mark.parametrize(
    ("plan", "says"),
    [({"size": 0}, "size from 1"), ({"repeats": 0}, "one repetition"), ({"library": "jax"}, "torch or cupy")],
)
def test_a_plan_that_cannot_be_is_one_sentence(plan, says):
    """Before anything is begun."""
    with pytest.raises(RunError, match=says):
        bench.run(Plan(**plan))


def fake(monkeypatch, name, module):
    """A library of that name, of which only what is asked for is there."""
    module.__spec__ = types.SimpleNamespace(name=name)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(libraries, "LIBRARIES", (name,))
    return on_gpu()


def test_a_library_that_sees_no_gpu_says_so(monkeypatch):
    """And is not used."""
    torch = types.ModuleType("torch")
    torch.cuda = types.SimpleNamespace(is_available=lambda: False)
    assert fake(monkeypatch, "torch", torch) == (None, "PyTorch sees no GPU.")


def test_a_model_that_generates_is_timed_under_the_names_of_the_recorder(on):
    """All thirteen, in seconds, in the run that is open."""
    on("sim:gpus=1&script=idle")
    import jupyter_gpumon as gm
    from jupyter_gpumon.runs.exports import MODEL_METRICS

    calls = []
    with gm.run("llama") as run:
        bench.generate(
            lambda: calls.append("generate"), load=lambda: time.sleep(0.01), forward=lambda: None,
            next_token=lambda: calls.append("token"), compiled=lambda: None, kv_cache=lambda: 2**30,
        )  # fmt: skip
    assert set(MODEL_METRICS) <= set(run.record.metrics)
    assert run.record.metrics["model_load_time"].stats.last >= 0.01
    assert run.record.metrics["kv_cache_memory_bytes"].stats.last == 2**30
    assert (calls.count("generate"), calls.count("token")) == (2, 23)
    with pytest.raises(RunError, match="No run is open"):
        bench.generate(lambda: None)

"""The names of the older exporters: every family of theirs, with real values or not at all."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from jupyter_gpumon.experiments import Logged, Run, Stats
from jupyter_gpumon.exposition import runs
from jupyter_gpumon.metrics import Gpu, Host

READ = Gpu(
    uuid="GPU-a", utilization=0.97, memory_used=2e9, memory_total=8e9, memory_activity=0.41, temperature=51.0,
    temperature_memory=62.0, power=451.5, power_limit=700.0, clock_sm=1.98e9, clock_memory=3.2e9, clock_graphics=1.5e9,
    pcie_tx=0.0, pcie_rx=0.0,
)  # fmt: skip
HOST = Host(cpu=0.25, memory_used=3e9, memory_total=12e9, cpu_energy=100.0, dram_energy=10.0)
TIMES = 4


def logged(value, kind="gauge"):
    """A metric of which each of four values is this one."""
    stats = Stats(count=TIMES, sum=TIMES * value, last=value, mean=value, median=value, min=value, max=value)
    return Logged(kind=kind, stats=stats)


FOUND = Run(
    id="b1", name="bench", start=1000.0, end=1010.0, tags={"kind": "bench", "gpu": "gpu0", "uuid": "GPU-a"},
    metrics={
        "matrix_gflops": logged(66e3, "histogram"), "matrix_throughput": logged(30.0, "histogram"),
        "matrix_s": logged(0.5, "histogram"), "memory_bandwidth_gbs": logged(4.1e3, "histogram"),
        "memory_throughput": logged(900.0, "histogram"), "memory_s": logged(0.25, "histogram"),
        "matrix_speedup": logged(180.0), "memory_speedup": logged(80.0), "overall_speedup": logged(130.0),
    },
)  # fmt: skip
TRAIN = Run(id="t1", name="train", start=1.0, end=2.0, metrics={"cache_hit_rate": logged(0.75)})
HARDWARE = {
    "gpu_utilization_percent": 97, "gpu_memory_used_bytes": 2e9, "gpu_memory_total_bytes": 8e9,
    "gpu_memory_utilization_percent": 41, "gpu_temperature_celsius": 51, "gpu_power_usage_watts": 451.5,
    "gpu_power_limit_watts": 700, "gpu_sm_clock_mhz": 1980, "gpu_memory_clock_mhz": 3200,
    "gpu_pcie_throughput_tx_mbps": 1, "gpu_pcie_throughput_rx_mbps": 2.5,
}  # fmt: skip
BENCHMARK = {
    "gpu_matrix_gflops": 66e3, "gpu_matrix_speedup_ratio": 180, "gpu_matrix_throughput_ops_per_sec": 30,
    "gpu_memory_bandwidth_gbps": 4.1e3, "gpu_memory_speedup_ratio": 80, "gpu_memory_throughput_ops_per_sec": 900,
    "gpu_overall_speedup_ratio": 130, "gpu_benchmark_runs_total": 4,
}  # fmt: skip
OTHERS = {
    "system_cpu_usage_percent": 25, "system_dram_usage_percent": 25, "system_cpu_power_draw_watts": 45,
    "system_dram_power_draw_watts": 5, "gpu_power_draw_watts": 451.5, "gpu_memory_util_percent": 41,
    "gpu_clock_graphics_mhz": 1500, "gpu_clock_memory_mhz": 3200, "gpu_clock_sm_mhz": 1980,
}  # fmt: skip


@pytest.fixture
def read(told):
    """A page after two looks at a GPU and a host that tell all."""
    told.look(READ, host=HOST)
    return told.look(replace(READ, pcie_tx=1e6, pcie_rx=2.5e6), host=replace(HOST, cpu_energy=145.0, dram_energy=15.0))


def test_the_hardware_families_of_the_first(read):
    """Eleven, by device_id."""
    series = read.series("seed")
    said = {
        name: series.of(name, device_id="0", **({"temp_type": "core"} if "temper" in name else {})) for name in HARDWARE
    }
    assert said == pytest.approx(HARDWARE)
    assert series.labels("gpu_utilization_percent")[0]["device_name"] == "NVIDIA H200"


def test_the_families_of_the_second(read):
    """By gpu_index; both temperatures, CPU and memory power by RAPL."""
    series = read.series("seed")
    assert {
        name: series.of(name, **({"gpu_index": "0"} if name.startswith("gpu") else {})) for name in OTHERS
    } == pytest.approx(OTHERS)
    assert series.of("gpu_temperature_celsius", gpu_index="0", temp_type="mem") == 62


@pytest.fixture
def benched(read):
    """The same page, with a benchmark, a run that asked a cache, and measured cells of which 90 % succeeded."""

    def more(found, names):
        runs.collect(found, [TRAIN], (FOUND, TIMES), 0.9, seed=names == "seed")

    read.page.more.append(more)
    return read


def test_what_a_benchmark_found_is_there_once_there_is_one(benched):
    """Of the GPU it was run on; the summary is really observed."""
    series = benched.series("seed")
    assert {name: series.of(name, device_id="0", uuid="GPU-a") for name in BENCHMARK} == pytest.approx(BENCHMARK)
    assert series.of("gpu_benchmark_duration_seconds_sum", device_id="0", benchmark_type="matrix") == 2.0
    assert series.of("gpu_benchmark_duration_seconds_count", benchmark_type="memory") == TIMES
    assert series.of("gpu_cache_hit_rate_percent") == 75
    assert series.of("gpu_task_success_rate_percent") == 90


def test_before_a_benchmark_nothing_is_made_up(read):
    """No zeros, no numbers of another machine."""
    names = read.series("seed")
    assert not [name for name in names if re.search("matrix|speedup|benchmark|rate_percent|gbps", name)]


def test_twenty_two_families_in_all(benched):
    """As many as the first exporter declared."""
    families = benched.series("seed").families
    names = {name + "_total" if family.type == "counter" else name for name, family in families.items()}
    others = {"gpu_benchmark_duration_seconds", "gpu_cache_hit_rate_percent", "gpu_task_success_rate_percent"}
    first = {*HARDWARE, *BENCHMARK, *others}
    assert len(first) == 22
    assert first | set(OTHERS) <= names


def test_promtool_complains_of_the_two_names_that_are_not_ours_to_change(benched, promtool):
    """ "sec" is an abbreviation, in the first exporter's own names of two of its benchmark's families."""
    assert promtool("check", "metrics", text=benched.page.text()[0]) == ""
    said = promtool("check", "metrics", text=benched.page.text(names="seed")[0], fails=True)
    assert [line.split()[0] for line in said.splitlines()] == [
        "gpu_matrix_throughput_ops_per_sec",
        "gpu_memory_throughput_ops_per_sec",
    ]
    benched.page.more.clear()
    assert promtool("check", "metrics", text=benched.page.text(names="seed")[0]) == ""

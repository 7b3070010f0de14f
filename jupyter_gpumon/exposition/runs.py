"""Runs and the last benchmark as metric families. What is told is bounded: so many names, so many metrics of each."""

from __future__ import annotations

from collections.abc import Iterable

from ..experiments import Logged, Run
from ..report.amounts import resolved
from ..runs.amounts import measured
from ..runs.log import value_of
from .families import NONE, Families, Family, Labels

METRICS = 50
"""Metrics of a run that are told, those logged first."""
_RATES = ("cache_hit_rate", "task_success_rate")
_QUANTILES = (("0.5", "median"), ("0.95", "p95"), ("0.99", "p99"))

_BENCH = (
    ("matrix_flops", "matrix_gflops", 1e9, "", "Floating point operations a second of a matrix product."),
    ("matrix_throughput_ops_per_second", "matrix_throughput", 1, "", "Matrix products in a second."),
    ("matrix_speedup_ratio", "matrix_speedup", 1, "ratio", "The CPU's time for a matrix product over the GPU's."),
    ("memory_bandwidth_bytes_per_second", "memory_bandwidth_gbs", 1e9, "", "Bytes a second that a copy moves."),
    ("memory_throughput_ops_per_second", "memory_throughput", 1, "", "Copies in a second."),
    ("memory_speedup_ratio", "memory_speedup", 1, "ratio", "The CPU's time for a copy over the GPU's."),
    ("overall_speedup_ratio", "overall_speedup", 1, "ratio", "Mean of the two speedups."),
)  # fmt: skip
"""Family after ``gpumon_bench_``, metric of the run, factor to its base unit, unit, help."""

_SEED_BENCH = (
    ("gpu_matrix_gflops", "matrix_gflops", "Matrix product, GFLOPS."),
    ("gpu_matrix_speedup_ratio", "matrix_speedup", "The CPU's time for a matrix product over the GPU's."),
    ("gpu_matrix_throughput_ops_per_sec", "matrix_throughput", "Matrix products in a second."),
    ("gpu_memory_bandwidth_gbps", "memory_bandwidth_gbs", "Memory bandwidth of a copy, read and written, GB/s."),
    ("gpu_memory_speedup_ratio", "memory_speedup", "The CPU's time for a copy over the GPU's."),
    ("gpu_memory_throughput_ops_per_sec", "memory_throughput", "Copies in a second."),
    ("gpu_overall_speedup_ratio", "overall_speedup", "Mean of the two speedups."),
)


def collect(
    found: Families, runs: Iterable[Run], last: tuple[Run | None, int], success: float | None, *, seed: bool = False
) -> None:
    """Add runs, and the last benchmark.

    Args:
        found: where to.
        runs: each of another name.
        last: the last benchmark, None where there is none; and how many were kept.
        success: share of the measured cells that succeeded; None where there were none.
        seed: under the names of the older exporter.
    """
    bench, benches = last
    if seed:
        _seed(found, list(runs), bench, benches, success)
        return
    for run in runs:
        _run(found, run)
    if bench is not None:
        _bench(found, bench, benches)
    found.gauge(
        "gpumon_cell_success_ratio", "Share of the last measured cells that ended without an error.", "ratio"
    ).add(NONE, success)


def _run(found: Families, run: Run) -> None:
    labels, ended = Labels(run=run.name), run.status != "running"
    found.gauge("gpumon_run_active", "1 while a run of this name is under way.").add(labels, not ended)
    found.gauge("gpumon_run_duration_seconds", "How long the last run has taken so far.", "seconds").add(
        labels, run.duration
    )
    energy = measured(run)
    joules = energy.joules if resolved(energy) else None
    found.gauge("gpumon_run_energy_joules", "Energy of the GPUs that the last run of this name used.", "joules").add(
        labels, joules
    )
    for name, metric in list(run.metrics.items())[:METRICS]:
        _metric(found, labels, name, metric)


def _metric(found: Families, labels: Labels, name: str, metric: Logged) -> None:
    if name.split(".")[0] in _RATES:
        _rate(found, labels, name, value_of(metric))
    elif metric.kind == "gauge":
        family = found.gauge("gpumon_run_metric", "Value that a run logged last.")
        family.add(labels.plus(metric=name), value_of(metric))
    elif metric.kind == "counter":
        family = found.gauge("gpumon_run_counted", "What a run has counted so far; a new run of the name begins at 0.")
        family.add(labels.plus(metric=name), value_of(metric))
    else:
        _observed(found, labels.plus(metric=name), metric)


def _rate(found: Families, labels: Labels, name: str, value: float | None) -> None:
    kind, _, cache = name.partition(".")
    if kind == "cache_hit_rate":
        family = found.gauge(
            "gpumon_run_cache_hit_ratio", "Share of a cache's questions that it could answer.", "ratio"
        )
        family.add(labels.plus(cache=cache or "all"), value)
    else:
        family = found.gauge("gpumon_run_success_ratio", "Share of the cells within a run that succeeded.", "ratio")
        family.add(labels, value)


def _observed(found: Families, labels: Labels, metric: Logged) -> None:
    family = found.of("gpumon_run_observed", "summary", "What a run has observed: latencies and the like.")
    said = metric.stats
    for quantile, name in _QUANTILES:
        family.add(labels.plus(quantile=quantile), getattr(said, name))
    family.add(labels, said.sum, "_sum")
    family.add(labels, said.count, "_count")


def _bench(found: Families, run: Run, benches: int) -> None:
    labels = _gpu(run)
    for name, metric, factor, unit, said in _BENCH:
        value = _value(run, metric)
        family = found.gauge(f"gpumon_bench_{name}", f"{said} By the last benchmark (gpumon bench).", unit)
        family.add(labels, None if value is None else value * factor)
    found.gauge("gpumon_bench_last_timestamp_seconds", "Unix time of the last benchmark.", "seconds").add(
        labels, run.end
    )
    found.counter("gpumon_bench_runs", "Benchmarks that were kept.").add(Labels(hostname=run.origin.hostname), benches)
    seconds = found.of("gpumon_bench_duration_seconds", "summary", "How long its repetitions took.", "seconds")
    for name in ("matrix", "memory", "cpu_matrix", "cpu_memory"):
        _durations(seconds, labels.plus(kind=name), run.metrics.get(f"{name}_s"))


def _value(run: Run, metric: str) -> float | None:
    found = run.metrics.get(metric)
    return None if found is None else value_of(found)


def _durations(family: Family, labels: Labels, metric: Logged | None) -> None:
    if metric is not None:
        family.add(labels, metric.stats.sum, "_sum")
        family.add(labels, metric.stats.count, "_count")


def _gpu(run: Run) -> Labels:
    tags = run.tags
    gpu = tags.get("gpu", "").removeprefix("gpu") or None
    return Labels(uuid=tags.get("uuid"), gpu=gpu, name=tags.get("gpu_name"), hostname=run.origin.hostname)


def _seed(found: Families, runs: list[Run], bench: Run | None, benches: int, success: float | None) -> None:
    """The families of the older exporter, only those of which something is known."""
    if bench is not None:
        tags, index = bench.tags, bench.tags.get("gpu", "").removeprefix("gpu") or None
        labels = Labels(device_id=index, device_name=tags.get("gpu_name"), gpu_index=index, uuid=tags.get("uuid"))
        for name, metric, said in _SEED_BENCH:
            found.gauge(name, said).add(labels, _value(bench, metric))
        found.counter("gpu_benchmark_runs", "Benchmarks that were kept.").add(labels, benches)
        seconds = found.of("gpu_benchmark_duration_seconds", "summary", "How long the repetitions took.", "seconds")
        for name in ("matrix", "memory"):
            _durations(seconds, labels.plus(benchmark_type=name), bench.metrics.get(f"{name}_s"))
    rates = [value_of(run.metrics["cache_hit_rate"]) for run in runs if "cache_hit_rate" in run.metrics]
    hits = rates[-1] if rates else None
    found.gauge("gpu_cache_hit_rate_percent", "Cache hit rate of the last run that has one, per cent.").add(
        NONE, None if hits is None else 100 * hits
    )
    found.gauge("gpu_task_success_rate_percent", "Measured cells that succeeded, per cent.").add(
        NONE, None if success is None else 100 * success
    )

"""Runs as files: four tables (CSV or Parquet) under the names and columns of Transformers' benchmark recorder, or JSON.

The tables are ``benchmarks``, ``device_measurements``, ``model_measurements`` and ``benchmark_summary``; their columns
keep that recorder's units (per cent, MiB) and its order, and ours follow after them.
"""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from ..errors import RunError
from ..experiments import Run
from ..report.amounts import resolved
from . import stats
from .amounts import measured
from .log import value_of

MODEL_METRICS = (
    "model_load_time", "first_eager_forward_pass_time_secs", "second_eager_forward_pass_time_secs",
    "first_eager_generate_time_secs", "second_eager_generate_time_secs", "time_to_first_token_secs",
    "time_to_second_token_secs", "time_to_third_token_secs", "time_to_next_token_mean_secs",
    "first_compile_generate_time_secs", "second_compile_generate_time_secs", "third_compile_generate_time_secs",
    "fourth_compile_generate_time_secs",
)  # fmt: skip
"""The metrics of a generating model that the recorder knows by name."""

BENCHMARKS = ("benchmark_id", "repository", "branch", "commit_id", "commit_message", "metadata", "created_at")
DEVICE = ("benchmark_id", "cpu_util", "mem_megabytes", "gpu_util", "gpu_mem_megabytes", "time")
_MEASURED = DEVICE[1:5]
_MIB = 2**20

Table = list[dict[str, Any]]


def tables(runs: Sequence[Run]) -> dict[str, Table]:
    """The four tables by name; None is what is not known."""
    devices = {run.id: list(_device_rows(run)) for run in runs}
    return {
        "benchmarks": [_benchmark(run) for run in runs],
        "device_measurements": [row for rows in devices.values() for row in rows],
        "model_measurements": [{"benchmark_id": run.id, "time": _iso(run.end), **_model(run)} for run in runs],
        "benchmark_summary": [_benchmark(run) | _model(run) | _summary(run, devices[run.id]) for run in runs],
    }


def _benchmark(run: Run) -> dict[str, Any]:
    origin = run.origin
    return {
        "benchmark_id": run.id,
        "repository": origin.repository,
        "branch": origin.branch,
        "commit_id": origin.commit,
        "commit_message": origin.message,
        "metadata": msgspec.json.encode(_metadata(run)).decode(),
        "created_at": _iso(run.start),
    }


def _metadata(run: Run) -> dict[str, Any]:
    origin = run.origin
    found = {
        "name": run.name, "tags": run.tags, "status": run.status, "success": run.outcome == "ok",
        "duration": run.duration, "gpu_name": ", ".join(dict.fromkeys(origin.gpus)) or None, "driver": origin.driver,
        "cuda_version": origin.cuda, "python_version": origin.python, "cpu_count": origin.cpus,
        "memory_total_mb": origin.memory and origin.memory / _MIB, "frameworks": origin.frameworks,
        "notebook": origin.notebook, "simulated": run.simulated,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value not in (None, {}, "")}


def _device_rows(run: Run) -> Iterator[dict[str, Any]]:
    """A row per sample and GPU; of the host alone where there is no GPU. Utilizations in per cent, memory in MiB."""
    usage = run.usage
    if usage is None:
        return
    for at, moment in enumerate(usage.time):
        host = {
            "cpu_util": _scaled(usage.host.get("cpu"), at, 100),
            "mem_megabytes": _scaled(usage.host.get("memory_used"), at, 1 / _MIB),
        }
        for gpu, values in usage.gpus.items() or [("", {})]:
            yield {
                "benchmark_id": run.id,
                **host,
                "gpu_util": _scaled(values.get("utilization"), at, 100),
                "gpu_mem_megabytes": _scaled(values.get("memory_used"), at, 1 / _MIB),
                "time": _iso(moment),
                "gpu": gpu or None,
                "gpu_power_watts": _scaled(values.get("power"), at, 1),
            }


def _scaled(column: Sequence[float | None] | None, at: int, factor: float) -> float | None:
    value = None if column is None else column[at]
    return None if value is None else round(value * factor, 3)


def _model(run: Run) -> dict[str, float | None]:
    """The recorder's metrics first; of a metric with many values, median and 95th percentile as well."""
    names = [*MODEL_METRICS, *(name for name in run.metrics if name not in MODEL_METRICS)]
    found: dict[str, float | None] = {}
    for name in names:
        metric = run.metrics.get(name)
        found[name] = None if metric is None else value_of(metric)
        if metric is not None and metric.stats.count > 1:
            found |= {f"{name}_p50": metric.stats.median, f"{name}_p95": metric.stats.p95}
    return found


def _summary(run: Run, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for column in _MEASURED:
        said = stats.of([row[column] for row in rows if row[column] is not None])
        found |= {f"{column}_{name}": _rounded(getattr(said, name)) for name in ("mean", "max", "std")}
        extra |= {f"{column}_p50": _rounded(said.median), f"{column}_p95": _rounded(said.p95)}
    energy, per_token = measured(run), run.metrics.get("joules_per_token")
    return (
        found
        | {"device_measurement_count": len(rows)}
        | extra
        | {
            "energy_joules": _rounded(energy.joules if resolved(energy) else None),
            "energy_low_joules": _rounded(energy.low),
            "energy_high_joules": _rounded(energy.high),
            "joules_per_token": None if per_token is None else value_of(per_token),
        }
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")


def columns_of(rows: Table) -> list[str]:
    """All columns of the rows, in the order in which they first come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def export(runs: Sequence[Run], folder: Path, kind: str = "csv") -> list[Path]:
    """Write runs into a folder; the files.

    Raises:
        RunError: there is no such kind of file, nothing to write, or it cannot be written.
    """
    if kind not in _WRITERS:
        raise RunError(f"Runs are exported as {', '.join(_WRITERS)}; not {kind!r}.")
    if not runs:
        raise RunError('There is no run to export. Make one: with gm.run("name"): …')
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _WRITERS[kind](runs, folder)
    except OSError as e:
        raise RunError(f"Nothing can be written to {folder}: {e.strerror or e}") from None


def _csv(runs: Sequence[Run], folder: Path) -> list[Path]:
    stamp = time.strftime("%Y%m%d_%H%M%S")
    written = []
    for name, rows in tables(runs).items():
        path = folder / f"{name}_{stamp}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns_of(rows) or [*DEVICE, "gpu", "gpu_power_watts"])
            writer.writeheader()
            writer.writerows(rows)
        written.append(path)
    return written


def _parquet(runs: Sequence[Run], folder: Path) -> list[Path]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise RunError('Parquet needs pyarrow: pip install "jupyter-gpumon[parquet]".') from None
    stamp = time.strftime("%Y%m%d_%H%M%S")
    written = []
    for name, rows in tables(runs).items():
        path = folder / f"{name}_{stamp}.parquet"
        pq.write_table(
            pa.Table.from_pylist([{column: row.get(column) for column in columns_of(rows)} for row in rows]), path
        )
        written.append(path)
    return written


def _json(runs: Sequence[Run], folder: Path) -> list[Path]:
    written = []
    for run in runs:
        path = folder / f"{run.id}.json"
        path.write_text(to_json(run) + "\n", encoding="utf-8")
        written.append(path)
    return written


def to_json(run: Run) -> str:
    """The record, indented, with each list of numbers on a line of its own."""
    text = msgspec.json.format(msgspec.json.encode(run), indent=1).decode()
    return re.sub(r"\[[\s\d.,eE+\-nul]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)


_WRITERS: dict[str, Callable[[Sequence[Run], Path], list[Path]]] = {"csv": _csv, "json": _json, "parquet": _parquet}

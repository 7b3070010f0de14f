"""Runs as files: the recorder's four tables, Parquet, JSON."""

from __future__ import annotations

import csv
import json
import re

import pyarrow.parquet as pq
import pytest

from jupyter_gpumon.errors import RunError
from jupyter_gpumon.model import Columns
from jupyter_gpumon.runs.exports import BENCHMARKS, DEVICE, MODEL_METRICS, export, tables

from .made import metric, run


def logged():
    """A run with all thirteen metrics, one of ours, and energy per token."""
    named = {name: metric(float(at)) for at, name in enumerate(MODEL_METRICS)}
    return run("llama", 1234.5678, metrics=named | {"ttft_s": metric(1.0, 2.0, 4.0), "joules_per_token": metric(0.5)})


def read(path):
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_four_files_have_the_names_and_columns_of_the_recorder(tmp_path):
    """In its order and units; ours come after them."""
    one = logged()
    paths = export([one], tmp_path / "benchmark_results")
    names = ["benchmarks", "device_measurements", "model_measurements", "benchmark_summary"]
    assert [re.sub(r"_\d{8}_\d{6}\.csv$", "", path.name) for path in paths] == names
    benchmarks, device, model, summary = map(read, paths)
    assert list(benchmarks[0]) == list(BENCHMARKS)
    assert benchmarks[0]["benchmark_id"] == one.id
    assert json.loads(benchmarks[0]["metadata"])["gpu_name"] == "H200"
    assert list(device[0])[:6] == list(DEVICE)
    assert {name: device[0][name] for name in DEVICE[1:5]} == {
        "cpu_util": "25.0", "mem_megabytes": "2048.0", "gpu_util": "50.0", "gpu_mem_megabytes": "1024.0",
    }  # fmt: skip
    assert [row["gpu_util"] for row in device] == ["50.0", "70.0", ""]  # unknown is empty
    assert list(model[0])[2:15] == list(MODEL_METRICS)
    (row,) = summary
    columns = [f"{name}_{kind}" for name in DEVICE[1:5] for kind in ("mean", "max", "std")]
    assert [name for name in row if name in columns] == columns
    assert (row["gpu_util_mean"], row["gpu_util_max"], row["gpu_util_std"]) == ("60.0", "70.0", "14.142")
    assert row["device_measurement_count"] == "3"
    assert (row["cpu_util_p50"], row["cpu_util_p95"]) == ("50.0", "72.5")
    assert (row["ttft_s"], row["ttft_s_p50"], row["energy_joules"], row["joules_per_token"]) == (
        "4.0", "2.0", "1234.568", "0.5",
    )  # fmt: skip


def test_runs_without_a_gpu_have_rows_of_the_host():
    """Their GPU columns are empty, not 0; a run without samples has no rows and is in the summary all the same."""
    hostly = run("cpu", usage=Columns(time=[1.0], step=1.0, gpus={}, host={"cpu": [0.5]}))
    bare = run("bare", usage=None)
    found = tables([hostly, bare])
    assert [(row["cpu_util"], row["gpu_util"], row["gpu"]) for row in found["device_measurements"]] == [
        (50.0, None, None)
    ]
    assert [row["device_measurement_count"] for row in found["benchmark_summary"]] == [1, 0]
    assert found["benchmark_summary"][1]["cpu_util_mean"] is None


def test_parquet_holds_the_same(tmp_path):
    """The four tables with numbers as numbers."""
    paths = export([logged(), run("other")], tmp_path, "parquet")
    summary = pq.read_table(paths[3]).to_pylist()
    assert [row["energy_joules"] for row in summary] == [1234.568, None]


def test_json_is_the_record_with_numbers_on_a_line(tmp_path):
    """It can be read again, and by people."""
    one = logged()
    (path,) = export([one], tmp_path, "json")
    assert path.name == f"{one.id}.json"
    text = path.read_text()
    assert json.loads(text)["name"] == "llama"
    assert "[ 300.0, 310.0, 320.0 ]" in text


@pytest.mark.parametrize(("runs", "kind", "says"), [([], "csv", "no run to export"), ([1], "xml", "not 'xml'")])
def test_what_cannot_be_exported_is_one_sentence(tmp_path, runs, kind, says):
    """With what can."""
    with pytest.raises(RunError, match=says):
        export(runs, tmp_path, kind)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    """Its name is in it."""
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        export([logged()], tmp_path / "file")

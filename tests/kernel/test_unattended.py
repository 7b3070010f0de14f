"""Notebooks run by programs, without a Jupyter server, and what can be read in them afterwards."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_gpumon.report.record import MIME

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "jupyter_gpumon/docs/cell.schema.json").read_text())
CELLS = (
    "%load_ext jupyter_gpumon",
    "%gpumon",
    "%gpumon summary on",
    "import time; time.sleep(0.5)",
    "%%gpumon -t last\nend = time.monotonic() + 1.2\nwhile time.monotonic() < end: sum(range(1000))",
)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook as nbclient leaves it."""
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=[new_code_cell(code) for code in CELLS], metadata={"kernelspec": kernelspec})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPUMON_SOURCE", "sim:gpus=2&script=notebook")
        patch.delenv("JPY_PARENT_PID", raising=False)
        NotebookClient(notebook, timeout=60).execute()
    path = tmp_path_factory.mktemp("run") / "executed.ipynb"
    nbformat.write(notebook, path)
    return path


def _records(path):
    notebook = nbformat.read(path, 4)
    return [o.data[MIME] for cell in notebook.cells for o in cell.outputs if MIME in o.get("data", {})]


def test_every_record_is_final_the_last_one_too(executed):
    """nbclient stops listening with the last cell: what it has by then is all there will be."""
    records = _records(executed)
    assert [record.get("title", "") for record in records] == ["", "last"]
    assert all(record.get("final", True) for record in records)
    assert records[-1]["energy"]["gpu0"]["joules"] > 0


def test_records_obey_the_published_schema_which_lists_every_key(executed):
    """Also when nothing but the listed keys is allowed."""
    record = json.loads(json.dumps(SCHEMA))
    record["$defs"]["Cell"]["additionalProperties"] = False
    for saved in _records(executed):
        jsonschema.validate(saved, record)
        assert {"start", "end", "energy", "devices", "mean", "peak", "rise"} <= set(saved)


def test_the_picture_is_in_the_file_and_is_a_well_formed_image(executed):
    """%gpumon leaves an image with a text alternative; nobody watches, so no widget is made."""
    notebook = nbformat.read(executed, 4)
    (output,) = notebook.cells[1].outputs
    assert set(output.data) == {"text/plain", "text/html"}
    (code,) = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="[^"]+"', output.data["text/html"])
    drawing = ElementTree.fromstring(base64.b64decode(code))
    paths = [e for e in drawing.iter() if e.tag.endswith("path") and e.get("fill") == "none"]
    assert len(paths) == 2 * 4
    assert not [e for e in drawing.iter() if e.tag.endswith("script")]
    assert "widgets" not in notebook.metadata


def test_exported_to_html_the_numbers_and_the_picture_show_without_scripts_of_ours(executed):
    """As plain HTML: no script, no address of ours."""
    out = executed.with_suffix(".html")
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output", out, executed], check=True, timeout=90
    )
    page = out.read_text()
    body = page[page.index("<body") :]
    assert re.search(r"last</b> · [\d.]+ k?J ±", body)
    assert "data:image/svg+xml;base64," in body


def test_papermill_leaves_final_records_too(executed, tmp_path):
    """It drives the kernel in a way of its own."""
    env = {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"} | {
        "GPUMON_SOURCE": "sim:gpus=1&script=notebook"
    }
    out = tmp_path / "out.ipynb"
    command = [sys.executable, "-W", "ignore", "-m", "papermill", "--no-progress-bar", str(executed), str(out)]
    subprocess.run(command, check=True, timeout=120, env=env, capture_output=True)
    assert [record.get("final", True) for record in _records(out)] == [True, True]


def test_the_quickstart_notebook_runs(monkeypatch):
    """All of examples/notebooks/quickstart.ipynb, which has no outputs stored, on simulated GPUs."""
    monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=2&script=notebook")
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    notebook = nbformat.read(ROOT / "examples/notebooks/quickstart.ipynb", 4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    NotebookClient(notebook, timeout=60).execute()
    last = [cell for cell in notebook.cells if "%gpumon report" in cell.source]
    assert "in all" in last[0].outputs[0].data["text/plain"]


def test_the_notebook_of_runs_runs(monkeypatch, tmp_path):
    """All of examples/notebooks/runs.ipynb: what it keeps is listed, shown and compared over all runs of a name."""
    monkeypatch.setenv("GPUMON_RUNS", f"sqlite:///{tmp_path}/runs.sqlite")
    monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=2&script=notebook")
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    notebook = nbformat.read(ROOT / "examples/notebooks/runs.ipynb", 4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    NotebookClient(notebook, timeout=120).execute()
    said = {cell.source: [output.get("data", {}) for output in cell.get("outputs", ())] for cell in notebook.cells}
    comparison = said["%gpumon compare baseline faster"][0]["text/plain"]
    assert "3 and 3 runs" in comparison
    assert {"inter_token_latency_s", "energy_joules", "cache_hit_rate"} <= set(comparison.split())
    assert said["%gpumon runs"][0]["text/plain"].count("faster") == 3
    assert said["run"][0]["application/vnd.gpumon.run+json"]["name"] == "faster"


def test_the_notebook_of_continuous_batching_runs(monkeypatch, tmp_path):
    """All of examples/notebooks/batching.ipynb, by NumPy where there is no PyTorch: statistics, and the profile."""
    monkeypatch.setenv("GPUMON_RUNS", f"sqlite:///{tmp_path}/runs.sqlite")
    monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=1&script=notebook")
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    notebook = nbformat.read(ROOT / "examples/notebooks/batching.ipynb", 4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.get("outputs")]
    run, comparison, profiled = (cell.outputs[-1].data for cell in cells[-3:])
    logged = run["application/vnd.gpumon.run+json"]
    assert {"gen_time", "token_count", "tok_per_sec", "batch_fill_percentage"} <= set(logged["metrics"])
    assert {"samples", "num_blocks", "max_batch_tokens"} <= set(logged["tags"])
    assert "KV cache 2.75 MB of" in run["text/plain"]
    (fill,) = (line for line in comparison["text/plain"].splitlines() if line.startswith("batch_fill_percentage"))
    assert fill.endswith("yes")
    record = profiled["application/vnd.gpumon.cell+json"]
    assert record["metrics"]["tokens"] > 0
    assert record.get("trace") or any("pip install torch" in note for note in record["notes"])

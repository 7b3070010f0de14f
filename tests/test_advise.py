"""``gpumon advise``: a recording, a notebook, a run, and what a source shows now."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from jupyter_gpumon.cli import app
from jupyter_gpumon.errors import GpuMonError
from jupyter_gpumon.findings import Finding
from jupyter_gpumon.report.advice import seconds
from jupyter_gpumon.report.chosen import evidence
from jupyter_gpumon.report.record import MIME, saved
from jupyter_gpumon.runs.store import RunStore

from .report.conftest import record
from .rules.scenes import GB, cell, holding
from .runs.made import run


def gpumon(*words: str) -> str:
    """What the command prints; what it refuses is raised."""
    done = CliRunner().invoke(app, ["advise", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture(scope="module")
def starved(tmp_path_factory):
    """Two minutes of two GPUs that wait for their input."""
    return record(tmp_path_factory.mktemp("advice") / "x.jsonl", 120, script="input-bound")


def test_a_recording_is_advised_on(starved):
    """In words, with steps and code."""
    said = gpumon(str(starved))
    assert "1. The GPU waits for its input (warning, likely)" in said
    assert "3.00 GB/s came in over PCIe" in said
    assert "num_workers=" in said


def test_as_json_it_has_evidence_and_code(starved):
    """The same findings as REST gives, with the stretch they are of."""
    said = json.loads(gpumon(str(starved), "--json"))
    (finding,) = [one for one in said["findings"] if one["rule"] == "input-bound"]
    assert finding["evidence"][0]["metric"] == "utilization"
    assert finding["code"]["source"]
    assert said["until"] - said["since"] == pytest.approx(120, abs=1)


def test_samples_in_a_database_are_advised_on(starved, tmp_path):
    """The same recording, copied into SQLite."""
    url = f"sqlite:///{tmp_path}/x.db"
    assert CliRunner().invoke(app, ["convert", str(starved), url]).exit_code == 0
    assert "The GPU waits for its input" in gpumon(url)


def test_a_window_is_the_end_of_a_recording(starved):
    """Ten seconds are too few to judge."""
    assert "No advice: in 10.0 s" in gpumon(str(starved), "--window", "10s")


def test_a_healthy_recording_has_none(tmp_path):
    """In a sentence."""
    assert "No advice" in gpumon(str(record(tmp_path / "x.jsonl", 60, gpus="2")))


def test_the_report_of_a_recording_has_it_too(starved):
    """Among its findings, with the first thing to do."""
    (found,) = [one for one in evidence(str(starved)).findings if one.title == "The GPU waits for its input"]
    assert found.device == "gpu0"
    assert "Load and prepare batches beside the computing" in found.detail


def test_the_records_of_a_notebook_are_advised_on(tmp_path):
    """A leak over its cells; also in its report."""
    cells = [holding(i, (2 + i) * GB, (3 + i) * GB) for i in range(6)]
    cells = [c.__class__(**{n: getattr(c, n) for n in c.__struct_fields__} | {"peak": _with_whole(c)}) for c in cells]
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {MIME: saved(one)}} for one in cells]
    notebook = {"cells": [{"cell_type": "code", "outputs": [output]} for output in outputs]}
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(notebook))
    assert "1.00 GB more each time over 6 cells in turn" in gpumon(str(path))
    assert "Memory grows and does not come back" in [one.title for one in evidence(str(path)).findings]


def _with_whole(one):
    return {"gpu0": {**one.peak["gpu0"], "memory_total": 80 * GB}}


def test_a_run_is_advised_on(tmp_path):
    """By its record: power-capped for half of it."""
    url = f"sqlite:///{tmp_path}/runs.sqlite"
    capped = cell(end=1_795_302_060.0, delta={"gpu0": {"held_power_cap": 30.0}})
    RunStore(url).save(run("train", cell=capped, usage=None))
    assert "The power limit holds the GPU back" in gpumon("train", "--store", url)


def test_a_source_is_watched():
    """Nothing is said of GPUs at rest."""
    assert "No advice" in gpumon("--source", "sim:gpus=2&script=idle", "--for", "2s")


@pytest.mark.parametrize("words", [["none.jsonl"], ["none.ipynb"], ["--for", "soon"], ["x.jsonl", "--window", "0s"]])
def test_what_cannot_be_advised_on_is_said(words):
    """In a sentence, not a traceback."""
    with pytest.raises(GpuMonError):
        gpumon(*words)


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2 min", 120), ("1h", 3600)])
def test_times_are_read(text, value):
    """As people write them."""
    assert seconds(text) == value


def test_a_finding_is_told_with_its_confidence_in_words():
    """Not as a number."""
    from jupyter_gpumon.report.sketch import plain

    said = [plain([Finding(rule="x", title="T", confidence=sure)]) for sure in (0.9, 0.7, 0.5)]
    assert ["almost certain" in said[0], "likely" in said[1], "possible" in said[2]] == [True] * 3

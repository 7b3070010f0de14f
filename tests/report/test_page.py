"""The page: how big it is, what is in it and what is not, and that it is written whole or not at all."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import random
import re
from dataclasses import replace

import pytest

from jupyter_gpumon.errors import GpuMonError
from jupyter_gpumon.report import chosen, files
from jupyter_gpumon.report.page import page
from jupyter_gpumon.report.recording import evidence

from .conftest import record
from .test_notebook import REMOTE


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """An hour of eight GPUs at one sample a second, and the evidence in it."""
    path = record(tmp_path_factory.mktemp("hour") / "hour.jsonl", 3600, gpus="8")
    return evidence(path)


def test_an_hour_of_eight_gpus_is_below_400_kB(hour):
    """With its table and every chart; with Plotly inside it is below 3 MB, most of which is Plotly."""
    made = page(hour)
    assert hour.samples > 3600
    assert len(made.encode()) < 400_000
    assert made.count('<svg class="chart"') >= 12
    assert 1_000_000 < len(page(hour, "inline").encode()) < 3_000_000


def test_the_hardest_hour_is_below_400_kB_too(hour):
    """Where every value is noise, charts and table get fewer rows until the page fits."""
    noise = random.Random(1)
    rows = len(hour.columns.time)
    low = {
        uuid: {name: [noise.random() * 50 for _ in range(rows)] for name in of}
        for uuid, of in hour.columns.gpus.items()
    }
    high = {uuid: {name: [noise.random() * 50 + 50 for _ in range(rows)] for name in of} for uuid, of in low.items()}
    made = page(
        replace(hour, columns=type(hour.columns)(time=hour.columns.time, step=10.0, gpus=low, low=low, high=high))
    )
    assert len(made.encode()) < 400_000
    assert "each 20 s" in made or "each 40 s" in made


def test_the_page_names_nobody_and_loads_nothing(hour):
    """No UUID, no host, no address that a browser would ask."""
    made = page(hour)
    assert not REMOTE.search(made)
    assert "GPU-" not in made
    assert "default-src 'none'" in made
    assert "cdn.plot.ly" not in made
    linked = page(hour, "cdn")
    assert re.search(r'<script src="https://cdn\.plot\.ly/plotly-[\d.]+\.min\.js" integrity="sha256-', linked)


def test_the_table_in_the_page_holds_the_charts_numbers(hour):
    """A row per GPU and time in base units, readable by anything that reads CSV."""
    address = re.search(r'href="data:application/gzip;base64,([^"]+)"', page(hour))
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(base64.b64decode(address[1])).decode())))
    assert len(rows) == 8 * len(hour.columns.time)
    uuid = hour.devices[3].uuid
    theirs = [float(row["power_watts"]) for row in rows if row["gpu"] == "gpu3"]
    assert theirs == pytest.approx(hour.columns.gpus[uuid]["power"], rel=1e-4)
    assert "pcie_tx_bytes_per_second" in rows[0]


def test_a_page_is_written_whole_or_not_at_all(minute, tmp_path, monkeypatch):
    """What is interrupted leaves the old file and nothing beside it."""
    target = tmp_path / "x.html"
    target.write_text("old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fdopen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        chosen.write(evidence(minute), target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


@pytest.mark.parametrize(
    ("name", "plotly", "words"),
    [
        ("x.txt", "none", "name it .html"),
        ("no/x.html", "none", "cannot be written"),
        ("x.html", "maybe", "--plotly takes"),
    ],
)
def test_what_cannot_be_written_is_said(minute, tmp_path, name, plotly, words):
    """In a sentence that says what to do."""
    with pytest.raises(GpuMonError, match=re.escape(words)):
        chosen.write(evidence(minute), tmp_path / name, plotly)

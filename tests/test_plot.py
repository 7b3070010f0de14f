"""``gpumon plot``: small multiples by unit, a colour per GPU, no peak lost; in the terminal, as a page or a picture."""

from __future__ import annotations

import json
import re
import shutil
import sys

import pytest

import jupyter_gpumon as gm
from jupyter_gpumon.cli.plot.command import plot
from jupyter_gpumon.cli.plot.terminal import columns
from jupyter_gpumon.errors import GpuMonError, RunError
from jupyter_gpumon.experiments import Run
from jupyter_gpumon.model import Columns, Device, Gpu, Hello, Host, Sample
from jupyter_gpumon.report.chart import PlotError
from jupyter_gpumon.report.palette import COLOURS
from jupyter_gpumon.runs.store import shared
from jupyter_gpumon.sinks.urls import open_sink


@pytest.fixture
def recording(tmp_path):
    """``recording("run.jsonl", gpus=2, seconds=120)``: a file in which gpu0 has one peak of 700 W in its middle."""

    def make(name: str, gpus: int = 2, seconds: int = 120, run: str = ""):
        name = name if "://" in name else str(tmp_path / name)
        sink = open_sink(name, run)
        devices = tuple(Device(uuid=f"GPU-{n}", index=n, name="NVIDIA H200") for n in range(gpus))
        sink.write(Hello(devices=devices, simulated=True))
        for second in range(seconds):
            peak = second == seconds // 2
            values = [
                Gpu(uuid=device.uuid, power=700.0 if peak and n == 0 else 100.0 + n, utilization=0.5,
                    temperature=40.0, pcie_rx=2e6 * second)
                for n, device in enumerate(devices)
            ]  # fmt: skip
            stamp = {"time": 1.7e9 + second, "mono": 50.0 + second}
            sink.write(Sample(gpus=tuple(values), host=Host(cpu=0.25), **stamp))
        sink.close()
        return name

    return make


def drawn(capsys, monkeypatch, *words, width: int = 100, **options) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    assert plot(*words, "terminal", **options) == ""
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz", "run.csv"])
def test_a_recording_is_drawn_in_the_terminal(capsys, monkeypatch, recording, name):
    """A panel per quantity, each on its own scale, a band per GPU with its mean and its highest value."""
    lines = drawn(capsys, monkeypatch, recording(name))
    assert max(map(len, lines)) <= 100
    heads = [line for line in lines if re.search(r"  0 to ", line)]
    assert [line.split("  ")[0] for line in heads] == ["Power", "Busy", "Temperature", "PCIe received", "CPU"]
    power = lines[lines.index(heads[0]) : lines.index(heads[1])]
    assert [line.split()[0] for line in power if line[:1] == "g"] == ["gpu0", "gpu1"]
    assert "max 700 W" in power[3]
    assert "mean 101 W, max 101 W" in power[6]
    assert len(power[1].split()) == 2  # one peak: in the highest of its three rows, beside the name
    assert "2.00 MB/s" in next(line for line in lines if "mean 2" in line)


def test_samples_in_a_database_are_drawn_by_their_run(capsys, monkeypatch, recording, tmp_path):
    """All of it, or what one run put there."""
    url = recording(f"sqlite:///{tmp_path}/x.db", run="train")
    lines = drawn(capsys, monkeypatch, url, run="train", metrics=["power"])
    assert lines[0].startswith("train · 120 samples")
    assert "max 700 W" in "\n".join(lines)
    with pytest.raises(GpuMonError, match="no sample"):
        plot(url, "terminal", run="'; DROP TABLE gpumon_samples; --")


def test_many_gpus_have_a_line_each(capsys, monkeypatch, recording):
    """Eight on eighty columns; and only what was asked for."""
    lines = drawn(capsys, monkeypatch, recording("run.jsonl", gpus=8), width=80, metrics=["power,temperature"])
    assert sum(line.startswith("gpu") for line in lines) == 16
    one = drawn(capsys, monkeypatch, recording("b.jsonl", gpus=8), metrics=["power"], devices=["gpu3,5"])
    assert [line.split()[0] for line in one if line.startswith("gpu")] == ["gpu3", "gpu5"]


def test_a_gap_is_a_gap():
    """Nothing is drawn where nothing is known, and of many values a column shows the highest."""
    times = [float(n) for n in range(100)]
    values = [None if 40 <= n < 60 else 9.0 if n == 73 else 1.0 for n in range(100)]
    found = columns(values, times, 10)
    assert found == [1.0] * 4 + [None] * 2 + [1.0, 9.0, 1.0, 1.0]


def test_a_page_holds_small_multiples(recording, tmp_path):
    """One axis per quantity; a GPU has one colour everywhere; nothing is loaded from elsewhere."""
    pytest.importorskip("plotly")
    said = plot(recording("run.jsonl"), str(tmp_path / "x.html"))
    page = (tmp_path / "x.html").read_text()
    assert said.startswith(str(tmp_path / "x.html"))
    assert not re.search(r'<(script|link)[^>]+(src|href)="http', page)
    start = page.index("[{", page.index("Plotly.newPlot("))
    traces, _ = json.JSONDecoder().raw_decode(page[start:])
    axes = {}
    for trace in traces:
        axes.setdefault(trace["yaxis"], set()).add((trace["name"], trace["line"]["color"]))
    gpus = {("gpu0", COLOURS[0]), ("gpu1", COLOURS[1])}
    assert [found for found in axes.values() if found != gpus] == [{("host", "#808080")}]
    assert len(axes) == 5
    plot(recording("b.jsonl"), str(tmp_path / "cdn.html"), how="cdn")
    assert (tmp_path / "cdn.html").stat().st_size < 200_000


def test_a_picture_is_taken_by_a_browser(recording, tmp_path, require):
    """A PNG of the whole figure."""
    pytest.importorskip("plotly")
    require(shutil.which("chromium") or shutil.which("google-chrome"), "Chromium")
    plot(recording("run.jsonl"), str(tmp_path / "x.png"), metrics=["power"])
    content = (tmp_path / "x.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(content) > 5_000  # a blank one has less


def test_a_run_is_drawn_by_its_name(capsys, monkeypatch, tmp_path):
    """Its devices under the names that it has for them."""
    store = f"sqlite:///{tmp_path}/runs.db"
    usage = Columns(time=[1.7e9, 1.7e9 + 1], step=1.0, gpus={"gpu1": {"power": [100.0, 300.0]}})
    shared(store).save(Run(id="a" * 36, name="train", start=1.7e9, end=1.7e9 + 1, usage=usage))
    lines = drawn(capsys, monkeypatch, "train", store=store)
    assert lines[0].startswith("train")
    assert "mean 200 W, max 300 W" in "\n".join(lines)
    with pytest.raises(RunError, match=r"There is no run 'other'\. There are: train"):
        plot("other", "terminal", store=store)


@pytest.mark.parametrize(
    ("output", "options", "says"),
    [
        ("x.pdf", {}, "x.html"),
        ("there.html", {}, "--overwrite"),
        ("terminal", {"metrics": ["speed"]}, "no metric 'speed'"),
        ("x.html", {"how": "magic"}, "inline or cdn"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(recording, tmp_path, monkeypatch, output, options, says):
    """It says what can."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("precious")
    with pytest.raises(PlotError, match=says):
        plot(recording("run.jsonl", seconds=3), output, **options)
    assert (tmp_path / "there.html").read_text() == "precious"


def test_without_plotly_it_says_how_to_get_it(recording, tmp_path, monkeypatch):
    """And that the terminal needs none."""
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(PlotError, match=r"jupyter-gpumon\[report\].*terminal"):
        plot(recording("run.jsonl", seconds=3), str(tmp_path / "x.html"))


def test_a_notebook_has_the_same_as_a_figure(recording):
    """`gm.plot(file)`: one trace per GPU and panel, of what was asked for."""
    pytest.importorskip("plotly")
    figure = gm.plot(recording("run.jsonl", seconds=20), metrics=["power"], devices=["1"])
    assert [(trace.name, max(trace.y)) for trace in figure.data] == [("gpu1", 101)]

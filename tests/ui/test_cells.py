"""A saved cell record, drawn when its notebook is opened."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from .conftest import expect

pytestmark = pytest.mark.ui

RECORD = {
    "start": 1000.0,
    "end": 1012.4,
    "status": "ok",
    "final": True,
    "devices": [{"name": "gpu0", "model": "NVIDIA H200"}],
    "energy": {"gpu0": {"joules": 4130.0, "low": 4105.0, "high": 4155.0, "idle": 430.0, "method": "counter"}},
    "mean": {"gpu0": {"power": 333.0, "utilization": 0.91}},
    "peak": {"gpu0": {"power": 512.0, "memory_used": 38.2e9}},
    "rise": {"gpu0": {"memory_used": 6.1e9}},
    "delta": {"gpu0": {"held_power_cap": 2.1}},
}
SHORT = {"start": 1.0, "end": 1.03, "status": "ok", "energy": {"gpu0": {"high": 18.0}}}


SCRIPT = {"start": 1.0, "end": 2.0, "status": "ok", "title": "<img src=x onerror='window.hacked = 1'>"}


def output(record: dict[str, object]) -> dict[str, object]:
    """A cell's output with the record and its fallback."""
    data = {"application/vnd.gpumon.cell+json": record, "text/html": "<p>the fallback</p>", "text/plain": "plain"}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def test_a_cell_s_record_is_a_quiet_badge(lab, visit):
    """One line with energy, time, power, memory and load; a second with what a careful reader must know."""
    server = lab("sim:gpus=2&script=training")
    server.notebook("costs.ipynb", [output(RECORD), output(SHORT), output(SCRIPT)])
    view = visit(server).open()
    view.run("docmanager:open", path="costs.ipynb")
    badges = view.page.locator(".jp-GpuMon-badge")
    badges.nth(2).get_by_text("onerror").wait_for(timeout=30_000)
    first, second, third = badges.all_inner_texts()
    line = "4.13 kJ ±0.61 % · net 3.70 kJ · 12.4 s · mean 333 W · peak 512 W · 38.2 GB peak (+6.10 GB) · 91 % busy"
    assert line in first
    assert "power cap held it back for 2.10 s · energy counter" in first
    assert "≤ 18.0 J · 30 ms" in second
    assert "too short for the counter to resolve" in second
    assert "the fallback" not in view.page.locator(".jp-OutputArea").first.inner_text()
    assert "<img" in third
    assert view.page.evaluate("window.hacked") is None
    view.picture("badges")


def test_a_record_of_several_gpus_unfolds_each(lab, visit):
    """Closed, it is the same two lines; opened, a row per GPU, and how the numbers came about."""
    second = {"name": "gpu1", "model": "NVIDIA H200", "used": False}
    sensor = {"period": 0.1, "agreement": 1.004, "checked": 1.0}
    record = {**RECORD, "devices": [{**RECORD["devices"][0], "sensor": sensor}, second]}
    server = lab("sim:gpus=2&script=training")
    server.notebook("several.ipynb", [output(record)])
    view = visit(server).open()
    view.run("docmanager:open", path="several.ipynb")
    badge = view.page.locator(".jp-GpuMon-badge")
    badge.get_by_text("details").click(timeout=30_000)
    rows = badge.locator("tbody tr")
    assert [row.split("\t") for row in rows.all_inner_texts()] == [
        ["gpu0", "NVIDIA H200", "4.13 kJ ±0.61 %", "430 J", "3.70 kJ", "333 W", "91 %", "38.2 GB"],
        ["gpu1 (not used)", "NVIDIA H200", *["—"] * 6],
    ]
    method = badge.locator("details p").inner_text()
    assert "Measured by: NVIDIA H200: counter, 100 ms, agrees with power within 0.4 %." in method
    assert "up to 5 % off" in method
    view.picture("badge-each")


FULL = {
    **RECORD,
    "status": "incomplete",
    "energy": {
        "gpu0": {**RECORD["energy"]["gpu0"], "least": 4000.0, "most": 4300.0, "tail": 41.0, "others": 900.0},
        "gpu1": {"joules": 80.0, "method": "estimate"},
    },
    "devices": [*RECORD["devices"], {"name": "gpu1", "model": "NVIDIA H200 MIG"}],
    "background": {"gpu0": {"joules": 12.0}},
    "host_energy": {"package": {"joules": 30.0, "method": "rapl"}, "dram": {"joules": 5.0, "method": "estimate"}},
    "counts": {"token": 2000.0},
    "metrics": {"loss": 0.25, "steps": 1000000.0},
    "trace": "gpumon-traces/epoch-1.json.gz",
    "shared": {"gpu0": 2},
    "corunning": ["k2", "0123456789abcdef"],
    "waited": 0.4,
    "footprint": {"joules": 4130.0, "region": "DE", "grams": 0.437, "intensity": 381.0, "intensity_year": 2023},
}
NOTHING = {"start": 1.0, "end": 2.0, "notes": ["no NVIDIA driver was found.", "another note"]}
UNUSED = {
    "start": 1.0,
    "end": 2.0,
    "trace": "javascript:alert(1)",
    "devices": [{"name": "gpu0", "model": "H200", "used": False}],
}
REPEATED = {
    **RECORD,
    "repeats": {"runs": 12, "seconds": 0.05, "mean": 2.0, "low": 1.99, "high": 2.01, "deviation": 0.1},
}


def test_a_full_record_is_told_in_full(lab, visit):
    """Measured and estimated apart, per token, after the code, of others, at whose side, carbon with its source."""
    server = lab("sim:gpus=2&script=training")
    server.notebook("full.ipynb", [output(record) for record in (FULL, NOTHING, UNUSED, REPEATED)])
    view = visit(server).open()
    view.run("docmanager:open", path="full.ipynb")
    badges = view.page.locator(".jp-GpuMon-badge")
    badges.nth(3).get_by_text("per run").first.wait_for(timeout=30_000)
    full, nothing, unused, repeated = badges.all_inner_texts()
    assert "4.13 kJ ±0.61 % and apart from it 80.0 J (estimate) · net 3.70 kJ" in full
    assert "2.06 J per token" in full
    for words in (
        "incomplete: its kernel ended before it",
        "41.0 J of it after the code had returned · 12.0 J more after it",
        "CPU and memory 30.0 J · CPU and memory 5.00 J (estimate)",
        "shared with 2 other processes: 900 J charged to others, not in these numbers",
        "ran beside k2, 1 other cell of this notebook",
        "437 mg CO₂e (DE 2023: 381 g/kWh, PUE 1.0)",
        "2 GPUs · loss 0.25 · steps 1000000",
    ):
        assert words in full
    link = badges.nth(0).locator("a")
    assert link.inner_text() == FULL["trace"]
    assert urlsplit(link.get_attribute("href")).path.endswith("/files/gpumon-traces/epoch-1.json.gz")
    assert "trace: javascript:alert(1)" in unused
    expect(badges.nth(2).locator("a")).to_have_count(0)
    assert nothing.startswith("not measured: no NVIDIA driver was found · 1.00 s")
    assert nothing.count("driver") == 1
    assert "no GPU used" in unused
    assert "2.00 J ±0.5 % per run · sd 100 mJ · 50 ms per run · 12 runs" in repeated
    view.picture("badges-full")


MEASURED = """import time, jupyter_gpumon
with jupyter_gpumon.measure("epoch 1"):
    time.sleep(2)
"""


def test_a_measured_block_is_a_band_in_the_charts(lab, visit):
    """Measured in a kernel, the block is named behind the charts of a panel that was open, and of one opened later."""
    server = lab("sim:gpus=2&script=notebook")
    server.notebook("bands.ipynb", source=MEASURED)
    view = visit(server).open().live()
    view.notebook("bands.ipynb")
    view.run("notebook:run-all-cells")
    named = "() => /cells: epoch 1/.test(document.querySelector('#jp-gpumon [data-metric=power] caption')?.textContent)"
    view.wait(named)
    view.picture("band")
    later = visit(server).open().live()
    later.wait(named)
    for kernel in server.api("api/kernels"):
        server.api(f"api/kernels/{kernel['id']}", "DELETE")

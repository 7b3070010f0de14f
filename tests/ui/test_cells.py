"""A saved cell record, drawn when its notebook is opened."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.ui

RECORD = {
    "start": 1000.0,
    "end": 1012.4,
    "status": "ok",
    "final": True,
    "devices": [{"name": "gpu0", "model": "NVIDIA H200"}],
    "energy": {"gpu0": {"joules": 4130.0, "low": 4105.0, "high": 4155.0, "method": "counter"}},
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
    assert "4.13 kJ ±0.61 % · 12.4 s · mean 333 W, peak 512 W · 38.2 GB peak (+6.10 GB) · 91 % busy" in first
    assert "power cap held it back for 2.10 s · energy counter" in first
    assert "≤ 18.0 J · 30 ms" in second
    assert "too short for the counter to resolve" in second
    assert "the fallback" not in view.page.locator(".jp-OutputArea").first.inner_text()
    assert "<img" in third
    assert view.page.evaluate("window.hacked") is None
    view.picture("badges")


def test_a_record_of_several_gpus_unfolds_each(lab, visit):
    """Closed, it is the same two lines; opened, a row per GPU, and one that was not used says so."""
    second = {"name": "gpu1", "model": "NVIDIA H200", "used": False}
    record = {**RECORD, "devices": [*RECORD["devices"], second]}
    server = lab("sim:gpus=2&script=training")
    server.notebook("several.ipynb", [output(record)])
    view = visit(server).open()
    view.run("docmanager:open", path="several.ipynb")
    badge = view.page.locator(".jp-GpuMon-badge")
    badge.get_by_text("each GPU").click(timeout=30_000)
    rows = badge.locator("tbody tr")
    assert [row.split("\t") for row in rows.all_inner_texts()] == [
        ["gpu0", "NVIDIA H200", "4.13 kJ ±0.61 %", "333 W", "91 %", "38.2 GB"],
        ["gpu1 (not used)", "NVIDIA H200", *["—"] * 4],
    ]
    view.picture("badge-each")


READY = """async () => {
  const notebook = jupyterapp.shell.currentWidget;
  if (!notebook?.context) return false;
  await notebook.context.ready;
  await notebook.sessionContext.ready;
  return notebook.sessionContext.session?.kernel?.status === 'idle';
}"""
MEASURED = """import time, jupyter_gpumon
with jupyter_gpumon.measure("epoch 1"):
    time.sleep(2)
"""


def test_a_measured_block_is_a_band_in_the_charts(lab, visit):
    """Measured in a kernel, the block is named behind the charts of a panel that was open, and of one opened later."""
    server = lab("sim:gpus=2&script=notebook")
    server.notebook("bands.ipynb", source=MEASURED)
    view = visit(server).open().live()
    view.run("docmanager:open", path="bands.ipynb")
    view.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=30_000)
    view.wait(READY, seconds=40)
    view.run("notebook:run-all-cells")
    named = "() => /cells: epoch 1/.test(document.querySelector('#jp-gpumon [data-metric=power] caption')?.textContent)"
    view.wait(named, seconds=30)
    view.picture("band")
    later = visit(server).open().live()
    later.wait(named, seconds=20)
    for kernel in server.api("api/kernels"):
        server.api(f"api/kernels/{kernel['id']}", "DELETE")

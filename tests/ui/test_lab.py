"""The panel as a part of JupyterLab: commands, settings, layout, status bar, kernels, exports, faults."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import Any

import pytest

from .conftest import SCREENSHOTS, expect, says

pytestmark = pytest.mark.ui

TWO = "sim:gpus=2&script=training"
FOLLOWING = "sim:gpus=2&script=notebook"
SETTINGS = "lab/api/settings/jupyter-gpumon:plugin"


def test_the_status_bar_names_the_busiest_gpu_and_opens_the_panel(lab, visit):
    """Utilization, memory and power of one GPU; a click shows the panel."""
    view = visit(lab(TWO)).open()
    item = view.page.locator(".jp-GpuMon-statusButton")
    view.wait(
        "() => /simulated.*\\d %.*GB.*W/.test(document.querySelector('.jp-GpuMon-statusButton')?.innerText ?? '')"
    )
    item.click()
    view.panel.wait_for(timeout=40_000)


def test_the_wide_view_opens_and_comes_back_with_the_layout(lab, visit):
    """From the launcher, with charts side by side; after a reload it is there again."""
    server = lab(TWO)
    view = visit(server).open()
    view.page.locator(".jp-LauncherCard", has_text="GPUs").click()
    wide = view.page.locator("#jp-gpumon-wide")
    wide.locator(".jp-GpuMon-chart canvas").nth(3).wait_for(timeout=40_000)
    boxes = wide.locator(".jp-GpuMon-chart").evaluate_all("all => all.map(c => c.getBoundingClientRect().top)")
    assert boxes[0] == boxes[1]
    view.picture("wide-light")
    server.until("lab/api/workspaces/default", lambda layout: "gpumon:gpumon" in layout.get("data", {}))
    view.open(query="")
    wide.locator(".jp-GpuMon-chart canvas").first.wait_for(timeout=40_000)


def test_the_palette_and_the_view_menu_know_the_commands(lab, visit):
    """View ▸ Show GPUs opens the panel."""
    view = visit(lab(TWO)).open()
    view.page.locator(".lm-MenuBar-item", has_text="View").click()
    view.page.locator(".lm-Menu-item[data-command='gpumon:show']").click()
    view.panel.wait_for(timeout=40_000)
    names = "['gpumon:show', 'gpumon:open', 'gpumon:pause']"
    labels = view.page.evaluate(f"{names}.map(c => jupyterapp.commands.label(c))")
    assert labels == ["Show GPUs", "GPUs", "Pause the GPU view"]


def test_the_pause_command_holds_every_view_and_lets_it_go_on(lab, visit):
    """View ▸ Pause the GPU view stops the panel, and a second time lets it move; the menu shows which."""
    view = visit(lab(TWO)).open().live()
    for said in ("paused; still recording", "simulated, every 1 s"):
        view.page.locator(".lm-MenuBar-item", has_text="View").click()
        view.page.locator(".lm-Menu-item[data-command='gpumon:pause']").click()
        view.panel.locator(".jp-GpuMon-truth", has_text=said).wait_for(timeout=40_000)
        assert view.page.evaluate("jupyterapp.commands.isToggled('gpumon:pause')") == said.startswith("paused")


def test_metrics_and_range_are_picked_in_the_panel(lab, visit):
    """A chosen metric becomes a chart with its past, and a setting; a long range comes from the server's history."""
    view = visit(lab(TWO)).open().live()
    view.panel.get_by_role("button", name="Choose the metrics").click()
    view.panel.get_by_label("PCIe sent", exact=True).check()
    chart = view.panel.locator(".jp-GpuMon-chart[data-metric=pcie_tx]")
    chart.wait_for(timeout=40_000)
    says(chart.locator("figcaption"), "B/s")
    view.wait("() => /\\d [kMG]?B\\/s/.test(document.querySelector('[data-metric=pcie_tx] table').textContent)")
    view.server.until(SETTINGS, lambda kept: "pcie_tx" in kept["settings"].get("metrics", []))
    with view.page.expect_response(re.compile("gpumon/api/samples.*since=")) as answered:
        view.panel.get_by_label("Time range", exact=True).select_option("1 h")
    assert answered.value.ok
    view.wait("() => /\\d %/.test(document.querySelector('#jp-gpumon [data-metric=utilization] table').textContent)")
    view.panel.get_by_label("PCIe sent", exact=True).uncheck()


def test_settings_apply_at_once(lab, visit):
    """The status bar item goes, lines take the place of cards, and the panel changes sides, all without a reload."""
    view = visit(lab(TWO)).open().live()
    expect(view.panel.locator(".jp-GpuMon-card")).to_have_count(2)
    view.run("settingeditor:open", query="GPU monitor")
    form = view.page.locator(".jp-SettingsPanel")
    form.locator("input[id$=_statusBar]").uncheck()
    view.page.locator(".jp-GpuMon-statusButton").wait_for(state="detached", timeout=40_000)
    form.locator("input[id$=_cards]").fill("1")
    view.panel.locator(".jp-GpuMon-line").nth(1).wait_for(timeout=40_000)
    form.locator("select[id$=_side]").select_option(label="left")
    view.wait("() => document.querySelector('#jp-left-stack #jp-gpumon') !== null")
    view.server.api(SETTINGS, "PUT", {"raw": "{}"})


def test_charts_are_saved_as_csv_and_png(lab, visit):
    """The CSV names GPUs, times and units and says that it is simulated; the picture is a picture."""
    view = visit(lab(TWO)).open().live()
    with view.page.expect_download() as saved:
        view.panel.get_by_role("button", name="CSV").click()
    text = saved.value.path().read_text()
    head, first, *rest = text.splitlines()
    assert head.startswith("time,time_iso,simulated,GPU 0 (GPU-")
    assert re.search(r",GPU 1 \(GPU-[^,]+\)\.power_watts", head)
    assert re.match(r"\d+[.\d]*,\d{4}-\d\d-\d\dT[\d:.]+Z,true,", first)
    assert len(first.split(",")) == len(head.split(","))
    assert rest
    with view.page.expect_download() as saved:
        view.panel.get_by_role("button", name="PNG").click()
    picture = saved.value.path().read_bytes()
    assert picture.startswith(b"\x89PNG")
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / "saved.png").write_bytes(picture)


def test_a_hidden_page_closes_its_socket_and_a_visible_one_catches_up(lab, visit):
    """No stream while nobody can see it; back in sight, it is live again and its history has no gap."""
    sockets = []
    view = visit(lab(TWO))
    view.page.on("websocket", lambda s: sockets.append(s) if "gpumon" in s.url else None)
    view.open().live()
    gaps = "() => document.querySelector('[data-metric=power] caption').textContent.match(/ \\d+ gaps?/)?.[0]"
    before = view.page.evaluate(gaps)
    hide = "h => { Object.defineProperty(document, 'hidden', {value: h, configurable: true});"
    view.page.evaluate(hide + "document.dispatchEvent(new Event('visibilitychange')); }", True)
    deadline = time.monotonic() + 40
    while not sockets[-1].is_closed() and time.monotonic() < deadline:
        view.page.wait_for_timeout(100)
    assert all(s.is_closed() for s in sockets)
    view.page.wait_for_timeout(5000)
    view.page.evaluate(hide + "document.dispatchEvent(new Event('visibilitychange')); }", False)
    view.panel.locator(".jp-GpuMon-truth.jp-mod-live").wait_for(timeout=40_000)
    view.wait(f"before => ({gaps})() === before", before)


def test_one_s_own_kernel_is_shut_down_from_the_panel(lab, visit):
    """A notebook's row names it, opens it, and shuts its kernel down after a question; other rows have no actions."""
    server = lab(FOLLOWING)
    server.notebook("train.ipynb")
    wanted = {"path": "train.ipynb", "name": "train.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    session = server.api("api/sessions", "POST", wanted)
    view = visit(server).open().live()
    row = view.panel.locator(".jp-GpuMon-notebook", has_text="train.ipynb")
    row.wait_for(timeout=30_000)
    says(row, re.compile("[GM]B"))
    row.get_by_role("button", name="train.ipynb", exact=True).click()
    view.page.locator(".jp-NotebookPanel").wait_for(timeout=40_000)
    row.hover()
    view.picture("notebook-row")
    row.get_by_role("button", name="Shut down the kernel of train.ipynb…").click()
    dialog = view.page.locator(".jp-Dialog")
    says(dialog, "its GPU memory becomes free")
    dialog.get_by_role("button", name="Shut down").click()
    mine = session["kernel"]["id"]
    server.until("api/kernels", lambda kernels: mine not in [kernel["id"] for kernel in kernels])


def test_without_a_driver_the_page_says_what_to_do(lab, visit):
    """No NVIDIA library: a note says so, with a way out; the host is shown all the same."""
    view = visit(lab("agent")).open().show()
    note = view.panel.locator(".jp-GpuMon-note.jp-mod-warning")
    note.wait_for(timeout=30_000)
    says(note, "driver")
    assert note.locator("small").inner_text()
    view.panel.locator("[data-section=host] .jp-GpuMon-meter").first.wait_for(timeout=40_000)
    says(view.panel.locator(".jp-GpuMon-truth"), "no GPU numbers")
    view.picture("no-driver")


def test_a_lost_gpu_keeps_its_place(lab, visit):
    """The card of a GPU that fell off the bus says so, and the other one goes on."""
    server = lab("sim:gpus=2&script=lost")
    view = visit(server).open().live()
    os.kill(int(server.api("gpumon/api/sampler")["agent"]), signal.SIGKILL)  # it is lost 20 s after another has begun
    lost = view.panel.locator(".jp-GpuMon-card", has_text="lost")
    lost.wait_for(timeout=60_000)
    assert lost.locator(".jp-GpuMon-detail").inner_text()
    view.picture("lost")


def seldom(message: str) -> str:
    """The same from a server whose samples stand for a minute each, and whose history is rounded up."""
    said = json.loads(message)
    if said["type"] == "hello":
        said["interval"] = 60.0
        past = said.get("history", {}).get("time", [])
        past[-1:] = [last + 0.001 for last in past[-1:]]
    return json.dumps(said)


def test_a_restarted_server_is_found_again_and_the_gap_stays(lab, visit, tmp_path):
    """Gone, the page says since when; back, it is live by itself, and no line goes on across the time between."""
    from .lab import Lab

    def between(page: Any) -> None:
        server = page.connect_to_server()
        server.on_message(lambda message: page.send(seldom(message)))

    server = Lab(tmp_path, TWO)
    server.start()
    try:
        view = visit(server)
        view.page.route_web_socket(re.compile("gpumon/api/stream"), between)
        view.open().live()
        view.page.wait_for_timeout(3000)
        server.stop()
        view.wait("() => /reconnecting since/.test(document.querySelector('.jp-GpuMon-truth').textContent)")
        says(view.panel.locator(".jp-GpuMon-note.jp-mod-warning"), "Disconnected")
        view.page.wait_for_timeout(5000)
        view.picture("disconnected")
        server.start()
        view.panel.locator(".jp-GpuMon-truth.jp-mod-live").wait_for(timeout=60_000)
        view.wait("() => / 1 gap$/.test(document.querySelector('[data-metric=power] caption').textContent)")
    finally:
        server.stop()


def test_the_panel_opens_in_notebook_7(lab, visit):
    """View ▸ Show GPUs in a notebook's own page."""
    server = lab(TWO, "notebook")
    server.notebook("seven.ipynb")
    view = visit(server)
    view.page.goto(f"{server.url}/notebooks/seven.ipynb?token=ui-tests")
    view.page.locator(".jp-Notebook").wait_for(timeout=60_000)
    view.page.locator(".lm-MenuBar-item", has_text="View").click()
    view.page.locator(".lm-Menu-item[data-command='gpumon:show']").click()
    view.panel.locator(".jp-GpuMon-truth.jp-mod-live").wait_for(timeout=40_000)
    view.picture("notebook-7")

"""The Energy tab: what each notebook and each GPU took, in the unit that is wanted, by mouse and by keys."""

from __future__ import annotations

import re

import pytest

from .conftest import expect, says

pytestmark = pytest.mark.ui

SETTINGS = "lab/api/settings/jupyter-gpumon:plugin"
NOTEBOOK = "sim:gpus=2&script=notebook"
ONE = "sim:gpus=1&script=training"
EIGHT = "sim:gpus=8&script=training"
MEASURED = """import time, jupyter_gpumon
with jupyter_gpumon.measure("epoch"):
    time.sleep(2)
with jupyter_gpumon.measure("short"):
    time.sleep(1)
"""


def energy(view):
    """The tab, opened by a click, with its first answer."""
    view.panel.get_by_role("tab", name="Energy").click()
    view.panel.locator(".jp-GpuMon-board").first.wait_for(timeout=40_000)
    return view.panel.locator(".jp-GpuMon-energy")


def joules(text):
    """An energy in words as a number of joules; its unit is J or kJ."""
    value, unit = re.search(r"([\d.]+) (k?J)", text).groups()
    return float(value) * {"J": 1, "kJ": 1e3}[unit]


def test_an_empty_tab_says_how_a_cell_is_measured(lab, visit):
    """The GPUs' own energy is there from the start; how they measure it is said, and that they are simulated."""
    view = visit(lab(ONE)).open().live()
    text = energy(view).inner_text()
    assert "%gpumon summary on" in text
    assert "simulated" in text
    says(view.panel.locator(".jp-GpuMon-method"), "counter")
    assert joules(view.panel.locator(".jp-GpuMon-board .jp-GpuMon-value").first.inner_text()) > 0
    view.picture("energy-empty")


def test_a_measured_notebook_is_a_line_that_opens(lab, visit):
    """Its cells, its energy with an interval, each GPU's part; a GPU's parts add up; the name leads to the notebook."""
    server = lab(NOTEBOOK)
    server.notebook("train.ipynb", source=MEASURED)
    view = visit(server).open().live()
    view.notebook("train.ipynb")
    tab = energy(view)
    view.run("notebook:run-all-cells")
    row = tab.locator(".jp-GpuMon-ledger tbody tr", has_text="train")
    row.get_by_text(re.compile(r"\d J ±")).wait_for(timeout=40_000)
    expect(row.locator("td").first).to_have_text("2")
    cost = joules(row.first.inner_text())
    row.get_by_role("button", name="More about train").click()
    more = tab.locator(".jp-GpuMon-ledgerMore").inner_text()
    name = re.search(r"GPU \d", more).group()
    assert "time of its cells" in more
    board = tab.locator("[data-section=energy-gpus] .jp-GpuMon-board", has_text=name)
    parts = [joules(part) for part in board.locator(".jp-GpuMon-legend span").all_inner_texts()]
    assert sum(parts) == pytest.approx(joules(board.locator(".jp-GpuMon-value").inner_text()), rel=0.02)
    assert parts[0] > 0.98 * cost  # another notebook may have been measured on it too
    view.picture("energy-notebook")
    view.run("docmanager:save")
    view.wait("() => jupyterapp.shell.currentWidget?.context?.model.dirty === false")
    view.run("application:close-all")
    view.page.locator(".jp-NotebookPanel").wait_for(state="detached")
    row.get_by_role("button", name="train", exact=True).click()
    view.page.locator(".jp-NotebookPanel").wait_for(timeout=30_000)
    for kernel in server.api("api/kernels"):
        server.api(f"api/kernels/{kernel['id']}", "DELETE")


def test_the_tabs_answer_to_keys_and_are_remembered(lab, visit):
    """Arrows, Home and End move; one tab is in the order of Tab; a page that is loaded anew opens with the last one."""
    server = lab(EIGHT)
    view = visit(server).open().live()
    now, tab = view.panel.get_by_role("tab").all()[:2]
    assert [each.get_attribute("tabindex") for each in (now, tab)] == ["0", "-1"]
    now.press("ArrowRight")
    view.panel.locator(".jp-GpuMon-energy").wait_for(timeout=40_000)
    expect(tab).to_have_attribute("aria-selected", "true")
    assert tab.evaluate("e => e === document.activeElement")
    shown = view.panel.get_by_role("tabpanel")
    assert shown.get_attribute("aria-labelledby") == tab.get_attribute("id")
    server.until(SETTINGS, lambda kept: kept["settings"].get("tab") == "energy")
    view.open("").show()
    view.panel.locator(".jp-GpuMon-energy .jp-GpuMon-board").first.wait_for(timeout=40_000)
    view.panel.get_by_role("tab", name="Energy").press("Home")
    view.panel.locator(".jp-GpuMon-lineBox").first.wait_for(timeout=40_000)
    server.until(SETTINGS, lambda kept: kept["settings"].get("tab") != "energy")


def test_the_unit_is_chosen_for_tab_and_cells_alike(lab, visit):
    """At once, in both places; it is a setting."""
    server = lab(ONE)
    record = {
        "start": 1.0, "end": 5.0, "devices": [{"name": "gpu0", "model": "H200"}],
        "energy": {"gpu0": {"joules": 7200.0, "idle": 1800.0}},
    }  # fmt: skip
    data = {"application/vnd.gpumon.cell+json": record, "text/plain": "plain"}
    server.notebook("units.ipynb", [{"output_type": "display_data", "metadata": {}, "data": data}])
    view = visit(server).open().live()
    view.run("docmanager:open", path="units.ipynb")
    badge = view.page.locator(".jp-GpuMon-badge")
    badge.get_by_text("7.20 kJ · net 5.40 kJ").wait_for(timeout=30_000)
    tab = energy(view)
    tab.get_by_label("Unit of energies").select_option("Wh")
    badge.get_by_text("2.00 Wh · net 1.50 Wh").wait_for(timeout=40_000)
    view.wait("() => / Wh$/.test(document.querySelector('.jp-GpuMon-board .jp-GpuMon-value').textContent)")
    tab.get_by_label("Unit of energies").select_option("auto")
    badge.get_by_text("7.20 kJ · net").wait_for(timeout=40_000)


BOOK = {
    "since": 1795302000.0,
    "devices": {"A": {"joules": 1000.0, "cells": 700.0, "idle": 200.0, "rest": 100.0, "resets": 1},
                "B": {"joules": 500.0, "rest": -20.0, "cells": 520.0, "method": "power", "uncovered": 12.0}},
    "notebooks": [
        {"notebook": "b.ipynb", "kernel": "k", "cells": 3, "seconds": 9.0, "background": {"A": 5.0}, "host": 30.0,
         "energy": {"A": {"joules": 700.0, "low": 690.0, "high": 710.0, "idle": 100.0, "others": 50.0}},
         "footprint": {"joules": 700.0, "pue": 1.2, "region": "DE", "grams": 0.074, "intensity": 381.0,
                       "intensity_year": 2023, "intensity_source": "Ember", "cost": 0.00007, "currency": "EUR"}},
        {"notebook": "x/a.ipynb", "kernel": "k2", "cells": 1, "seconds": 1.0,
         "energy": {"B": {"joules": 520.0}}, "estimate": {"B": 80.0}, "unresolved": 2, "bound": 36.0},
        {"notebook": "open.ipynb", "kernel": "k3"},
        {"cells": 1, "energy": {"A": {"joules": 9.0, "low": 0.0, "high": 18.0}}, "unresolved": 1, "bound": 18.0}],
}  # fmt: skip


def test_the_books_are_told_in_full(lab, visit):
    """Sorting by any column, carbon and cost with their source, estimates apart and hatched, what is missing."""
    view = visit(lab("sim:gpus=2&script=idle")).open().live()
    uuids = [device["uuid"] for device in view.server.api("gpumon/api/hello")["devices"]]

    def answer(route):
        text = route.fetch().text()  # the server has the route
        assert '"today"' in text
        book = {**BOOK, "devices": dict(zip(uuids, BOOK["devices"].values(), strict=True))}
        renamed = dict(zip("AB", uuids, strict=True))
        book["notebooks"] = [
            {key: {renamed.get(k, k): v for k, v in value.items()} if isinstance(value, dict) else value
             for key, value in each.items()} for each in BOOK["notebooks"]
        ]  # fmt: skip
        route.fulfill(json={"today": book, "start": book})

    view.page.route("**/gpumon/api/ledger*", answer)
    tab = energy(view)
    tab.get_by_text("anew 1 time").wait_for(timeout=40_000)
    text = tab.inner_text()
    assert "say 20.0 J more than the counter" in text
    assert "12 s without a reading" in text
    assert "1.50 kJ" in text
    assert "the integral of power readings" in text

    def order():
        return tab.locator(".jp-GpuMon-ledger tbody th").all_inner_texts()

    assert order() == ["b", "a", "without a name", "open"]
    head = tab.get_by_role("columnheader")
    head.first.get_by_role("button").click()
    assert order() == ["a", "b", "without a name", "open"]
    expect(head.first).to_have_attribute("aria-sort", "ascending")
    head.nth(1).get_by_role("button").click()
    assert order() == ["b", "without a name", "a", "open"]
    for caret in tab.locator(".jp-GpuMon-caret").all():
        caret.click()
    b, nameless, a, unmeasured = tab.locator(".jp-GpuMon-ledgerMore").all_inner_texts()
    assert "0.074 g CO₂e" not in b
    assert "74 mg CO₂e (DE 2023: 381 g/kWh, Ember, PUE 1.2) · 0.0070 ct" in b
    assert "700 J ±1.4 % · net 600 J" in b
    assert "80.0 J, an estimate, in no sum" in a
    assert "2 × · ≤ 36.0 J together, counted by half" in a
    assert "1 × · ≤ 18.0 J" in nameless
    assert tab.locator(".jp-GpuMon-ledger td", has_text="≤ 18.0 J").first.inner_text() == "≤ 18.0 J"
    assert "none was measured" in unmeasured
    expect(tab.locator(".jp-GpuMon-hatch")).to_have_count(1)
    view.picture("energy-books")


@pytest.mark.parametrize("width", [280, 300, 420])
def test_nothing_overflows_however_narrow(lab, visit, width):
    """No value is cut at the panel's edge, also with eight GPUs and a long unit."""
    view = visit(lab(EIGHT)).open().live()
    tab = energy(view)
    tab.get_by_label("Unit of energies").select_option("kWh")
    over = view.lasting(
        """width => {
      const view = document.querySelector("#jp-gpumon .jp-GpuMon-view");
      view.style.width = `${width}px`;
      const edge = view.getBoundingClientRect().right + 0.5;
      const cut = e => e.getBoundingClientRect().right > edge || e.scrollWidth > e.clientWidth + 1;
      const values = [...view.querySelectorAll(".jp-GpuMon-value, .jp-GpuMon-legend span, [role=tab], button")];
      return values.filter(cut).map(e => `${e.parentElement.className}: ${e.textContent}`);
    }""",
        width,
    )
    view.picture(f"energy-{width}")
    tab.get_by_label("Unit of energies").select_option("auto")
    assert over == []

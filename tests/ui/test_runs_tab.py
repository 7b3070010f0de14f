"""The Runs tab: a list, chosen ones beside one another with what differs by more than chance, lines, export."""

from __future__ import annotations

import random
import zipfile

import pytest

from jupyter_gpumon.runs.store import RunStore

from ..runs.made import metric, run
from .conftest import expect, says

pytestmark = pytest.mark.ui

SOURCE = "sim:gpus=1&script=idle&seed=7"
"""A server of its own, with a store of its own."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The runs of that server."""
    url = f"sqlite:///{tmp_path_factory.mktemp('runs')}/runs.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPUMON_RUNS", url)
        yield RunStore(url)


@pytest.fixture
def view(lab, visit, kept):
    """A page of that server with its panel."""
    return visit(lab(SOURCE)).open().live()


def tab(view):
    """The tab, opened by a click."""
    view.panel.get_by_role("tab", name="Runs").click()
    return view.panel.locator(".jp-GpuMon-runs")


def fill(kept):
    """Three runs each of two names, of which the second is faster, and one that failed."""
    chance = random.Random(3)
    for name, factor in (("baseline", 1.0), ("tuned with a long name", 0.8)):
        for _ in range(3):
            waits = [0.1 * factor * chance.gauss(1, 0.01) for _ in range(20)]
            losses = [factor / (at + 1) for at in range(20)]
            metrics = {"ttft_s": metric(*waits, kind="histogram", unit="seconds"), "loss": metric(*losses)}
            kept.save(run(name, 1000 * factor * chance.gauss(1, 0.01), metrics=metrics, tags={"batch": "32"}))
    kept.save(run("broken", outcome="error", status="no_gpus_available"))


def test_without_a_run_it_says_how_one_is_made(view, kept):
    """With code, and where it will be kept."""
    kept.remove([line.id for line in kept.lines()])
    shown = tab(view)
    shown.get_by_text("No run is kept yet").wait_for(timeout=40_000)
    says(shown, 'with gm.run("baseline")')
    says(shown, "runs.sqlite")
    view.picture("runs-empty")


def test_chosen_runs_are_compared_drawn_and_exported(view, kept, tmp_path):
    """By themselves and by all runs of their names; what counts by more than chance is marked, not only by colour."""
    kept.remove([line.id for line in kept.lines()])
    fill(kept)
    shown = tab(view)
    shown.get_by_text("Choose two or more").wait_for(timeout=40_000)
    expect(shown.locator("li")).to_have_count(7)
    says(shown.locator("li", has_text="broken"), "no gpus available · error")
    shown.get_by_label("Filter runs").fill("batch=32 tuned")
    expect(shown.locator("li")).to_have_count(3)
    shown.get_by_label("Filter runs").fill("batch=32")
    shown.locator("li", has_text="baseline").first.get_by_role("checkbox").check()
    shown.locator("li", has_text="tuned").first.get_by_role("checkbox").check()
    wait = shown.locator(".jp-GpuMon-difference tr", has_text="ttft_s")
    wait.get_by_label("by more than chance").wait_for(timeout=40_000)
    says(wait, "−20 %")
    assert "20 and 20 values within one run" in wait.get_attribute("title")
    loss = shown.locator(".jp-GpuMon-difference tr", has_text="loss")
    expect(loss.get_by_label("not tested")).to_have_count(1)
    shown.get_by_role("button", name="All of their names").click()
    loss.get_by_label("by more than chance").wait_for(timeout=40_000)
    assert "3 and 3 runs" in loss.get_attribute("title")
    says(shown, "differ by more than chance")
    chart = shown.locator(".jp-GpuMon-overlay")
    expect(chart.locator("polyline")).to_have_count(2)
    shown.get_by_label("What is drawn").select_option("gpu: power")
    assert "300 W → 320 W" in chart.get_by_role("img").first.get_attribute("aria-label")
    with view.page.expect_download() as download:
        shown.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "runs.zip")
    assert len(zipfile.ZipFile(tmp_path / "runs.zip").namelist()) == 4
    view.picture("runs-light")
    over = view.lasting(
        """() => {
      const view = document.querySelector("#jp-gpumon .jp-GpuMon-view");
      view.style.width = "300px";
      const edge = view.getBoundingClientRect().right + 0.5;
      const parts = [...view.querySelectorAll(".jp-GpuMon-runs :is(td, label, button, input, svg, p, select)")];
      const cut = e => e.getBoundingClientRect().right > edge ||
        (e.matches("td, button") && e.scrollWidth > e.clientWidth);
      return parts.filter(cut).map(e => e.outerHTML.slice(0, 80));
    }"""
    )
    view.picture("runs-300")
    assert over == []
    view.run("apputils:change-theme", theme="JupyterLab Dark")
    view.wait("() => document.body.dataset.jpThemeLight === 'false'")
    view.page.wait_for_timeout(500)  # its style sheet comes a little after its name
    view.picture("runs-dark")
    view.run("apputils:change-theme", theme="JupyterLab Light")
    view.wait("() => document.body.dataset.jpThemeLight === 'true'")
    assert view.errors == []

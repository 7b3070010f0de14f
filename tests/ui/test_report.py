"""Reports in a browser without a network: with and without scripts, by day and by night, on screen and on paper."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from jupyter_gpumon.report.page import page
from jupyter_gpumon.report.recording import evidence

from ..report.conftest import record
from ..report.notebooks import FIT, saved
from ..report.test_notebook import exported
from .conftest import expect, says

SECTIONS = ("Findings", "Charts", "Energy", "Environment", "Method", "Data")


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """Two GPUs for a minute."""
    return record(tmp_path_factory.mktemp("recording") / "minute.jsonl", 60, gpus="2")


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    """The evidence of eight GPUs in five minutes."""
    return evidence(record(tmp_path_factory.mktemp("recording") / "eight.jsonl", 300, gpus="8"))


@pytest.fixture
def opened(chromium, tmp_path):
    """``opened(content, javascript=True, scheme="light")``: a page in a browser that has no network."""
    contexts = []

    def visit(content, *, javascript=True, scheme="light"):
        path = tmp_path / "report.html"
        path.write_text(content, encoding="utf-8")
        context = chromium.new_context(offline=True, java_script_enabled=javascript, color_scheme=scheme)
        contexts.append(context)
        visited = context.new_page()
        visited.problems = []
        visited.on("pageerror", lambda error: visited.problems.append(str(error)))
        visited.on("console", lambda said: said.type == "error" and visited.problems.append(said.text))
        visited.on("request", lambda asked: asked.url.startswith("file:") or visited.problems.append(asked.url[:60]))
        visited.goto(path.as_uri(), wait_until="load")
        if javascript:
            visited.wait_for_selector("html[data-ready]", timeout=60_000)
        return visited

    yield visit
    for context in contexts:
        context.close()


def test_without_scripts_all_of_it_is_there(opened, eight):
    """Every section and every chart with its lines."""
    seen = opened(page(eight), javascript=False)
    assert [seen.locator("h2").nth(n).inner_text() for n in range(len(SECTIONS))] == list(SECTIONS)
    expect(seen.locator("svg.chart").first).to_be_visible()
    assert seen.locator("path.line[data-name=gpu7]").count() >= 12
    assert seen.locator(".scripted").first.is_hidden()
    assert seen.problems == []


def test_the_same_moment_is_shown_in_all_charts(opened, minute):
    """Pointing at one says the values of each; a hidden GPU is in none; dragging zooms all, Escape undoes it."""
    seen = opened(page(evidence(minute)))
    chart = seen.locator("svg.chart").first
    chart.hover(position={"x": 200, "y": 60})
    outputs = seen.locator("figcaption output")
    assert all(outputs.nth(n).inner_text() for n in range(outputs.count()))
    says(outputs.first, re.compile(r"gpu0 .*\d W · gpu1 .*\d W"))
    says(seen.locator("#tip"), "gpu1")
    seen.get_by_role("button", name="gpu1").click()
    chart.hover(position={"x": 210, "y": 60})
    assert "gpu1" not in outputs.first.inner_text()
    assert seen.locator("path.line[data-name=gpu1]").first.is_hidden()
    box = chart.bounding_box()
    before = seen.locator("svg.plot").nth(3).get_attribute("viewBox")
    seen.mouse.move(box["x"] + 150, box["y"] + 60)
    seen.mouse.down()
    seen.mouse.move(box["x"] + 300, box["y"] + 60, steps=4)
    seen.mouse.up()
    assert seen.locator("svg.plot").nth(3).get_attribute("viewBox") != before
    chart.press("Escape")
    assert seen.locator("svg.plot").nth(3).get_attribute("viewBox") == before
    assert seen.problems == []


def test_with_plotly_inside_it_is_plotly_that_draws(opened, minute):
    """Without a network, in the dark too; our own charts stay for paper."""
    seen = opened(page(evidence(minute), "inline"), scheme="dark")
    expect(seen.locator("#plotly .plot-container")).to_be_visible()
    assert seen.locator("#plotly .legendtext").all_text_contents()[:2] == ["gpu0", "gpu1"]
    assert seen.locator(".drawn").is_hidden()
    seen.emulate_media(media="print")
    expect(seen.locator(".drawn")).to_be_visible()
    assert seen.problems == []


def test_where_plotly_cannot_be_loaded_our_own_charts_stay(opened, minute):
    """The link leads nowhere without a network."""
    seen = opened(page(evidence(minute), "cdn"))
    expect(seen.locator(".drawn")).to_be_visible()
    assert not seen.evaluate("document.documentElement.classList.contains('has-plotly')")


def test_it_follows_the_readers_light_and_dark(opened, minute):
    """By what the browser prefers, without a script too."""
    colours = [
        opened(page(evidence(minute)), javascript=False, scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 24, 27)"]


def test_it_prints_with_its_numbers_as_text(opened, eight, tmp_path, require):
    """Sections, sums and charts' scales can be found in the PDF."""
    reader = require(shutil.which("pdftotext"), "pdftotext")
    opened(page(eight)).pdf(path=tmp_path / "x.pdf")
    done = subprocess.run(
        [reader, "-layout", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True, timeout=60
    )
    flat = " ".join(done.stdout.split())
    said = (*SECTIONS[:-1], " MJ ±", "8 × Simulated H200", "gpu7", "700 W")
    assert not [words for words in said if words not in flat]


def test_the_export_asks_nothing_of_a_network(chromium, tmp_path):
    """With scripts on; it prints with the sums as text."""
    export = tmp_path / "x.html"
    export.write_text(exported(saved(tmp_path / "x.ipynb", FIT)), encoding="utf-8")
    asked = []
    context = chromium.new_context()
    opened = context.new_page()
    opened.route(re.compile("^https?:"), lambda route: (asked.append(route.request.url), route.abort()))
    opened.goto(export.as_uri(), wait_until="load")
    assert "measured cells" in opened.inner_text(".gpumon-summary")
    context.close()
    assert asked == []

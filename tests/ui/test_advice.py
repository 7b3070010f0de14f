"""Advice in JupyterLab: the example notebook run for real, the Advice tab, and its code in a new cell."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .conftest import says

pytestmark = [pytest.mark.ui, pytest.mark.timeout(420)]

SOURCE = "sim:gpus=1&script=notebook&model=T4"
NOTEBOOK = Path(__file__).parents[2] / "examples/notebooks/advice.ipynb"
INPUT = "The GPU waits for its input"
LEAK = "Memory grows and does not come back"
FULL = "Out of device memory"
OUTPUTS = "JSON.stringify(cell.model.sharedModel.toJSON().outputs ?? [])"


@pytest.fixture
def server(lab):
    """A JupyterLab with one simulated T4."""
    return lab(SOURCE)


def tab(view):
    """The tab, opened by a click."""
    view.panel.get_by_role("tab", name="Advice").click()
    return view.panel.locator(".jp-GpuMon-advice")


def test_a_machine_at_rest_has_no_advice(server, visit):
    """In words, with the time that was looked at."""
    view = visit(server).open().live()
    shown = tab(view)
    shown.get_by_text("No advice: nothing was found").wait_for(timeout=60_000)
    says(shown, "to")
    view.picture("advice-empty")


def test_three_bad_cells_are_told_and_helped(server, visit):
    """Input-bound, a leak over ten cells, out of memory: lines, explanations and the tab; code lands in a new cell."""
    shutil.copy(NOTEBOOK, server.root / "advice.ipynb")
    view = visit(server, height=1400).open().live()
    view.notebook("advice.ipynb")
    view.run("notebook:run-all-cells")
    cells = "[...jupyterapp.shell.currentWidget.content.widgets]"
    text = f"{cells}.map(cell => {OUTPUTS}).join('')"
    view.wait(f"() => {cells}.at(-1).model.sharedModel.toJSON().outputs?.length > 0", seconds=180)
    said = view.page.evaluate(text)
    for words in (
        f"advice: {INPUT}",
        f"advice: {LEAK}",
        f"advice: {FULL}",
        "9.31 GiB",
        '"ename":"OutOfMemoryError"',
        "Held: this",
    ):
        assert words in said, [words, *re.findall(r"gpumon │ [^\"]*", said)]
    for number, words in enumerate((INPUT, LEAK, FULL)):
        where = view.page.locator(".jp-RenderedHTMLCommon").get_by_text(words, exact=True).last
        view.page.evaluate(
            f"words => {{ const at = {cells}.findLastIndex(cell => {OUTPUTS}.includes(words));"
            " return jupyterapp.shell.currentWidget.content.scrollToItem(at, 'center') }",
            words,
        )
        where.wait_for(timeout=60_000)
        where.scroll_into_view_if_needed()
        view.picture(f"advice-notebook-{number}")
    _insert(view, cells)


def _insert(view, cells):
    before = view.page.evaluate(f"{cells}.length")
    view.show()
    item = tab(view).locator(".jp-GpuMon-item").filter(has_text=LEAK).or_(view.panel.locator(".jp-GpuMon-item")).first
    item.wait_for(timeout=30_000)
    assert item.locator("svg path").count() >= 1
    assert item.locator("ol li").count() >= 2
    view.picture("advice-tab")
    item.get_by_text("Insert code").click()
    view.wait(f"before => {cells}.length === before + 1", before)
    code = view.page.evaluate("jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()")
    shown = item.locator("pre").text_content()
    assert code == shown
    view.picture("advice-inserted")
    item.get_by_text("Dismiss").click()
    view.panel.get_by_text("that was dismissed").wait_for(timeout=40_000)
    assert view.errors == []

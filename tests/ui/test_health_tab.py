"""The Health tab and the Links tab in a real page, on a fake driver whose boards fall ill and get well."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .conftest import SCREENSHOTS, Page, expect, says
from .faulty import FaultyLab

pytestmark = pytest.mark.ui

SLOW = 40_000
"""Milliseconds for what the driver is asked every 15 s."""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, fakenvml_library: object) -> Iterator[Callable[..., FaultyLab]]:
    """``board(gpus=8)``: a running server on such a fake driver, the same one for the same."""
    del fakenvml_library
    running: dict[str, FaultyLab] = {}

    def start(**scenario: object) -> FaultyLab:
        key = repr(sorted(scenario.items()))
        if key not in running:
            server = running[key] = FaultyLab(tmp_path_factory.mktemp("boards"), driver="610.57.04", **scenario)
            server.start()
        return running[key]

    yield start
    for server in running.values():
        server.stop()


def tab(view: Page, name: str) -> None:
    """Choose a tab, which may be behind "More" where there is little room."""
    view.panel.get_by_role("tab", name=name).click()
    view.panel.locator(".jp-GpuMon-health").wait_for(timeout=40_000)


def cell(view: Page, watch: str, gpu: int, state: str):
    """Wait until a watch of a GPU stands so; its button."""
    found = view.panel.get_by_role("button", name=f"GPU {gpu}, {watch}: {state}")
    found.wait_for(timeout=SLOW)
    return found


def pictures(view: Page, name: str) -> None:
    """Both themes."""
    view.picture(f"{name}-light")
    view.run("apputils:change-theme", theme="JupyterLab Dark")
    view.wait("() => document.body.dataset.jpThemeLight === 'false'")
    view.page.wait_for_timeout(800)
    view.picture(f"{name}-dark")
    view.run("apputils:change-theme", theme="JupyterLab Light")
    view.wait("() => document.body.dataset.jpThemeLight === 'true'")


ILLNESSES = [
    ("Memory", {"remap_pending": 1}, {"remap_pending": 0}, "WARN", "A memory row waits to be remapped"),
    ("Driver", {"recovery_action": 1}, {"recovery_action": 0}, "FAIL", "The GPU needs recovery"),
    ("NVLink", {"nvlink_down": 1}, {"nvlink_down": 0}, "FAIL", "An NVLink is down"),
    ("Temperature", {"clock_events": 0x40}, {"clock_events": 0}, "WARN", "Heat lowers the clock"),
    ("Clocks", {"clock_events": 0x8}, {"clock_events": 0}, "WARN", "The hardware has cut its clock"),
]


def test_what_is_wrong_is_seen_with_what_to_do_and_goes_when_it_is_over(board, visit):
    """Several watches fail at once, on one GPU of two; the other stays well; then all is well."""
    server = board(gpus=2, clock_events=0)
    view = visit(server).open().live()
    tab(view, "Health")
    cell(view, "Memory", 0, "PASS").click()
    says(view.panel.locator(".jp-GpuMon-more"), "Nothing was found.")
    for _, injected, _, _, _ in ILLNESSES[:4]:
        server.driver.update(1, **injected)
    for watch, _, _, state, title in ILLNESSES[:4]:
        cell(view, watch, 1, state)
        found = view.panel.locator(".jp-GpuMon-trouble", has_text=title)
        says(found, "GPU 1")
        found.get_by_text("What to do").click()
        assert found.locator("li").count() >= 1
    says(view.panel.locator("[data-state=fail]"), "1 GPU has failed")
    expect(cell(view, "Memory", 0, "PASS")).to_be_visible()
    pictures(view, "health-two")
    for _, _, cured, _, _ in ILLNESSES[:4]:
        server.driver.update(1, **cured)
    watch, injected, cured, state, title = ILLNESSES[4]
    server.driver.update(1, **injected)
    cell(view, watch, 1, state)
    server.driver.update(1, **cured)
    cell(view, "Driver", 1, "PASS")
    view.panel.locator(".jp-GpuMon-troubles").wait_for(state="detached", timeout=SLOW)


def test_an_xid_is_acknowledged_and_cleared(board, visit):
    """It fails its GPU until then; it says who ran, and that somebody has seen it; other pages see it too."""
    server = board(gpus=1)
    view = visit(server).open().live()
    tab(view, "Health")
    cell(view, "XIDs", 0, "PASS")
    server.driver.xid(0, 79)
    line = view.panel.locator("[data-xid='79']")
    line.wait_for(timeout=40_000)
    cell(view, "XIDs", 0, "FAIL")
    says(line, "fallen off the bus")
    pictures(view, "health-one")
    line.get_by_role("button", name="Acknowledge").click()
    cell(view, "XIDs", 0, "PASS")
    says(line, "acknowledged")
    line.get_by_role("button", name="Unacknowledge").click()
    cell(view, "XIDs", 0, "FAIL")
    line.get_by_role("button", name="Clear").click()
    line.wait_for(state="detached", timeout=40_000)
    says(view.panel.locator("[data-section=health-xids]"), "has told of none")


def test_eight_gpus_fit_the_sidebar_and_the_wide_view(board, visit):
    """Signs where there is no room for words, with a legend; nothing is cut; both themes are kept to be looked at."""
    server = board(gpus=8, clock_events=0, each={2: {"remap_failure": 1}, 5: {"remap_pending": 1}})
    view = visit(server).open().live()
    tab(view, "Health")
    cell(view, "Memory", 2, "FAIL")
    assert overflowing(view, 280) == []
    view.panel.screenshot(path=SCREENSHOTS / "health-eight-280.png")
    expect(view.panel.locator(".jp-GpuMon-signs")).to_be_visible()
    pictures(view, "health-eight")
    tab(view, "Links")
    view.panel.locator(".jp-GpuMon-nvlinks").first.wait_for(timeout=40_000)
    assert overflowing(view, 280) == []
    pictures(view, "links-eight")
    view.panel.locator(".jp-GpuMon-nvlinks summary").first.click()
    table = view.panel.locator(".jp-GpuMon-nvlinks table").first
    expect(table.locator("tbody tr")).to_have_count(18)
    says(view.panel.locator("[data-section=links-topology]"), "NV18")
    view.run("gpumon:open")
    wide = view.page.locator(".jp-GpuMon-view.jp-mod-wide")
    wide.get_by_role("tab", name="Health").click()
    wide.locator(".jp-GpuMon-watches").wait_for(timeout=40_000)
    view.page.wait_for_timeout(500)
    pictures(view, "health-eight-wide")
    expect(wide.get_by_text("PASS").first).to_be_visible()
    wide.get_by_role("tab", name="Links").click()
    wide.locator(".jp-GpuMon-matrix").last.wait_for(timeout=40_000)
    pictures(view, "links-eight-wide")


def overflowing(view: Page, width: int) -> list[str]:
    """What is cut at the panel's edge when it is so wide; what scrolls by itself apart."""
    return view.lasting(
        """width => {
      const view = document.querySelector("#jp-gpumon .jp-GpuMon-view");
      view.style.width = `${width}px`;
      const edge = view.getBoundingClientRect().right + 0.5;
      const scrolls = e => e.closest(".jp-GpuMon-matrix");
      const cut = e => e.getBoundingClientRect().right > edge && !scrolls(e);
      return [...view.querySelectorAll(".jp-GpuMon-health *")].filter(cut).map(e => e.outerHTML.slice(0, 90));
    }""",
        width,
    )


def test_a_split_board_is_a_tree(board, visit):
    """GPU instances, compute instances, memory; its NVLinks are said to be untold."""
    server = board(gpus=2, mig={1: ["1g.18gb", None, "2g.35gb"]})
    view = visit(server).open().live()
    tab(view, "Links")
    tree = view.panel.locator(".jp-GpuMon-tree")
    tree.wait_for(timeout=40_000)
    says(tree, "GPU instance 7")
    says(tree, "GPU 1:0")
    says(view.panel.locator("[data-section=links-nvlink]"), "while the board is split (MIG)")
    pictures(view, "links-mig")


def test_without_a_gpu_the_tabs_say_so(lab, visit):
    """Not an empty page."""
    view = visit(lab("auto")).open().show()
    for name in ("Health", "Links"):
        view.panel.get_by_role("tab", name=name).click()
        view.panel.get_by_text("There is no GPU to look at.").wait_for(timeout=40_000)
    view.panel.get_by_role("tab", name="Now").click()

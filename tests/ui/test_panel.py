"""The panel: it moves, it fits, it can be used without a mouse, and it looks like JupyterLab in any theme."""

from __future__ import annotations

import re

import pytest

from .conftest import expect, says

pytestmark = pytest.mark.ui

ONE = "sim:gpus=1&script=training"
EIGHT = "sim:gpus=8&script=training"
PICTURE = "document.querySelector('#jp-gpumon .jp-GpuMon-chart canvas').toDataURL()"
DRAWN = f"() => {PICTURE.removesuffix('.toDataURL()')}"
LUMINANCE = """() => {
  const [r, g, b] = getComputedStyle(document.querySelector('#jp-gpumon')).backgroundColor.match(/\\d+/g).map(Number);
  return (r + g + b) / 3;
}"""


def test_the_panel_shows_a_gpu_and_moves(lab, visit):
    """A card with its five meters, a chart that is another one seconds later, and a line that says it is simulated."""
    view = visit(lab(ONE)).open().live()
    card = view.panel.locator(".jp-GpuMon-card")
    expect(card).to_have_count(1)
    expect(card.locator(".jp-GpuMon-meterLabel")).to_have_text(["Busy", "Memory", "Power", "Temp.", "SM clock"])
    says(card, re.compile(r"\d+ / 700 W"))
    view.wait(DRAWN)
    before = view.page.evaluate(PICTURE)
    view.wait(f"before => {PICTURE} !== before", before)
    says(view.panel.locator(".jp-GpuMon-footer"), "simulated, every 1 s")
    says(view.panel.locator(".jp-GpuMon-note"), "Simulated GPUs")
    assert view.errors == []
    view.picture("one-light")


def test_pause_holds_the_picture_and_says_so(lab, visit):
    """Paused, nothing is drawn, the footer says so; going on, it moves again."""
    view = visit(lab(ONE)).open().live()
    view.wait(DRAWN)
    view.page.wait_for_timeout(3000)  # its history has come, and a sample is drawn over it
    view.panel.get_by_role("button", name="Pause the view").click()
    says(view.panel.locator(".jp-GpuMon-truth"), "paused")
    view.page.wait_for_timeout(500)
    before = view.page.evaluate(PICTURE)
    view.page.wait_for_timeout(2500)
    assert view.page.evaluate(PICTURE) == before
    view.panel.get_by_role("button", name="Go on").click()
    view.wait(f"before => {PICTURE} !== before", before)


@pytest.mark.parametrize("width", [280, 300, 420])
def test_eight_gpus_fit_a_narrow_panel(lab, visit, width):
    """One line each, told apart by colour, and nothing reaches over the panel's edge."""
    view = visit(lab(EIGHT)).open().live()
    view.page.evaluate("w => { const s = document.querySelector('#jp-gpumon').style; s.width = `${w}px`; }", width)
    view.page.wait_for_timeout(300)
    lines = view.panel.locator(".jp-GpuMon-line")
    expect(lines).to_have_count(8)
    chips = lines.locator(".jp-GpuMon-chip").evaluate_all("chips => chips.map(c => c.style.background)")
    assert len(set(chips)) == 8
    over = view.lasting("""() => {
      const panel = document.querySelector('#jp-gpumon');
      const edge = panel.getBoundingClientRect().right + 0.5;
      const parts = [...panel.querySelectorAll('*')].filter(e => !e.closest('.jp-GpuMon-spoken, .uplot'));
      return parts.filter(e => e.getBoundingClientRect().right > edge || e.scrollWidth > e.clientWidth + 1
        && getComputedStyle(e).overflowX === 'visible' && getComputedStyle(e).display !== 'inline'
      ).map(e => `${e.tagName}.${e.className} ${e.scrollWidth}/${e.clientWidth}: ${e.textContent.slice(0, 60)}`);
    }""")
    view.picture(f"eight-{width}")
    assert over == []


@pytest.mark.parametrize("source", [ONE, EIGHT])
@pytest.mark.parametrize("width", [170, 230, 300])
def test_the_wide_view_stands_a_narrow_place(lab, visit, width, source):
    """In a thin split of the main area no number of a GPU or of the host is cut off."""
    view = visit(lab(source)).open()
    view.run("gpumon:open")
    wide = view.page.locator("#jp-gpumon-wide")
    wide.locator(".jp-GpuMon-truth.jp-mod-live").wait_for(timeout=40_000)
    view.wait("() => /\\d W/.test(document.querySelector('#jp-gpumon-wide').innerText)")
    over = view.lasting(
        """async width => {
      const view = document.querySelector('#jp-gpumon-wide .jp-GpuMon-view');
      view.style.width = `${width}px`;
      await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      const edge = view.getBoundingClientRect().right + 0.5;
      const cut = e => e.getBoundingClientRect().right > edge || e.scrollWidth > e.clientWidth + 1;
      const values = [...view.querySelectorAll(".jp-GpuMon-value")].filter(cut);
      return values.map(e => `${e.parentElement.className}: ${e.textContent}`);
    }""",
        width,
    )
    view.picture(f"narrow-{width}-{source[9]}")
    assert over == []


def test_the_dark_theme_is_dark(lab, visit):
    """Ground and text follow the theme; charts are drawn anew."""
    view = visit(lab(EIGHT)).open().live()
    assert view.page.evaluate(LUMINANCE) > 200
    view.run("apputils:change-theme", theme="JupyterLab Dark")
    view.wait(f"() => ({LUMINANCE})() < 80")
    view.page.wait_for_timeout(1500)
    view.picture("eight-dark")


def test_a_line_opens_by_keyboard(lab, visit):
    """Enter on a line shows its meters; Enter again hides them."""
    view = visit(lab(EIGHT)).open().live()
    line = view.panel.locator(".jp-GpuMon-line").nth(2)
    more = view.panel.locator(".jp-GpuMon-lineMore")
    line.press("Enter")  # focuses the line itself: JupyterLab, still starting, may take the focus in between
    more.wait_for(timeout=40_000)
    expect(line).to_have_attribute("aria-expanded", "true")
    expect(more.locator(".jp-GpuMon-meter")).to_have_count(5)
    line.press("Enter")
    more.wait_for(state="detached", timeout=40_000)
    expect(line).to_have_attribute("aria-expanded", "false")


def test_every_control_has_a_name(lab, visit):
    """A screen reader finds a name on each control, and a table behind each chart."""
    view = visit(lab(EIGHT)).open().live()
    nameless = view.panel.locator("button, select, input").evaluate_all(
        "all => all.filter(e => !(e.getAttribute('aria-label') || e.title || e.textContent.trim())).length"
    )
    assert nameless == 0
    spoken = view.panel.locator(".jp-GpuMon-chart[data-metric=power] .jp-GpuMon-spoken").text_content()
    assert "Power" in spoken
    assert "GPU 7" in spoken
    assert re.search(r"\d W", spoken)


def test_the_chart_answers_to_keys_and_to_the_mouse(lab, visit):
    """Arrows read values, plus and a drag zoom, 0 and a double click reset."""
    view = visit(lab(EIGHT)).open().live()
    plot = view.panel.locator(".jp-GpuMon-chart[data-metric=utilization] .jp-GpuMon-plot")
    plot.press("ArrowLeft")  # focuses the plot itself: JupyterLab, still starting, may take the focus in between
    pointed = view.panel.locator(".jp-GpuMon-pointed")
    pointed.wait_for(timeout=40_000)
    says(pointed, "GPU 7")
    reset = view.panel.get_by_role("button", name="reset zoom")
    plot.press("+")
    reset.wait_for(timeout=40_000)
    plot.press("0")
    reset.wait_for(state="detached", timeout=40_000)
    box = plot.locator(".u-over").bounding_box()
    view.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 30, steps=4)
    view.page.mouse.up()
    reset.wait_for(timeout=40_000)
    plot.locator(".u-over").dblclick()
    reset.wait_for(state="detached", timeout=40_000)


def test_mig_instances_are_below_their_board(lab, visit):
    """Each instance is listed in its board's card, and a missing utilization has a reason."""
    view = visit(lab("sim:gpus=2&script=mig")).open().live()
    board = view.panel.locator(".jp-GpuMon-card", has=view.page.locator(".jp-GpuMon-instance")).first
    assert board.locator(".jp-GpuMon-instance").count() >= 2
    says(board, re.compile(r"\dg\.\d+gb"))
    assert "see its instances" in str(board.locator(".jp-GpuMon-meter").first.get_attribute("title"))
    view.picture("mig")


def test_an_event_says_which_gpu_it_is_about(lab, visit):
    """The driver's own words for an error name no GPU: the entry does."""
    view = visit(lab("sim:gpus=2&script=ecc")).open().live()
    entry = view.panel.locator(".jp-GpuMon-happening[data-kind=xid]").first
    entry.wait_for(timeout=90_000)
    says(entry, re.compile(r"GPU 1: XID \d+"))
    view.picture("xid")

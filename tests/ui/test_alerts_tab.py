"""The Alerts tab: a rule is written and fires, is told once, and is answered; in a real JupyterLab."""

from __future__ import annotations

import re
import time

import pytest

from .conftest import expect, says

pytestmark = pytest.mark.ui

BUSY = "sim:gpus=1&script=inference"
EIGHT = "sim:gpus=8&script=inference"


def alerts(view):
    """The tab, opened by a click, with the server's first answer."""
    view.panel.get_by_role("tab", name="Alerts").click()
    tab = view.panel.locator(".jp-GpuMon-alerts")
    tab.get_by_text("No alert fires.").or_(tab.locator(".jp-GpuMon-alarm").first).wait_for(timeout=40_000)
    tab.locator(".jp-GpuMon-rule").first.wait_for(timeout=40_000)
    return tab


def toast(view, words):
    """The notifications with these words that are on the screen."""
    return view.page.locator(".Toastify__toast", has_text=words)


def wrote(tab, when, **fields):
    """A new rule, saved; its form is gone."""
    tab.get_by_role("button", name="New rule").click()
    form = tab.get_by_role("form", name="New rule")
    for label, text in {**fields, "Fires when": when}.items():
        form.get_by_label(label).fill(text)
    form.get_by_label("Level").select_option("critical")
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="detached")


def test_a_new_rule_fires_and_is_told_once(lab, visit):
    """A notification leads to the tab, the status bar counts; a page that is loaded anew does not tell it again."""
    view = visit(lab(BUSY)).open().live()
    wrote(alerts(view), "power > 10 W", Name="much-power", For="1 s", Title="Much power")
    told = toast(view, "GPU 0: Much power")
    told.wait_for(timeout=40_000)
    view.picture("alert-told")
    view.panel.get_by_role("tab", name="Now").click()
    says(view.panel.locator(".jp-GpuMon-calls"), "1 alert: GPU 0: Much power")
    status = view.page.locator(".jp-GpuMon-statusButton")
    says(status, "1 alert")
    assert status.get_attribute("aria-label").startswith("1 alert: GPU 0: Much power")
    expect(view.panel.get_by_role("tab", name="Alerts, 1 firing")).to_have_count(1)
    view.run("application:toggle-right-area")
    view.panel.wait_for(state="hidden")
    told.get_by_role("button", name="Open panel").click()
    alarm = view.panel.locator(".jp-GpuMon-alarm[data-rule=much-power]")
    alarm.wait_for(timeout=40_000)
    says(alarm, "Critical")
    says(alarm, re.compile(r"Power \d+ W"))
    view.open("").live()
    view.page.locator(".jp-GpuMon-count").wait_for(timeout=40_000)
    view.page.wait_for_timeout(1500)
    expect(toast(view, "Much power")).to_have_count(0)
    assert view.errors == []
    view.server.api("gpumon/api/rules/much-power", "DELETE")


def test_an_alert_is_acknowledged_snoozed_and_over(lab, visit):
    """Answered, it is quiet everywhere; when its rule says so it is over, and told in the list."""
    server = lab(BUSY)
    server.api("gpumon/api/rules/draws", "PUT", {"id": "draws", "when": "power > 9 W", "title": "It draws"})
    view = visit(server).open().live()
    tab, told = alerts(view), toast(view, "It draws")
    alarm = tab.locator(".jp-GpuMon-alarm[data-rule=draws]")
    count = view.page.locator(".jp-GpuMon-count")
    count.wait_for(timeout=40_000)
    alarm.get_by_role("button", name="Acknowledge").click()
    count.wait_for(state="detached")
    expect(alarm).to_have_attribute("data-quiet", "true")
    says(alarm, "acknowledged")
    alarm.get_by_role("button", name="Unacknowledge").click()
    count.wait_for()
    alarm.get_by_label("Snooze").select_option("1 h")
    count.wait_for(state="detached")
    says(alarm, "snoozed until")
    kept = next(a for a in server.api("gpumon/api/alerts")["alerts"] if a["finding"]["rule"] == "draws")
    assert 3500 < kept["snoozed"] - time.time() < 3700
    tab.get_by_role("button", name="Edit the rule draws").click()
    form = tab.get_by_role("form", name="Rule draws")
    form.get_by_label("Fires when").fill("power > 9 kW")
    form.get_by_text("It would not have fired").wait_for(timeout=40_000)
    form.get_by_role("button", name="Save").click()
    alarm.wait_for(state="detached", timeout=40_000)
    tab.locator(".jp-GpuMon-over[data-rule=draws]").first.wait_for(timeout=40_000)
    expect(told).to_have_count(0)
    tab.get_by_role("button", name="Edit the rule draws").click()
    tab.get_by_role("button", name="Delete").click()
    tab.locator(".jp-GpuMon-rule[data-rule=draws]").wait_for(state="detached", timeout=40_000)
    assert view.errors == []


def test_a_mistake_in_a_rule_is_underlined_where_it_is(lab, visit):
    """With its word; right, the last hour is drawn with the threshold and the times at which it would have fired."""
    view = visit(lab(BUSY)).open().live()
    tab = alerts(view)
    tab.get_by_role("button", name="New rule").click()
    form = tab.get_by_role("form", name="New rule")
    expect(form.get_by_role("button", name="Save")).to_be_disabled()
    form.get_by_label("Name").fill("memory-full")
    when = form.get_by_label("Fires when")
    when.fill("power > 10 and temprature > 3")
    wrong = form.locator("u")
    wrong.wait_for(timeout=40_000)
    expect(wrong).to_have_text("temprature")
    expect(when).to_have_attribute("aria-invalid", "true")
    says(form, "did you mean temperature?")
    says(form, "a rule called memory-full already")
    view.picture("rule-mistake")
    when.fill("power > 10 and temperature > 3")
    form.get_by_text("It would have fired").wait_for(timeout=40_000)
    expect(wrong).to_have_count(0)
    chart = form.locator("[data-metric=power]")
    says(chart.locator("figcaption"), "threshold 10.0 W")
    says(chart.locator("caption"), "would have fired: GPU 0")
    view.picture("rule-preview")
    form.get_by_label("Over when").fill("power < ")
    form.locator("label", has_text="Over when").locator("u").wait_for(timeout=40_000)
    form.get_by_role("button", name="Cancel").click()
    switch = tab.get_by_label("Use the rule memory-full")
    switch.click()
    view.wait("() => !document.querySelector('[data-rule=memory-full] input').checked")
    rules = {item["rule"]["id"]: item for item in view.server.api("gpumon/api/rules")["rules"]}
    assert rules["memory-full"]["enabled"] is False
    view.server.api("gpumon/api/rules/memory-full", "DELETE")
    assert view.errors == []


def test_a_notification_interrupts_the_kernel_that_it_is_about(lab, visit):
    """And leads to its notebook; of a kernel that is not here it offers no such thing."""
    server = lab(BUSY)
    server.notebook("guilty.ipynb", source="import time; print('runs', flush=True); time.sleep(600)")
    view = visit(server)
    view.open().live()
    view.notebook("guilty.ipynb")
    view.run("notebook:run-all-cells")
    view.page.locator(".jp-OutputArea", has_text="runs").wait_for()
    kernel = server.api("api/kernels")[0]["id"]
    about = {"level": "critical", "notebook": "guilty.ipynb"}
    mine = {"rule": "mine", "title": "Mine", "kernel": kernel, **about}
    other = {"rule": "other", "title": "Other", "kernel": "elsewhere", **about}
    found = [{"id": f["rule"], "finding": f, "since": time.time(), "fired": time.time()} for f in (mine, other)]
    book = {"enabled": True, "alerts": found, "history": [], "deliveries": [], "problems": []}
    view.page.route("**/gpumon/api/alerts?*", lambda route: route.fulfill(json=book))
    alerts(view)
    told = toast(view, "Mine")
    told.wait_for(timeout=40_000)
    expect(told.get_by_role("button", name="Go to notebook")).to_have_count(1)
    expect(toast(view, "Other").get_by_role("button", name="Interrupt kernel")).to_have_count(0)
    told.get_by_role("button", name="Interrupt kernel").click()
    view.page.locator(".jp-OutputArea", has_text="KeyboardInterrupt").wait_for(timeout=30_000)
    server.api(f"api/kernels/{kernel}", "DELETE")


def test_the_notebook_says_what_fires(lab, visit):
    """A line in the live widget, and `%gpumon alerts` with what to do."""
    server = lab(BUSY)
    source = "%load_ext jupyter_gpumon\n%gpumon alerts\n%gpumon"
    server.notebook("says.ipynb", source=source)
    rule = {"id": "says", "when": "power > 7 W", "title": "Said here", "steps": ["Look."]}
    server.api("gpumon/api/rules/says", "PUT", rule)
    view = visit(server).open().live()
    view.page.locator(".jp-GpuMon-count").wait_for(timeout=40_000)
    view.notebook("says.ipynb")
    view.run("notebook:run-all-cells")
    told = view.page.locator(".jp-OutputArea", has_text="WARNING gpu0: Said here")
    told.get_by_text("- Look.").wait_for(timeout=40_000)
    told.get_by_text("1 alert: gpu0: Said here").wait_for(timeout=40_000)
    view.picture("alerts-notebook")
    server.api("gpumon/api/rules/says", "DELETE")
    told.get_by_text("1 alert: gpu0: Said here").wait_for(state="detached", timeout=40_000)
    server.api(f"api/kernels/{server.api('api/kernels')[0]['id']}", "DELETE")


def test_the_setting_keeps_notifications_away(lab, visit):
    """`off`: the tab still tells, nothing pops up."""
    server = lab(BUSY)
    server.api("lab/api/settings/jupyter-gpumon:plugin", "PUT", {"raw": '{"notify": "off"}'})
    view = visit(server).open().live()
    server.api("gpumon/api/rules/quiet", "PUT", {"id": "quiet", "when": "power > 8 W", "title": "Quiet one"})
    alerts(view).locator(".jp-GpuMon-alarm[data-rule=quiet]").wait_for(timeout=40_000)
    view.page.wait_for_timeout(1000)
    expect(toast(view, "Quiet one")).to_have_count(0)
    server.api("lab/api/settings/jupyter-gpumon:plugin", "PUT", {"raw": "{}"})
    server.api("gpumon/api/rules/quiet", "DELETE")


def test_nothing_overflows_however_narrow(lab, visit):
    """Eight GPUs, each with an alert; the tabs and the editor too. No more than three notifications cover the page."""
    view = visit(lab(EIGHT)).open().live()
    tab = alerts(view)
    wrote(tab, "power > 9 W and memory_used / memory_total > 1 %", Name="long", For="0", Title="A title " * 12)
    view.wait("() => document.querySelectorAll('.jp-GpuMon-alarm').length === 8")
    toast(view, "A title").nth(2).wait_for(timeout=40_000)
    expect(toast(view, "A title")).to_have_count(3)
    tab.get_by_role("button", name="Edit the rule long").press("Enter")  # the notifications lie over it
    tab.get_by_text("It would").wait_for(timeout=40_000)
    for width in (280, 420):
        over = view.lasting(OVER, width)
        view.picture(f"alerts-{width}")
        assert over == []


OVER = """async width => {
  const view = document.querySelector("#jp-gpumon .jp-GpuMon-view");
  view.style.width = `${width}px`;
  await new Promise(done => setTimeout(done, 1000));
  const edge = view.getBoundingClientRect().right + 0.5;
  const parts = [...view.querySelectorAll("*")].filter(e => !e.closest(".jp-GpuMon-spoken, .uplot"));
  return parts.filter(e => e.getBoundingClientRect().right > edge).map(e => `${e.className}: ${e.textContent}`);
}"""

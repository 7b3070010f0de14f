"""What the panel costs the browser: share of the main thread, in headless Chromium, with history on the charts."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from .servers import Server

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main_thread(server: Server, minutes: float = 10, seconds: float = 30) -> tuple[float, float]:
    """Share of the main thread (CPU time) of JupyterLab alone and with the panel shown for ``minutes``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url("lab"))
        page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.wait_for_selector(".jp-GpuMon-card, .jp-GpuMon-lineBox", timeout=30_000)
        _hide(page)
        time.sleep(10)
        alone = _share(session, seconds)
        page.click("[data-id=jp-gpumon]")
        time.sleep(60 * minutes)
        shown = _share(session, seconds)
        browser.close()
    return alone, shown


def _hide(page: Page) -> None:
    """The panel is open on a first visit; a click on its tab closes it."""
    page.click("[data-id=jp-gpumon]")


def _share(session: CDPSession, seconds: float) -> float:
    before, began = _busy(session), time.monotonic()
    time.sleep(seconds)
    return (_busy(session) - before) / (time.monotonic() - began)


def _busy(session: CDPSession) -> float:
    metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

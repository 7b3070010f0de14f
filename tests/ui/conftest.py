"""Servers and pages for the browser tests."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .lab import TOKEN, Lab

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed on this machine")
expect = playwright.expect
expect.set_options(timeout=40_000)

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
ANSWERED = """path => {
  const { shell } = jupyterapp, answered = (window.answered ??= new WeakSet());
  const notebook = [...shell.widgets('main')].find(({ context }) => context?.path === path);
  const kernel = notebook?.sessionContext.session?.kernel;
  void kernel?.info.then(() => answered.add(kernel));
  if (notebook && shell.currentWidget !== notebook) {
    shell.activateById(notebook.id);
    return false;
  }
  const ready = notebook?.context.isReady && notebook.sessionContext.isReady;
  return Boolean(ready && kernel?.connectionStatus === 'connected' && answered.has(kernel));
}"""
"""Whether this notebook is in front and its kernel has answered: one that starts cannot be interrupted."""
SETTLED = "() => jupyterapp.shell.currentWidget !== null"
"""Whether what the main area begins with has had the focus: the launcher takes it once the files are listed."""
STATE = """() => {
  const { shell } = jupyterapp, widget = shell.currentWidget, context = widget?.sessionContext;
  const kernel = context?.session?.kernel;
  return JSON.stringify({
    main: [...shell.widgets('main')].map(({ id }) => id), current: widget?.id, loaded: widget?.context?.isReady,
    session: context?.isReady, connection: kernel?.connectionStatus, status: kernel?.status,
    dialog: document.querySelector('.jp-Dialog')?.innerText, text: document.body.innerText.slice(0, 2000),
  });
}"""
"""What a page that does not do what it is waited for looks like."""
SCREENSHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """None: pytest-jupyter would close the loop that drives the browser in this thread."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Nothing to clean up: the servers here are processes of their own."""


@pytest.fixture(scope="session")
def chromium(require: Callable[[str | None, str], str | None]) -> Iterator[playwright.Browser]:
    """One browser for all tests."""
    path = require(shutil.which("chromium") or shutil.which("google-chrome"), "chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Lab]]:
    """``lab(source)``: a running JupyterLab, the same one for the same source."""
    running: dict[tuple[str, str], Lab] = {}

    def start(source: str, app: str = "lab") -> Lab:
        if (source, app) not in running:
            server = running[source, app] = Lab(tmp_path_factory.mktemp("lab"), source, app)
            server.start()
        return running[source, app]

    yield start
    for server in running.values():
        server.stop()


class Page:
    """A page of JupyterLab with what these tests do with it."""

    def __init__(self, page: playwright.Page, server: Lab) -> None:
        self.page, self.server = page, server
        self.panel = page.locator("#jp-gpumon")
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, query: str = "&reset") -> Page:
        """Open JupyterLab with nothing but the launcher, and the panel."""
        self.page.goto(f"{self.server.url}/lab?token={TOKEN}{query}")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
        self.page.wait_for_function("window.jupyterapp?.commands.hasCommand('gpumon:show')", timeout=30_000)
        self.wait(SETTLED)
        return self

    def run(self, command: str, **args: object) -> None:
        """Run a command of the application."""
        self.page.evaluate("([command, args]) => void jupyterapp.commands.execute(command, args)", [command, args])

    def show(self) -> Page:
        """Show the panel and wait for its first line of truth."""
        self.run("gpumon:show")
        self.panel.locator(".jp-GpuMon-truth").wait_for(timeout=40_000)
        return self

    def live(self) -> Page:
        """Show the panel with the GPUs as they are now, and wait until it is live."""
        self.show()
        self.panel.get_by_role("tab", name="Now").click()
        self.panel.locator(".jp-GpuMon-truth.jp-mod-live").wait_for(timeout=40_000)
        self.wait("() => /\\d W/.test(document.querySelector('#jp-gpumon').innerText)")
        return self

    def notebook(self, path: str) -> Page:
        """Open a notebook and wait until its kernel has answered."""
        self.run("docmanager:open", path=path, factory="Notebook")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=40_000)
        self.wait(ANSWERED, path, seconds=90)
        return self

    def wait(self, condition: str, argument: object = None, seconds: float = 40) -> None:
        """Wait until a JavaScript condition holds in the page; a promise would hold at once."""
        assert not condition.startswith("async"), condition
        try:
            self.page.wait_for_function(condition, arg=argument, timeout=seconds * 1000, polling=100)
        except playwright.TimeoutError as error:
            raise AssertionError(f"not within {seconds:g} s: {condition}; {self.page.evaluate(STATE)}") from error

    def lasting(self, listing: str, argument: object = None) -> list[str]:
        """What a JavaScript list holds for ten seconds on end: a chart that only just follows its width passes."""
        end = time.monotonic() + 10
        while (found := self.page.evaluate(listing, argument)) and time.monotonic() < end:
            self.page.wait_for_timeout(200)
        return list(found)

    def picture(self, name: str) -> None:
        """Keep a screenshot, to be looked at."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def says(part: playwright.Locator, words: str | re.Pattern[str]) -> None:
    """Wait until a part of the page says these words, as they are seen."""
    expect(part).to_contain_text(words, use_inner_text=True)


@pytest.fixture
def visit(chromium: playwright.Browser) -> Iterator[Callable[..., Page]]:
    """``visit(server)``: a page of that server in a browser profile of its own."""
    contexts: list[playwright.BrowserContext] = []

    def open_page(server: Lab, width: int = 1400, height: int = 950, **options: object) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(40_000)
        return Page(context.new_page(), server)

    yield open_page
    for context in contexts:
        context.close()

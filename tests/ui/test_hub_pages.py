"""JupyterLab in a browser under a hub: the panel keeps no server alive that plain JupyterLab would let be culled."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.server.hub import HubUnderTest, hub_of, serving
from tests.services import PATIENCE, free_port

from .lab import settle

EXAMPLE = Path(__file__).parents[2] / "examples/jupyterhub/jupyterhub_config.py"
USERS = ("panel", "plain", "hidden", "plain-hidden")
WATCHED = 21.0
"""Seconds of looking at the hub: two rounds of what JupyterLab itself asks its server every ten seconds."""
HIDE = "() => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
HIDE += "document.dispatchEvent(new Event('visibilitychange')); }"
LIVE = ".jp-GpuMon-truth.jp-mod-live"


@pytest.fixture
def proxy(require):
    return require(shutil.which("configurable-http-proxy"), "configurable-http-proxy")


def home(folder: Path, extension: bool) -> None:
    """A user's own configuration: for plain JupyterLab both halves of the extension are off."""
    settle(folder / ".jupyter" / "labconfig", **({} if extension else {"disabledExtensions": {"jupyter-gpumon": True}}))
    if not extension:
        off = {"ServerApp": {"jpserver_extensions": {"jupyter_gpumon": False}}}
        (folder / ".jupyter" / "jupyter_server_config.json").write_text(json.dumps(off))


def login(page, hub: HubUnderTest, user: str, then: str = "/hub/user/{user}/lab") -> None:
    """Sign in as a user does, and wait for JupyterLab."""
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{hub.port}/hub/login?next={quote(then.format(user=user), safe='')}")
    page.fill("#username_input", user)
    page.fill("#password_input", "any")
    page.click("#login_submit")
    page.wait_for_selector("#jp-top-panel", state="attached", timeout=180_000)
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=120_000)


class Sent:
    """What a page sends to our routes: requests, and frames on the websocket."""

    def __init__(self, page) -> None:
        self.seen: list[str] = []
        self.received = 0
        page.on("request", lambda request: "/gpumon/" in request.url and self.seen.append(request.url))
        page.on("websocket", self._listen)

    def _listen(self, socket) -> None:
        if "/gpumon/" in socket.url:
            socket.on("framesent", lambda _: self.seen.append("a frame"))
            socket.on("framereceived", lambda _: self._count())

    def _count(self) -> None:
        self.received += 1


def moves(hub: HubUnderTest, page, seconds: float) -> dict[str, int]:
    """How often each user's ``last_activity`` was another one within so many seconds, looking twice a second."""
    seen: dict[str, list[str]] = defaultdict(list)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for user in USERS:
            activity = hub.activity(user)
            if activity not in seen[user]:
                seen[user].append(activity)
        page.wait_for_timeout(500)
    return {user: len(values) - 1 for user, values in seen.items()}


@pytest.mark.timeout(600)
def test_a_panel_open_or_hidden_is_no_more_activity_than_plain_jupyterlab(chromium, proxy, tmp_path):
    """Four users look at JupyterLab: with the panel, without the extension, and both in a hidden tab."""
    for user in USERS:
        home(tmp_path / "home" / user, extension="plain" not in user)
    with hub_of(tmp_path, proxy, USERS) as hub:
        contexts = {user: chromium.new_context() for user in USERS}
        try:
            pages = {user: context.new_page() for user, context in contexts.items()}
            sent = {user: Sent(page) for user, page in pages.items()}
            for user, page in pages.items():
                login(page, hub, user)
                has = page.evaluate("() => window.jupyterapp.commands.hasCommand('gpumon:show')")
                assert has == ("plain" not in user)
                if has:
                    page.evaluate("() => void jupyterapp.commands.execute('gpumon:show')")
                    page.wait_for_selector(LIVE, timeout=30_000)
                if "hidden" in user:
                    page.evaluate(HIDE)
            pages["plain"].wait_for_timeout(15_000)  # What opening a page asks for has come to the hub.
            for each in sent.values():
                each.seen.clear()
                each.received = 0
            moved = moves(hub, pages["plain"], WATCHED)
        finally:
            for context in contexts.values():
                context.close()
    assert sent["panel"].received >= WATCHED / 6, "the panel streams"
    assert sent["hidden"].received == 0, "a hidden tab has closed its socket"
    assert {user: each.seen for user, each in sent.items()} == {user: [] for user in USERS}
    # JupyterLab asks for kernels, sessions, terminals and files every ten seconds, at moments of each page's own: where
    # they fall together, they are one move. A panel that counted would move it at every look, some twenty times more.
    assert moved["plain"] >= 1, "the hub hears of plain JupyterLab at all"
    assert moved["panel"] - moved["plain"] <= WATCHED / 2, moved
    assert moved["hidden"] - moved["plain-hidden"] <= WATCHED / 2, moved


def test_the_example_is_a_hub_whose_users_see_their_gpus(chromium, proxy, tmp_path):
    """Exactly the file of the repository, on ports and in folders of the test's own: sign in, open the panel."""
    port = free_port()
    traits = {
        "JupyterHub.bind_url": f"http://127.0.0.1:{port}",
        "JupyterHub.hub_bind_url": f"http://127.0.0.1:{free_port()}",
        "JupyterHub.db_url": "sqlite://",
        "JupyterHub.cookie_secret_file": tmp_path / "cookie_secret",
        "ConfigurableHTTPProxy.api_url": f"http://127.0.0.1:{free_port()}",
        "ConfigurableHTTPProxy.pid_file": tmp_path / "proxy.pid",
        "SimpleLocalProcessSpawner.home_dir_template": tmp_path / "{username}",
        "Spawner.port": free_port(),
        "Spawner.http_timeout": int(PATIENCE),
        "Spawner.args": ["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else [],
    }
    arguments = ["-f", str(EXAMPLE), *(f"--{name}={value}" for name, value in traits.items())]
    home(tmp_path / "carol", extension=True)
    with serving(tmp_path, port, arguments) as hub:
        context = chromium.new_context()
        try:
            page = context.new_page()
            login(page, hub, "carol", then="/hub/spawn")
            tab, panel = page.locator(".jp-SideBar [data-id='jp-gpumon']"), page.locator("#jp-gpumon")
            tab.wait_for(timeout=30_000)
            page.wait_for_selector(LIVE, state="attached", timeout=30_000)
            if not panel.is_visible():  # A click on the tab of an open panel would close it.
                tab.click()
            panel.locator(LIVE).wait_for(timeout=40_000)
            assert panel.inner_text().count("GPU") >= 2
            assert f"127.0.0.1:{port}/user/carol/lab" in page.url
        finally:
            context.close()

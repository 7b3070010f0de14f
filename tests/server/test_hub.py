"""Two users' servers under one JupyterHub: both stream through the proxy, neither reads the other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websocket import WebSocket, WebSocketBadStatusException, create_connection

from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.wire import decode

TOKEN = "a-token-for-this-test-alone"
USERS = ("alice", "bob")

CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.last_activity_interval = 1
c.JupyterHub.activity_resolution = 0
c.JupyterHub.services = [dict(name="test", api_token="{token}")]
scopes = ["admin:users", "admin:servers", "tokens", "access:servers", "read:hub"]
c.JupyterHub.load_roles = [dict(name="test", services=["test"], scopes=scopes)]
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.Authenticator.allow_all = True
c.Spawner.args = ["--allow-root"]
c.Spawner.cmd = ["{python}", "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/api"
c.Spawner.environment = dict(GPUMON_SOURCE="sim:gpus=2&script=training", JUPYTERHUB_ACTIVITY_INTERVAL="1")
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home/{{username}}"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class HubUnderTest:
    """A running hub, and questions to it and to the users' servers through its proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.tokens: dict[str, str] = {}

    def ask(self, path: str, token: str | None = TOKEN, method: str = "GET", body: dict | None = None):
        headers = {"Authorization": f"token {token}"} if token else {}
        data = json.dumps(body).encode() if body is not None else b"" if method == "POST" else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def code(self, path: str, token: str | None) -> int:
        try:
            self.ask(path, token)
        except urllib.error.HTTPError as e:
            return e.code
        return 200

    def stream(self, user: str, token: str | None) -> WebSocket:
        header = [f"Authorization: token {token}"] if token else []
        url = f"ws://127.0.0.1:{self.port}/user/{user}/gpumon/api/stream?history=60"
        return create_connection(url, header=header, timeout=20, suppress_origin=True)

    def activity(self, user: str) -> str:
        return self.ask(f"/hub/api/users/{user}")["servers"][""]["last_activity"]


def until(condition, what: str, seconds: float = 60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = condition()
        except (OSError, urllib.error.URLError):
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"never: {what}")


@pytest.fixture(scope="module")
def hub(require, tmp_path_factory):
    """A hub with configurable-http-proxy, and alice's and bob's servers running."""
    proxy = require(shutil.which("configurable-http-proxy"), "configurable-http-proxy")
    folder = tmp_path_factory.mktemp("hub")
    for user in USERS:
        (folder / "home" / user).mkdir(parents=True)
    port = free_port()
    config = folder / "jupyterhub_config.py"
    config.write_text(
        CONFIG.format(
            port=port,
            hub=free_port(),
            api=free_port(),
            folder=folder,
            token=TOKEN,
            proxy=proxy,
            python=sys.executable,
        )
    )
    log = (folder / "hub.log").open("w")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterhub", "-f", str(config)], cwd=folder, stdout=log, stderr=log, env=environ
    )
    running = HubUnderTest(port)
    try:
        until(lambda: running.ask("/hub/api/info"), "the hub is up")
        for user in USERS:
            running.ask(f"/hub/api/users/{user}", method="POST")
            running.ask(f"/hub/api/users/{user}/server", method="POST")
            running.tokens[user] = running.ask(f"/hub/api/users/{user}/tokens", method="POST", body={})["token"]
        for user in USERS:
            until(lambda user=user: running.ask(f"/hub/api/users/{user}")["servers"].get("", {}).get("ready"), user)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()
        print(Path(log.name).read_text()[-4000:])


def next_of(stream: WebSocket, kind: type, when=lambda message: True):
    """The next message of this kind."""
    while True:
        message = decode(stream.recv())
        if isinstance(message, kind) and when(message):
            return message


def test_both_users_stream_through_the_proxy(hub):
    """Hello and samples for each, from a server of their own."""
    for user in USERS:
        stream = hub.stream(user, hub.tokens[user])
        hello = next_of(stream, Hello, lambda hello: hello.status.state == "live")
        assert len(hello.devices) == 2
        assert next_of(stream, Sample, lambda sample: sample.gpus).gpus[0].power > 0
        stream.close()


@pytest.mark.parametrize("route", ["hello", "samples", "processes", "cells", "sampler"])
def test_neither_reads_the_other(hub, route):
    """Alice's token opens alice's routes and not bob's; without a token there is nothing."""
    assert hub.code(f"/user/alice/gpumon/api/{route}", hub.tokens["alice"]) == 200
    assert hub.code(f"/user/bob/gpumon/api/{route}", hub.tokens["alice"]) in (403, 404)
    assert hub.code(f"/user/bob/gpumon/api/{route}", None) == 403


def test_neither_streams_from_the_other(hub):
    """The upgrade is refused."""
    for token in (hub.tokens["alice"], None):
        with pytest.raises(WebSocketBadStatusException) as error:
            hub.stream("bob", token)
        assert error.value.status_code == 403


def test_an_open_stream_is_no_activity_of_the_server(hub):
    """What the server reports to the hub stays the same over seconds of streaming, and moves when it is used."""

    def reported(user):
        return hub.ask(f"/user/{user}/api/status", hub.tokens[user])["last_activity"]

    before = reported("alice")
    stream = hub.stream("alice", hub.tokens["alice"])
    for _ in range(4):
        next_of(stream, Sample, lambda sample: sample.gpus)
    hub.ask("/user/alice/gpumon/api/samples", hub.tokens["alice"])
    assert reported("alice") == before
    stream.close()
    hub.ask("/user/alice/api/kernelspecs", hub.tokens["alice"])
    assert reported("alice") > before


def test_an_open_stream_is_no_activity_for_the_hub(hub):
    """The hub hears from the server and from its proxy, each second here: nothing new while the panel streams."""
    stream = hub.stream("bob", hub.tokens["bob"])
    stream.send('{"type": "subscribe", "metrics": ["power"]}')
    time.sleep(3.0)
    before = hub.activity("bob")
    for _ in range(5):
        next_of(stream, Sample, lambda sample: sample.gpus)
    assert hub.activity("bob") == before
    stream.close()
    hub.ask("/user/bob/api/kernelspecs", hub.tokens["bob"])
    until(lambda: hub.activity("bob") > before, "the hub hears of activity at all", 10.0)


def test_the_server_sends_no_pings_through_the_proxy(hub):
    """A browser would answer them, and its answers count at the proxy."""
    stream = hub.stream("alice", hub.tokens["alice"])
    opcodes = set()
    end = time.monotonic() + 4.0
    while time.monotonic() < end:
        opcodes.add(stream.recv_frame().opcode)
    stream.close()
    assert opcodes <= {0x0, 0x1}

"""A hub on free loopback ports, with configurable-http-proxy, and questions to it and to its users' servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from websocket import WebSocket, create_connection

from tests.services import PATIENCE, free_port

TOKEN = "a-token-for-this-test-alone"

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
c.Spawner.args = ["--allow-root", "--LabApp.expose_app_in_browser=True"]
c.Spawner.pre_spawn_hook = lambda spawner: setattr(spawner, "port", {ports}[spawner.user.name])
c.Spawner.http_timeout = c.Spawner.start_timeout = {patience}
c.Spawner.cmd = ["{python}", "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/api"
c.Spawner.environment = dict(GPUMON_SOURCE="sim:gpus=2&script=training", JUPYTERHUB_ACTIVITY_INTERVAL="1")
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home/{{username}}"
"""


class HubUnderTest:
    """A running hub, and questions to it and to the users' servers through its proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.tokens: dict[str, str] = {}

    def ask(self, path: str, token: str | None = TOKEN, method: str = "GET", body: dict | None = None):
        headers = {"Authorization": f"token {token}"} if token else {}
        data = json.dumps(body).encode() if body is not None else b"" if method == "POST" else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
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
        return create_connection(url, header=header, timeout=60, suppress_origin=True)

    def activity(self, user: str) -> str:
        return self.ask(f"/hub/api/users/{user}")["servers"][""]["last_activity"]


def until(condition, what: str, seconds: float = PATIENCE):
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


@contextmanager
def serving(folder: Path, port: int, arguments: Sequence[str]) -> Iterator[HubUnderTest]:
    """``jupyterhub`` with these arguments, from when it answers until the block ends."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "GPUMON"))}
    # At the end: a node of the environment may be a wrapper, which would leave the proxy behind when it is stopped.
    environ["PATH"] = os.pathsep.join([environ["PATH"], str(Path(sys.executable).parent)])
    command = [sys.executable, "-m", "jupyterhub", *arguments]
    running = HubUnderTest(port)
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environ)
        try:
            until(lambda: running.code("/hub/api/", None) == 200, "the hub is up")
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            print((folder / "hub.log").read_text()[-4000:])


@contextmanager
def hub_of(folder: Path, proxy: str, users: Sequence[str]) -> Iterator[HubUnderTest]:
    """A hub of our own configuration with the servers of these users running."""
    port = free_port()
    places = {"port": port, "hub": free_port(), "api": free_port(), "folder": folder, "proxy": proxy}
    ports = {user: free_port() for user in users}
    config = folder / "jupyterhub_config.py"
    words = CONFIG.format(**places, ports=ports, patience=int(PATIENCE), token=TOKEN, python=sys.executable)
    config.write_text(words)
    for user in users:
        (folder / "home" / user).mkdir(parents=True, exist_ok=True)
    with serving(folder, port, ["-f", str(config)]) as running:
        for user in users:
            running.ask(f"/hub/api/users/{user}", method="POST")
            running.ask(f"/hub/api/users/{user}/server", method="POST")
            running.tokens[user] = running.ask(f"/hub/api/users/{user}/tokens", method="POST", body={})["token"]
        for user in users:
            until(lambda user=user: running.ask(f"/hub/api/users/{user}")["servers"].get("", {}).get("ready"), user)
        yield running

"""Real Jupyter servers for the benchmarks: ours, ours switched off, and the peer's, each on the same fake driver."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..services import free_port

TOKEN = "benchmark"


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int
    runtime: Path

    def url(self, path: str, scheme: str = "http") -> str:
        """Address of a route, with the token."""
        return f"{scheme}://127.0.0.1:{self.port}/{path}{'&' if '?' in path else '?'}token={TOKEN}"

    def get(self, path: str) -> dict[str, object]:
        """The JSON a route answers."""
        with urllib.request.urlopen(self.url(path), timeout=30) as answer:
            found: dict[str, object] = json.load(answer)
            return found


@contextlib.contextmanager
def running(python: str, extensions: str, environment: dict[str, str], *options: str) -> Iterator[Server]:
    """A Jupyter server with these extensions (module names with commas; empty for none), stopped at the end."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="gpumon-bench-")
    wanted = dict.fromkeys(filter(None, extensions.split(",")), True)
    enabled = {"jupyter_gpumon": False, "jupyterlab_nvdashboard": False, **wanted}
    config = {"ServerApp": {"jpserver_extensions": enabled}}
    (Path(folder) / "jupyter_server_config.json").write_text(json.dumps(config))
    command = [
        *(python, "-m", "jupyter_server", "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *(
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={folder}",
            "--ServerApp.port_retries=0",
            *options,
        ),
    ]
    # only the configuration made here: whatever else is installed stays off
    where = dict.fromkeys(("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"), folder)
    with (Path(folder) / "log").open("w") as log:
        process = subprocess.Popen(command, env={**os.environ, **environment, **where}, stdout=log, stderr=log)
        try:
            server = Server(process.pid, port, Path(folder))
            _wait(server, Path(folder) / "log")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Server, log: Path) -> None:
    for _ in range(1200):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            server.get("api/status")
            return
        time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-2000:]}")

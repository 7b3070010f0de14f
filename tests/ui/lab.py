"""A JupyterLab of its own, on a free loopback port, with its own settings and files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..services import free_port

TOKEN = "ui-tests"
NO_NEWS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def settle(folder: Path, **page: object) -> None:
    """JupyterLab's configuration in its folder: it asks for no news, and not at each page whether it is to be built."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "default_setting_overrides.json").write_text(json.dumps(NO_NEWS))
    (folder / "page_config.json").write_text(json.dumps({"buildCheck": False, **page}))


class Lab:
    """One server process; ``restart`` gives it the same address."""

    def __init__(self, home: Path, source: str, app: str = "lab") -> None:
        self.home, self.source, self.app = home, source, app
        self.root = home / "files"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (home / "labconfig", home / "config" / "labconfig"):
            settle(folder)

    def start(self) -> None:
        """Start and wait until it answers."""
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
        }
        log = (self.home / "server.log").open("ab")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter", self.app, "--allow-root", "--no-browser",
                f"--port={self.port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}",
                f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
                "--ServerApp.disable_check_xsrf=True", f"--GpuMon.source={self.source}",
            ],
            env=environment, stdout=log, stderr=log, cwd=self.root,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                self.api("api/status")
                return
            except (urllib.error.URLError, ConnectionError):
                assert self._process.poll() is None, (self.home / "server.log").read_text()
                time.sleep(0.2)
        raise AssertionError("the server did not answer within 120 s")

    def stop(self) -> None:
        """End it, with its kernels."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def api(self, path: str, method: str = "GET", body: object = None) -> object:
        """Ask the server; JSON in, JSON out."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def until(self, path: str, holds: Callable[[Any], object], seconds: float = 40) -> None:
        """Wait until what the server answers is so: a page saves its layout and its settings a while after."""
        deadline = time.monotonic() + seconds
        while not holds(found := self.api(path)):
            assert time.monotonic() < deadline, f"{path}: {found}"
            time.sleep(0.2)

    def notebook(self, name: str, outputs: list[dict[str, object]] | None = None, source: str = "1") -> str:
        """A notebook with one cell, in the server's root."""
        cell = {"cell_type": "code", "id": "one", "execution_count": 1, "metadata": {}, "source": source}
        cell["outputs"] = outputs or []
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        content = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(content))
        return name

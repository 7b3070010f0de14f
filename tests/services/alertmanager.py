"""A real Alertmanager that takes alerts, and sends what it makes of them to a webhook of the test.

``alertmanager(port, hook=url)`` starts one and returns it; it ends with the test.
"""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from . import running


@dataclass(frozen=True)
class Alertmanager:
    """One that runs."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def alerts(self) -> list[dict[str, Any]]:
        """What it holds for firing, by its own API."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture
def alertmanager(require: Callable[..., str], tmp_path: Path) -> Iterator[Callable[[int, str], Alertmanager]]:
    """``alertmanager(port, hook)`` starts one that tells ``hook`` of each change within a moment."""
    program = require(
        shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or "", "prometheus-alertmanager"
    )
    with ExitStack() as stack:

        def start(port: int, hook: str) -> Alertmanager:
            folder = tmp_path / f"alertmanager{port}"
            folder.mkdir()
            route = {"receiver": "test", "group_by": ["..."], "group_wait": "10ms", "group_interval": "100ms"}
            receivers = [{"name": "test", "webhook_configs": [{"url": hook}]}]
            (folder / "config.yml").write_text(json.dumps({"route": route, "receivers": receivers}))
            found = Alertmanager(port)
            words = [
                program,
                f"--config.file={folder / 'config.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ]
            stack.enter_context(running(words, lambda: found.ready, folder / "log"))
            return found

        yield start

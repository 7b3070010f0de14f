"""A real Prometheus that scrapes what a test serves, and answers its queries.

``prometheus(job("127.0.0.1:8888/gpumon/metrics", token="…"))`` starts one and returns it; it ends with the test.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from . import PATIENCE, free_port, running

Start = Callable[..., "Prometheus"]


def job(target: str, *, name: str = "gpumon", token: str = "", interval: str = "1s", **more: Any) -> dict[str, Any]:
    """A scrape job for ``[scheme://]host:port/path``; ``more`` are further keys of Prometheus's ``scrape_config``.

    A scrape may take as long as the interval: on a busy machine a shorter one fails now and then, and then all
    series are gone until the next.
    """
    url = urllib.parse.urlsplit(target if "://" in target else f"http://{target}")
    wanted: dict[str, Any] = {
        "job_name": name,
        "scheme": url.scheme,
        "metrics_path": urllib.parse.unquote(url.path) or "/metrics",  # Prometheus quotes it itself
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "static_configs": [{"targets": [url.netloc]}],
    }
    if url.query:
        wanted["params"] = urllib.parse.parse_qs(url.query)
    if token:
        wanted["authorization"] = {"type": "Bearer", "credentials": token}
    return wanted | more


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def api(self, path: str, **params: Any) -> Any:
        """What a route below ``/api/v1/`` answers; a query that is wrong fails the test with Prometheus's own words."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(params, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path} {params}: {json.load(e)['error']}") from e

    def query(self, expression: str, time: float | None = None) -> list[dict[str, Any]]:
        """The series an expression answers now (or at a Unix time): ``[{"metric": {…}, "value": [time, "1.5"]}]``."""
        found: list[dict[str, Any]] = self.api("query", query=expression, **({} if time is None else {"time": time}))[
            "result"
        ]
        return found

    def values(self, expression: str) -> list[float]:
        """The numbers alone."""
        return [float(series["value"][1]) for series in self.query(expression)]

    def until(self, expression: str, when: Callable[[list[dict[str, Any]]], Any] = bool) -> list[dict[str, Any]]:
        """Wait until the answer to an expression satisfies ``when`` (by default: until there is one), and return it."""
        end, found = time.monotonic() + PATIENCE, self.query(expression)
        while not when(found):
            assert time.monotonic() < end, f"{expression}: {found or 'no data'}. Targets: {self.targets()}"
            time.sleep(0.1)
            found = self.query(expression)
        return found

    def until_refused(self, words: str, job: str = "gpumon") -> None:
        """Wait until a job's scrape fails with these words."""
        end, said = time.monotonic() + PATIENCE, ""
        while words not in said:
            assert time.monotonic() < end, f"{job} never failed with {words!r}, but: {said!r}"
            time.sleep(0.1)
            said = " ".join(target["lastError"] for target in self.targets() if target["scrapePool"] == job)

    def targets(self) -> list[dict[str, Any]]:
        """What is scraped, with ``health`` and ``lastError``."""
        found: list[dict[str, Any]] = self.api("targets")["activeTargets"]
        return found

    @property
    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture
def prometheus(require: Callable[..., str], tmp_path: Path) -> Iterator[Start]:
    """``prometheus(*jobs, rules={…}, data=folder)`` starts one.

    ``rules`` is the content of a rules file, ``data`` a folder that holds blocks of series already.
    """
    program = require(shutil.which("prometheus"), "prometheus")
    with ExitStack() as stack:

        def start(*jobs: Mapping[str, Any], rules: Mapping[str, Any] | None = None, data: Path | None = None) -> Any:
            folder = tmp_path / f"prometheus{len(list(tmp_path.glob('prometheus*')))}"
            folder.mkdir()
            found = Prometheus(free_port(), folder)
            stack.enter_context(running(_words(program, found, jobs, rules, data), lambda: found.ready, folder / "log"))
            return found

        yield start


def _words(
    program: str, found: Prometheus, jobs: Sequence[Any], rules: Mapping[str, Any] | None, data: Path | None
) -> list[str]:
    """The command line; the configuration it names is written first. JSON is YAML too."""
    config: dict[str, Any] = {"global": {"evaluation_interval": "200ms"}, "scrape_configs": list(jobs)}
    if rules is not None:
        (found.folder / "rules.yml").write_text(json.dumps(rules))
        config["rule_files"] = ["rules.yml"]
    (found.folder / "prometheus.yml").write_text(json.dumps(config))
    return [
        program,
        f"--config.file={found.folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data or found.folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{found.port}",
        "--storage.tsdb.retention.time=3650d",
        "--log.level=warn",
    ]


@pytest.fixture
def promtool(require: Callable[..., str]) -> Callable[..., str]:
    """``promtool("check", "metrics", text=…)``: what it says; a failure that is not expected fails the test."""
    program = require(shutil.which("promtool"), "promtool")

    def run(*words: str, text: bytes | str = b"", fails: bool = False) -> str:
        given = text.encode() if isinstance(text, str) else text
        done = subprocess.run([program, *words], input=given, capture_output=True, timeout=PATIENCE)
        said = (done.stdout + done.stderr).decode()
        assert (done.returncode != 0) == fails, said
        return said

    return run

"""`gpumon up` and `down`: real processes, remembered; nothing of others is touched; what is missing is said."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from jupyter_gpumon.cli.stack.state import Started, State

from .services import free_port
from .services.prometheus import Prometheus

GPUMON = [sys.executable, "-m", "jupyter_gpumon"]


class Stack:
    """The command line with a folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("exporter", "prometheus", "grafana")}

    def up(self, what: str = "all", path: str | None = None, **ports: int) -> subprocess.CompletedProcess[str]:
        """Start; ``path`` replaces the search path for programs."""
        chosen = [word for name, port in (self.ports | ports).items() for word in (f"--{name}-port", str(port))]
        return self._run("up", what, "--source", "sim:gpus=2", *chosen, path=path)

    def down(self, what: str = "all") -> subprocess.CompletedProcess[str]:
        """Stop."""
        return self._run("down", what)

    def started(self) -> dict[str, Started]:
        """What the state file remembers."""
        return State(self.folder).read()

    def get(self, name: str, path: str) -> str:
        """What one of them answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    def _run(self, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "NO_COLOR": "1", **({} if path is None else {"PATH": path})}
        command = [*GPUMON, *words, "--folder", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=150, env=environment)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """One that is stopped at the end."""
    stack = Stack(tmp_path / "up")
    yield stack
    stack.down()


@pytest.fixture
def program(require: Any) -> str:
    """Prometheus, as a program."""
    return str(require(shutil.which("prometheus"), "prometheus"))


def test_prometheus_is_started_with_our_rules_and_stopped_again(stack, program):
    """On the loopback interface, with a job for the exporter; a second `up` leaves it as it is."""
    first = stack.up("prometheus")
    assert first.returncode == 0, first.stderr
    assert f"prometheus: http://127.0.0.1:{stack.ports['prometheus']}" in first.stdout
    assert "GpuHot" in stack.get("prometheus", "/api/v1/rules")
    assert f"127.0.0.1:{stack.ports['exporter']}" in stack.get("prometheus", "/api/v1/status/config")
    process = stack.started()["prometheus"].process()
    assert {found.laddr.ip for found in process.net_connections("tcp") if found.status == "LISTEN"} == {"127.0.0.1"}
    assert "runs already" in stack.up("prometheus").stdout
    assert stack.started()["prometheus"].pid == process.pid
    assert stack.down().stdout.strip() == "prometheus stopped."
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert "Nothing is running" in stack.down().stdout


def test_all_that_is_installed_runs_together(stack, program):
    """Prometheus scrapes the exporter; Grafana is said to be missing where it is, and the others run all the same."""
    done = stack.up("all")
    assert done.returncode == 0, done.stderr
    said = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert said[:2] == ["exporter", "prometheus"]
    assert ("grafana is not installed" in done.stdout) == ("grafana" not in stack.started())
    found = Prometheus(stack.ports["prometheus"], stack.folder)
    found.until('gpumon_gpu_power_watts{job="gpumon"}', lambda series: len(series) == 2)
    assert stack.down("exporter").stdout.strip() == "exporter stopped."
    found.until('up{job="gpumon"} == 0')
    assert "prometheus" in stack.started()


def test_what_is_not_installed_is_said_with_how_to_get_it(stack, tmp_path):
    """By name it is a failure."""
    done = stack.up("prometheus", path=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.startswith("prometheus is not installed. Get it with: apt install prometheus")
    assert stack.up("grafana", path=str(tmp_path)).stdout.startswith("grafana is not installed. Get it")
    assert not stack.started()


def test_a_port_that_is_taken_is_said_before_anything_starts(stack, program):
    """Also where two of ours would want the same."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = stack.up("prometheus", prometheus=port)
        assert done.returncode == 2
        assert f"Port {port} is taken" in done.stderr
        assert "--prometheus-port" in done.stderr
        assert other.fileno() >= 0
    same = stack.up("all", exporter=stack.ports["prometheus"])
    assert (same.returncode, stack.started()) == (2, {})


def test_a_process_that_is_not_ours_is_never_ended(stack):
    """Its id was ours once and is somebody else's now: the moment it began tells."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        known = Started(name="prometheus", pid=other.pid, began=psutil.Process(other.pid).create_time() - 60, port=1)
        State(stack.folder).add(known)
        assert stack.down().stdout.strip() == "prometheus had ended before."
        assert other.poll() is None
        assert not stack.started()
    finally:
        other.communicate(b"\n", timeout=60)


def test_one_that_ends_at_once_is_told_in_its_own_words(stack, program):
    """Its data folder is a file: Prometheus says so, and nothing is remembered."""
    stack.folder.mkdir()
    (stack.folder / "prometheus-data").write_text("in the way")
    done = stack.up("prometheus")
    assert done.returncode == 2
    assert "prometheus ended at once" in done.stderr
    assert "prometheus.log" in done.stderr
    assert not stack.started()


def test_a_state_file_that_is_none_of_ours_is_not_guessed_at(stack):
    """A sentence, and nothing is ended."""
    stack.folder.mkdir()
    (stack.folder / "started.json").write_bytes(msgspec.json.encode({"prometheus": {"pid": 1}}))
    done = stack.down()
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
    (stack.folder / "started.json").unlink()


def test_the_password_of_grafana_is_drawn_once_and_readable_by_its_owner_alone(tmp_path):
    """And nobody is let in without."""
    from jupyter_gpumon.cli.stack.programs import PROGRAMS, Wish

    wish = Wish(folder=tmp_path, ports={"exporter": 1, "prometheus": 2, "grafana": 3})
    first, again = (PROGRAMS["grafana"].call(wish, "/usr/sbin/grafana-server").variables for _ in range(2))
    assert first == again
    assert (tmp_path / "grafana-password").stat().st_mode & 0o077 == 0
    assert first["GF_SECURITY_ADMIN_PASSWORD"] == (tmp_path / "grafana-password").read_text().strip()
    assert (first["GF_AUTH_ANONYMOUS_ENABLED"], first["GF_SERVER_HTTP_ADDR"]) == ("false", "127.0.0.1")

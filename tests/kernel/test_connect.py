"""How a kernel finds its numbers, what that costs, and what is left when it ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from jupyter_gpumon.kernel import connect

HEAVY = ("jupyter_server", "bqplot", "ipywidgets", "numpy", "pandas", "websocket", "pynvml")


def test_loading_the_extension_imports_nothing_heavy_and_connects_to_nothing():
    """In a fresh process; what is needed is imported on first use."""
    code = (
        "import json, sys\nfrom IPython.core.interactiveshell import InteractiveShell as S\n"
        "s = S.instance(); s.run_line_magic('load_ext', 'jupyter_gpumon')\n"
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] in " + repr(HEAVY) + "]))\n"
        "import psutil; print(len(psutil.Process().children()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    heavy, children = done.stdout.splitlines()
    assert json.loads(heavy) == []
    assert children == "0"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A socket where the server that started this kernel would have one."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    monkeypatch.delenv("GPUMON_SOURCE", raising=False)
    path = tmp_path / f"gpumon-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield path


def test_the_server_that_started_the_kernel_is_asked_first(server):
    """By the socket in Jupyter's runtime folder."""
    assert connect.default_url() == f"unix:{server}"


def test_a_socket_that_nobody_listens_on_is_left_alone(server, monkeypatch):
    """After a crash of the server its socket may stay: the kernel takes an agent of its own."""
    stale = server.with_name("gpumon-1.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert connect.default_url() == "auto"


def test_a_source_of_the_kernels_own_goes_before_the_server(server, monkeypatch):
    """$GPUMON_SOURCE where it differs from the server's; the same one is already read by the server."""
    monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=5")
    assert connect.default_url() == "sim:gpus=5"


def test_without_server_and_source_the_kernel_has_an_agent_of_its_own(monkeypatch):
    """nbclient, papermill, VS Code, plain IPython."""
    for name in ("GPUMON_SOURCE", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    assert connect.default_url() == "auto"


def test_the_agent_ends_with_its_kernel(start):
    """Also when the kernel is killed."""
    notebook = start()
    notebook.run("%load_ext jupyter_gpumon\n%gpumon status")
    pid = int(notebook.value("__import__('os').getpid()"))
    agents = psutil.Process(pid).children(recursive=True)
    assert agents
    notebook.manager.provisioner.process.kill()
    end = time.monotonic() + 60
    while any(a.is_running() and a.status() != psutil.STATUS_ZOMBIE for a in agents) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [a for a in agents if a.is_running() and a.status() != psutil.STATUS_ZOMBIE]

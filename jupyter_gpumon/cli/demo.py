"""``gpumon demo``: JupyterLab on a free loopback port with copies of the example notebooks, the quickstart open."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import GpuMonError
from ..sources.urls import open_source, parse
from .overview import first_look

SIMULATED = "sim:gpus=2&script=notebook"
"""Simulated GPUs whose load follows what the notebooks compute."""


def run_demo(source: str | None, *, port: int, browser: bool, folder: Path | None) -> int:
    """Become JupyterLab (on Windows: run it); returns its exit status.

    Raises:
        GpuMonError: JupyterLab is not installed, or the source URL is malformed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise GpuMonError("The demo needs JupyterLab: pip install 'jupyter-gpumon[lab]'")
    source = source or ("agent" if has_driver() else SIMULATED)
    _check(source)
    notebook = _copy_notebooks(folder or Path(tempfile.mkdtemp(prefix="gpumon-demo-")))
    _say(source, notebook)
    command = _command(source, port or _free_port(), browser, notebook)
    environment = {**os.environ, "GPUMON_SOURCE": source}
    if os.name == "posix":
        os.execve(sys.executable, command, environment)  # noqa: S606 - so that Ctrl-C meets JupyterLab alone
    return subprocess.call(command, env=environment)  # noqa: S603 - our own words


def has_driver() -> bool:
    """Whether NVIDIA's management library is on this machine."""
    try:
        ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _check(source: str) -> None:
    """What is wrong with a source is said here, not in the browser; a machine without a driver is not wrong."""
    hello, sample = first_look(open_source(source))
    if sample is None and _simulated(source):
        raise GpuMonError(f"{hello.status.message} {hello.status.hint}".strip())


def _say(source: str, notebook: Path) -> None:
    if _simulated(source):
        reason = "You asked for it" if has_driver() else "No NVIDIA driver was found on this machine"
        sys.stderr.write(f"SIMULATED GPUs. {reason}; every surface says so. Source: {source}\n")
    sys.stderr.write(f"The notebook of the demo is {notebook}; more lie beside it. Ctrl-C ends it.\n")


def _simulated(source: str) -> bool:
    return parse(source).scheme == "sim"


def _copy_notebooks(folder: Path) -> Path:
    """All examples, of which the quickstart is opened."""
    target = folder / "quickstart.ipynb"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for notebook in _examples().glob("*.ipynb"):
            if not (folder / notebook.name).exists():
                shutil.copyfile(notebook, folder / notebook.name)
        _quiet(folder)
    except OSError as e:
        raise GpuMonError(f"The notebook cannot be put into {folder}: {e.strerror}. Name another --folder.") from e
    return target.resolve()


def _quiet(folder: Path) -> None:
    """Settings of the demo's own, in which JupyterLab does not ask about news over the first thing a visitor sees."""
    path = folder / ".settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"fetchNews": "false", "checkForUpdates": false}')


def _examples() -> Path:
    """The notebooks as installed, or as they lie in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "examples"
    return installed if installed.exists() else package.parent / "examples" / "notebooks"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _command(source: str, port: int, browser: bool, notebook: Path) -> list[str]:
    command = [
        *(sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebook.parent}"),
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
        # a layout of its own: the first visit finds the panel open, and yours stays as it is
        f"--LabApp.workspaces_dir={notebook.parent / '.workspaces'}",
        f"--LabApp.user_settings_dir={notebook.parent / '.settings'}",
        *("-y", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--GpuMon.source={source}"),
    ]
    if not browser:
        command.append("--no-browser")
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--allow-root")  # a container's usual user; the port is on the loopback interface only
    return command

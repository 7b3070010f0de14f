"""Jupyter's side: the server extension, the running servers and their sampler, the page, and the kernel's magics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path, jupyter_path, jupyter_runtime_dir

from .. import __version__
from .asking import Answer, listens
from .servers import asked, running
from .words import Asked, Line, fault, ok, warning

STALE = 3.0
"""Intervals without a sample after which a server's numbers are old."""
SLOWEST = 30.0
"""Seconds for which a kernel's interpreter may start."""
NAME = "jupyter-gpumon"

_MAGICS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "jupyter_gpumon")
import jupyter_gpumon
assert "gpumon" in shell.magics_manager.magics["cell"]
print(jupyter_gpumon.__version__)
"""


def extension(_: Asked) -> Iterator[Line]:
    """Whether a server started now loads our part."""
    from jupyter_server.extension.config import ExtensionConfigManager

    manager: Any = ExtensionConfigManager(read_config_path=jupyter_config_path())
    if manager.enabled("jupyter_gpumon"):
        yield ok("server extension", f"{__version__}, enabled")
    else:
        yield fault("server extension", "is not enabled", "Run: jupyter server extension enable jupyter_gpumon")


def servers(_: Asked) -> Iterator[Line]:
    """The servers of this user that run, and what their sampler says."""
    found = list(running())
    if not found:
        yield warning("server", "no Jupyter server of this user is running", "Start one: jupyter lab (or gpumon demo).")
    for info in found:
        yield from _server(info)


def _server(info: Mapping[str, Any]) -> Iterator[Line]:
    where = str(info.get("url", ""))
    name = f"server :{info.get('port')}"
    answer = asked(info, "gpumon/api/sampler")
    if answer.good:
        yield ok(name, f"answers at {where}")
        state = json.loads(answer.text)
        yield _sampler(name, state)
        yield from _sinks(state)
        scraped = asked(info, "gpumon/metrics")
        if not scraped.good:
            fix = "Look at that server's log; Prometheus cannot scrape it."
            yield fault(name.replace("server", "metrics"), f"gpumon/metrics does not answer: {_reason(scraped)}", fix)
    elif answer.status == 404:
        fix = "Run: jupyter server extension enable jupyter_gpumon; then restart that server."
        yield fault(name, f"runs at {where} without jupyter-gpumon", fix)
    elif listens(Path(jupyter_runtime_dir()) / f"gpumon-{info.get('pid')}.sock"):
        yield ok(name, f"runs at {where}; kernels reach it, over HTTP it asks to sign in")
    else:
        yield fault(name, f"at {where} does not answer: {_reason(answer)}", "Look at its log, or restart it.")


def _reason(answer: Answer) -> str:
    return f"{answer.status} {answer.text}" if answer.status else answer.text


def _sampler(server: str, state: Mapping[str, Any]) -> Line:
    """How a server's sampler does."""
    name = server.replace("server", "sampler")
    age, interval = state.get("age"), float(state.get("interval", 1.0))
    if state.get("state") != "live":
        says = state.get("message") or f"is {state.get('state')}"
        return fault(name, str(says), "See the line of the driver above; it recovers by itself when the cause is gone.")
    if age is None or age > max(STALE * interval, 15.0):
        return fault(name, "takes no samples", "Restart that Jupyter server, and look at its log.")
    missed = f", {state['missed']} of {state['samples']} missed" if state.get("missed") else ""
    return ok(name, f"{state.get('samples', 0)} samples, the last {age:.1f} s ago, from {state.get('source')}{missed}")


def _sinks(state: Mapping[str, Any]) -> Iterator[Line]:
    """What a server says of where its samples go."""
    for sink in state.get("sinks", ()):
        name = f"sink {sink['url'].partition('?')[0]}"
        lost = f"{sink.get('dropped', 0)} samples lost, {sink.get('waiting', 0)} waiting"
        if sink.get("problem"):
            fix = "See the lines of the sinks below; what waits is written when the cause is gone."
            yield fault(name, f"the server cannot write to it: {sink['problem']} ({lost})", fix)
        elif sink.get("dropped"):
            yield warning(name, f"takes samples again; {lost}", "Was it away, or is it too slow? See its own log.")


def page(_: Asked) -> Iterator[Line]:
    """The part in the browser: installed, of this version, not turned off; and what draws in a notebook."""
    lab = _version("jupyterlab")
    if lab is None and _version("notebook") is None:
        fix = (
            "Run: pip install 'jupyter-gpumon[lab]'. Where it is in another environment, install jupyter-gpumon there."
        )
        yield warning("JupyterLab", "is not installed in this environment", fix)
    found = next((path for folder in jupyter_path("labextensions") if (path := Path(folder) / NAME).exists()), None)
    reinstall = "Run: pip install --force-reinstall --no-deps jupyter-gpumon; then reload the page."
    if found is None:
        yield fault("labextension", "is not installed", reinstall)
        return
    if not list((found / "static").glob("remoteEntry*.js")):
        yield fault("labextension", f"{found} holds no built files", reinstall)
        return
    theirs = json.loads((found / "package.json").read_text()).get("version")
    if theirs != __version__:
        yield fault("labextension", f"is version {theirs}, the server's part {__version__}", reinstall)
    elif _turned_off():
        yield fault("labextension", "is installed and turned off", f"Run: jupyter labextension enable {NAME}")
    else:
        yield ok("labextension", f"{theirs}, in {'JupyterLab ' + lab if lab else 'Notebook'}")
    yield from _drawing()


def _turned_off() -> bool:
    for folder in jupyter_config_path():
        path = Path(folder) / "labconfig" / "page_config.json"
        if path.is_file():
            disabled = json.loads(path.read_text()).get("disabledExtensions", {})
            if disabled.get(NAME) if isinstance(disabled, dict) else NAME in disabled:
                return True
    return False


def _drawing() -> Iterator[Line]:
    missing = [name for name in ("ipywidgets", "bqplot") if _version(name) is None]
    if missing:
        yield fault(
            "charts", f"%gpumon draws with {', '.join(missing)}, not installed", f"pip install {' '.join(missing)}"
        )
    else:
        yield ok("charts", f"ipywidgets {_version('ipywidgets')}, bqplot {_version('bqplot')}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def magics(_: Asked) -> Iterator[Line]:
    """Whether the default kernel's Python, which may be another one, can load %gpumon."""
    python = _python()
    environment = {**os.environ, "JPY_PARENT_PID": ""}
    where = "" if python == sys.executable else f" in {python}"
    fix = f"Run: {python} -m pip install jupyter-gpumon"
    words, folder = [python, "-c", _MAGICS], Path(python).anchor
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that Jupyter itself would start
            words, capture_output=True, text=True, timeout=SLOWEST, env=environment, cwd=folder
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        yield fault("magics", f"the kernel's Python does not start: {e}", "Look at: jupyter kernelspec list")
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        yield fault("magics", f"%gpumon cannot be loaded{where}: {last}", fix)
    elif done.stdout.strip().splitlines()[-1] != __version__:
        theirs = done.stdout.strip().splitlines()[-1]
        yield warning("magics", f"%gpumon is version {theirs}{where}, the server's part {__version__}", f"{fix} -U")
    else:
        yield ok("magics", f"%gpumon can be loaded{where}")


def _python() -> str:
    """The interpreter of the kernel called python3; ours where there is none."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        words = KernelSpecManager().get_kernel_spec("python3").argv
    except NoSuchKernel:
        return sys.executable
    return words[0] if words and Path(words[0]).is_absolute() else sys.executable

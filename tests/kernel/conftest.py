"""Real kernels on simulated or fake GPUs, without a Jupyter server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from jupyter_gpumon.report.record import MIME

Message = dict[str, Any]


class Notebook:
    """A kernel, and what its cells put out: ``run`` gives messages, ``outputs`` what a notebook would hold."""

    def __init__(self, env: dict[str, str], attended: bool = True) -> None:
        sockets = f"{os.environ['JUPYTER_DATA_DIR']}/{uuid.uuid4().hex[:8]}"  # a free port may be somebody else's soon
        self.manager = KernelManager(kernel_name="python3", transport="ipc", ip=sockets)
        self.manager.start_kernel(env=env)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self._attended = attended
        self.reply: Message = {}

    def run(self, code: str, timeout: float = 60) -> list[Message]:
        """Run a cell; what it published, in order."""
        seen: list[Message] = []
        self.reply = self.client.execute_interactive(
            code, timeout=timeout, output_hook=seen.append, allow_stdin=self._attended, stop_on_error=False
        )["content"]
        return [message for message in seen if message["msg_type"] != "status"]

    def finished(self, code: str) -> list[Message]:
        """Run a cell; all it published until its records are final, which may be after the cell on a busy machine."""
        seen = self.run(code)
        while any(not data[MIME]["final"] for data in displays(seen).values() if MIME in data):
            seen.append(self.client.get_iopub_msg(timeout=30))
        return seen

    def outputs(self, code: str) -> list[dict[str, Any]]:
        """Run a cell; the data of its outputs as they stand when its records are final, updates applied."""
        return list(displays(self.finished(code)).values())

    def records(self, code: str) -> list[dict[str, Any]]:
        """Run a cell; the records it carries in the end."""
        return [data[MIME] for data in self.outputs(code) if MIME in data]

    def value(self, expression: str) -> str:
        """``repr`` of an expression in the kernel."""
        reply = self.client.execute_interactive(
            "", user_expressions={"v": expression}, timeout=30, output_hook=lambda _: None
        )
        answer = reply["content"]["user_expressions"]["v"]
        assert answer["status"] == "ok", answer
        return str(answer["data"]["text/plain"])

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()


def displays(messages: list[Message], *, earlier: bool = False) -> dict[str, dict[str, Any]]:
    """Display id (or a number) → data, updates applied; those of outputs made before are left out if not asked for."""
    found: dict[str, dict[str, Any]] = {}
    for number, message in enumerate(messages):
        content, kind = message["content"], message["msg_type"]
        name = content.get("transient", {}).get("display_id", str(number))
        if kind in ("display_data", "execute_result") or (kind == "update_display_data" and (earlier or name in found)):
            found[name] = content["data"]
    return found


def environment(source: str, **more: str) -> dict[str, str]:
    """The environment of a kernel that is not started by a Jupyter server."""
    env = {key: value for key, value in os.environ.items() if key not in ("JPY_PARENT_PID", "JPY_SESSION_NAME")}
    return env | {"GPUMON_SOURCE": source} | more


@pytest.fixture
def start() -> Iterator[Callable[..., Notebook]]:
    """``start(source)``: a kernel; it ends with the test."""
    started: list[Notebook] = []

    def begin(
        source: str = "sim:gpus=2&script=notebook", *, env: dict[str, str] | None = None, attended: bool = True
    ) -> Notebook:
        started.append(Notebook(environment(source) | (env or {}), attended))
        return started[-1]

    yield begin
    for notebook in started:
        notebook.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Notebook]:
    """One kernel on two simulated GPUs for all tests of a module."""
    made = Notebook(environment("sim:gpus=2&script=notebook"))
    yield made
    made.close()


@pytest.fixture
def notebook(shared: Notebook) -> Notebook:
    """That kernel with the magics just loaded: summaries off, nothing measured yet."""
    shared.run("%unload_ext jupyter_gpumon")
    shared.run("import sys; m = sys.modules.get('jupyter_gpumon.kernel.completion'); m and m.done.clear()")
    shared.run("%load_ext jupyter_gpumon")
    assert shared.reply["status"] == "ok", shared.reply
    return shared

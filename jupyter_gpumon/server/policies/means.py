"""How each thing that a policy can do is done. In the server's loop; what blocks is done beside it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from jupyter_core.utils import ensure_async

from ...errors import PolicyError
from ...findings import Action, Alert
from ...model import Hello
from ...sinks.notify import Notifier
from ..owners import Owners
from .checked import checked, pause, resume
from .policy import Policy
from .power_limit import set_limit

log = logging.getLogger("jupyter_gpumon")

Undo = Callable[[], Awaitable[str]]
"""Undoes what was done, and says so."""

PATIENCE = 60.0
"""Seconds that a command may take."""
_SAID = 1000
"""Characters of what a command says that are logged."""


class Deed(NamedTuple):
    """What is to be done, by which policy, and about what."""

    policy: Policy
    action: Action
    alert: Alert


class Means:
    """What actions are done with.

    Args:
        settings: the web application's, for the kernel manager.
        owners: whose a process is.
        hello: the names of the devices.
        targets: policy → where it tells.
    """

    def __init__(
        self, settings: Mapping[str, Any], owners: Owners, hello: Callable[[], Hello], targets: Mapping[str, Notifier]
    ) -> None:
        self._settings, self._owners, self._hello, self._targets = settings, owners, hello, targets
        self._paused: dict[tuple[str, str], list[psutil.Process]] = {}

    def gpu(self, uuid: str | None) -> str:
        """A device in words."""
        found = next((device for device in self._hello().devices if device.uuid == uuid), None)
        return "the GPUs" if found is None else f"GPU {found.label.removeprefix('gpu')}"

    async def do(self, deed: Deed) -> tuple[str, Undo | None]:
        """Do it: what came of it, and how it is undone.

        Raises:
            PolicyError: it may not be done, or could not be.
        """
        way = {
            "notify": self._notify,
            "webhook": self._notify,
            "interrupt": self._interrupt,
            "stop": self._stop,
            "pause": self._pause,
            "resume": self._resume,
            "run": self._run,
            "power-limit": self._lower,
        }[deed.policy.do]
        return await way(deed)

    def tell(self, policy: Policy, alert: Alert) -> None:
        """Hand an alert to where the policy tells."""
        target = self._targets.get(policy.id)
        if target is not None:
            target.hello = self._hello()
            target.tell(alert)

    async def close(self) -> None:
        """Let what is paused go on, and the targets send what waits."""
        for processes in self._paused.values():
            resume(processes)
        for target in self._targets.values():
            target.end()
        loop = asyncio.get_running_loop()
        for target in self._targets.values():
            await loop.run_in_executor(None, target.close)

    async def _notify(self, deed: Deed) -> tuple[str, None]:
        self.tell(deed.policy, deed.alert)
        return "told" if deed.policy.to else "", None

    async def _interrupt(self, deed: Deed) -> tuple[str, None]:
        await ensure_async(self._kernel(deed.action).interrupt_kernel())
        return "interrupted", None

    async def _stop(self, deed: Deed) -> tuple[str, None]:
        self._kernel(deed.action)
        await ensure_async(self._settings["kernel_manager"].shutdown_kernel(deed.action.kernel))
        return "shut down", None

    def _kernel(self, action: Action) -> Any:
        """Its manager; only kernels of this server have one."""
        try:
            return self._settings["kernel_manager"].get_kernel(action.kernel)
        except KeyError:
            raise PolicyError("that kernel has ended") from None

    async def _pause(self, deed: Deed) -> tuple[str, Undo | None]:
        action = deed.action
        kernel, key = action.kernel or "", (action.kernel or "", action.uuid or "")
        processes = await _beside(lambda: checked(action.pids, kernel, self._owners))
        count = pause(processes)
        self._paused.setdefault(key, []).extend(processes)

        async def undo() -> str:
            return f"{resume(self._paused.pop(key, []))} go on"

        return f"{count} paused: {', '.join(str(process.pid) for process in processes)}", undo

    async def _resume(self, deed: Deed) -> tuple[str, None]:
        keys = [key for key in self._paused if deed.action.uuid in (None, key[1])]
        return f"{sum(resume(self._paused.pop(key)) for key in keys)} go on", None

    async def _run(self, deed: Deed) -> tuple[str, None]:
        command = deed.policy.command
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=os.environ | _told(deed),
                cwd=Path.home(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as e:
            raise PolicyError(f"{command[0]} cannot be run: {e.strerror}") from e
        try:
            said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        except asyncio.TimeoutError:
            process.kill()
            raise PolicyError(f"{command[0]} took more than {PATIENCE:.0f} s, and was ended") from None
        # What it says may be anything, and events go to every page and into recordings: it stays in the log.
        log.info(
            "gpumon: policy %s, %s: %s", deed.policy.id, command[0], said.decode(errors="replace")[-_SAID:].strip()
        )
        if process.returncode:
            raise PolicyError(f"{command[0]} ended with {process.returncode}; what it said is in the server's log")
        return "ended well", None

    async def _lower(self, deed: Deed) -> tuple[str, Undo | None]:
        uuid = deed.action.uuid
        if uuid is None:
            raise PolicyError("it is about no GPU of its own")
        before, after = await _beside(lambda: set_limit(uuid, deed.policy.limit))

        async def undo() -> str:
            await _beside(lambda: set_limit(uuid, before))
            return f"{before:.0f} W again"

        return f"{after:.0f} W instead of {before:.0f} W", undo


async def _beside(work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work)


def _told(deed: Deed) -> dict[str, str]:
    """What a command is told, by variables."""
    action, finding = deed.action, deed.alert.finding
    said = {
        "POLICY": action.policy, "RULE": finding.rule, "LEVEL": finding.level, "TITLE": finding.title,
        "DETAIL": finding.detail, "UUID": finding.uuid or "", "KERNEL": action.kernel or "",
        "NOTEBOOK": action.notebook or "", "PIDS": " ".join(map(str, action.pids)),
    }  # fmt: skip
    return {f"GPUMON_{name}": value for name, value in said.items()}

"""To whom the processes on a device belong, as this kernel sees it: itself, other kernels, everybody else."""

from __future__ import annotations

from ..model import Process
from . import context
from .tape import Family

OWN = "own"
"""This kernel's process tree."""
OTHERS = "others"
"""Processes of nobody this kernel can know."""


class Groups:
    """Names the group of a process. Other kernels of the same server are ``k2``, ``k3``, … as they appear: a record
    that is saved must not tell their ids."""

    def __init__(self) -> None:
        self.family = Family()
        self._kernels: dict[str, str] = {}

    def __call__(self, process: Process) -> str:
        """The group."""
        if self.owns(process):
            return OWN
        if process.kernel is None:
            return OTHERS
        return self._kernels.setdefault(process.kernel, f"k{len(self._kernels) + 2}")

    def owns(self, process: Process) -> bool:
        """Whether it is of this kernel: in its process tree, or known to the server as started by it and since
        detached."""
        if process.pid is None:
            return False
        detached = process.kernel is not None and process.kernel == context.kernel_id()
        return detached or self.family.includes(process.pid, process.started)

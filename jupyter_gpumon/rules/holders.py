"""Whose work is on a device, as far as it may be seen: for the words of a finding, and for what can be done."""

from __future__ import annotations

from msgspec.structs import replace

from ..findings import Finding
from ..model import Process
from .window import Window


def holder(window: Window, uuid: str) -> Process | None:
    """The single process that holds most of a device's memory; None where no single one can be seen."""
    seen = [process for process in window.on(uuid) if process.pid is not None]
    return max(seen, key=lambda process: process.memory or 0.0, default=None)


def called(process: Process) -> str:
    """``train.ipynb``, or ``python (pid 4711)`` where it is no notebook's."""
    return process.notebook or f"{process.name or 'a process'} (pid {process.pid})"


def of_process(finding: Finding, process: Process) -> Finding:
    """The finding, with whose process it is about."""
    return replace(finding, notebook=process.notebook, kernel=process.kernel, pid=process.pid)


def owned(window: Window, finding: Finding) -> Finding:
    """The finding about a device, with who is on it: ``…; on it: train.ipynb``; ``mostly`` where there are more."""
    process = holder(window, finding.uuid or "")
    if process is None:
        return finding
    alone = sum(each.count for each in window.on(process.uuid)) == 1
    words = f"on it: {'' if alone else 'mostly '}{called(process)}"
    detail = f"{finding.detail.removesuffix('.')}; {words}" if finding.detail else words
    return of_process(replace(finding, detail=detail), process)

"""Whose work a finding is about: the kernel that anything may be done to, or why nothing may be."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from ...errors import PolicyError
from ...findings import Finding
from ...model import Process


class Guilty(Struct, frozen=True, kw_only=True):
    """A kernel of this server, and its processes on the device."""

    kernel: str
    notebook: str | None = None
    pids: tuple[int, ...] = ()


def guilty(finding: Finding, processes: Iterable[Process] | None) -> Guilty:
    """The kernel that a finding names; else the one whose processes hold most of the device's memory.

    Args:
        finding: of an alert.
        processes: as the last sample has them, named by this server; None where it could not look.

    Raises:
        PolicyError: there is none, it cannot be told, or somebody else holds more.
    """
    rows = [row for row in processes or () if finding.uuid in (None, row.uuid)]
    if finding.pid is not None:
        return _of_pid(finding.pid, rows)
    if finding.kernel is not None:
        return _of_kernel(finding.kernel, rows)
    if finding.notebook is not None:
        found = next((row.kernel for row in rows if row.notebook == finding.notebook and row.kernel), None)
        if found is None:
            raise PolicyError(f"{finding.notebook} holds no GPU any more")
        return _of_kernel(found, rows)
    if finding.uuid is None:
        raise PolicyError("it is about no GPU of its own, and names no kernel")
    if processes is None:
        raise PolicyError("whose processes hold the GPU cannot be seen (c.GpuMon.show_processes, or no rights to it)")
    return _of_most(rows)


def _of_pid(pid: int, rows: list[Process]) -> Guilty:
    row = next((row for row in rows if row.pid == pid), None)
    if row is None or not row.own:
        raise PolicyError(f"process {pid} belongs to somebody else")
    if row.kernel is None:
        raise PolicyError(f"process {pid} belongs to a terminal, not to a kernel")
    return _of_kernel(row.kernel, rows)


def _of_kernel(kernel: str, rows: list[Process]) -> Guilty:
    own = [row for row in rows if row.kernel == kernel and row.own]
    notebook = next((row.notebook for row in own if row.notebook), None)
    return Guilty(kernel=kernel, notebook=notebook, pids=tuple(sorted({row.pid for row in own if row.pid is not None})))


def _of_most(rows: list[Process]) -> Guilty:
    """Others are seen as one sum: where that is more than any own kernel holds, the guilty one may be among them."""
    kernels = sorted({row.kernel for row in rows if row.own and row.kernel})
    if not kernels:
        raise PolicyError("no kernel of this server holds the GPU")
    others = [row for row in rows if not (row.own and row.kernel)]
    if len(kernels) == 1 and not others:
        return _of_kernel(kernels[0], rows)
    held = {kernel: _memory(row for row in rows if row.kernel == kernel) for kernel in kernels}
    elsewhere = _memory(others)
    if elsewhere is None or None in held.values():
        raise PolicyError("several hold the GPU, and how much each holds is not known")
    most = max(held, key=lambda kernel: held[kernel] or 0.0)
    if elsewhere >= (held[most] or 0.0):
        whose = "another user's process holds" if not any(row.own for row in others) else "others hold"
        raise PolicyError(f"{whose} more of its memory than any kernel of this server")
    return _of_kernel(most, rows)


def _memory(rows: Iterable[Process]) -> float | None:
    """Bytes of all; None where one of them is not known."""
    total = 0.0
    for row in rows:
        if row.memory is None:
            return None
        total += row.memory
    return total

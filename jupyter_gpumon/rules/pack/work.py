"""How work lies on the GPUs: unevenly, left behind, or asleep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ...findings import Finding
from ...model import Process
from ...units import quantity
from ..expression import Node, parse
from ..holders import called, of_process
from ..window import Window
from .written import Written

HELD = 0.05
"""Share of a device's memory from which on a process uses it, rather than only having it open."""
APART = 0.4
"""By how much the means of the busiest and the least busy GPU of one program may differ."""
NOBODYS = 1e9
"""Bytes in use without any process from which on that is worth a word: the driver itself takes some."""

_BUSY = parse("mean(utilization, 5 min) > 0").node.parts[0]
_USED, _WHOLE = parse("memory_used / memory_total > 0").node.parts[0].parts


def holds(window: Window, process: Process) -> bool:
    """Whether a process has more of a device than a context."""
    whole = window.value(_WHOLE, process.uuid)
    return process.memory is not None and bool(whole) and process.memory > HELD * (whole or 0.0)


class Imbalance(Written):
    """One program has several GPUs, and works on some of them only. A free GPU beside a busy one is none of this."""

    id, title, level, hold, cause = "imbalance", "Work lies unevenly on the GPUs of one program", "info", 300.0, "use"
    help = (
        "One kernel or process holds more than 5 % of the memory of several GPUs, alone, "
        "and its busiest is busier by 40 points than its least busy, on a mean of 5 min."
    )
    steps = (
        "Look whether every GPU gets as much of each batch: DistributedDataParallel rather than DataParallel.",
        "Or leave the GPUs that are not needed to others: CUDA_VISIBLE_DEVICES.",
    )

    def conditions(self) -> Iterable[Node]:
        """How busy each was."""
        return (_BUSY,)

    def check(self, window: Window) -> Iterator[Finding]:
        """A finding for each program with several GPUs."""
        for program, processes in _programs(window).items():
            busy = {process.uuid: window.value(_BUSY, process.uuid) for process in processes}
            known = {uuid: value for uuid, value in busy.items() if value is not None}
            if len(known) > 1 and max(known.values()) - min(known.values()) > APART:
                said = ", ".join(f"{window.label(uuid)} {quantity(value, 'ratio')}" for uuid, value in known.items())
                finding = self.found(None, f"{called(processes[0])}: busy {said}", min(known.values()), "ratio")
                yield of_process(replace(finding, subject=program), processes[0])


def _programs(window: Window) -> dict[str, list[Process]]:
    """Kernel, or pid, → its processes on devices that it has for itself, where these are several."""
    places = {(_program(process), process.uuid) for process in window.processes or ()}
    if len({program for program, _ in places}) == len(places):
        return {}  # the usual case: nobody has two
    on: dict[str, list[Process]] = defaultdict(list)
    for process in window.processes or ():
        on[process.uuid].append(process)
    found: dict[str, list[Process]] = defaultdict(list)
    for processes in on.values():
        if len({_program(process) for process in processes}) == 1 and holds(window, processes[0]):
            found[_program(processes[0])].append(processes[0])
    found.pop("", None)
    return {program: processes for program, processes in found.items() if len(processes) > 1}


def _program(process: Process) -> str:
    """Empty for a sum of several: nobody knows whether they are one."""
    return process.kernel or ("" if process.pid is None else f"pid {process.pid}")


class Zombie(Written):
    """Memory is held by what was left behind: workers of a kernel that is gone, or nobody at all."""

    id, title, hold, cause = "zombie", "GPU memory is held by what was left behind", 120.0, "idle"
    help = (
        "A process of a kernel that does not live any more holds memory; "
        "or more than 1 GB is in use, and there is no process, where there were some before."
    )
    steps = (
        "End the process: kill PID, in a terminal of this server.",
        "Where there is none to be seen, look on the machine itself (nvidia-smi, fuser -v /dev/nvidia*).",
    )

    def check(self, window: Window) -> Iterator[Finding]:
        """A finding for each process left behind, and for each device whose memory is nobody's."""
        for process in window.processes or ():
            if window.kernels is not None and process.kernel and process.kernel not in window.kernels:
                detail = f"{called(process)} holds {quantity(process.memory, 'bytes')}; its kernel is gone"
                yield of_process(replace(self.found(process.uuid, detail), subject=str(process.pid)), process)
        if window.met and window.hello.pid_namespace == "host":
            yield from self._nobodys(window)

    def _nobodys(self, window: Window) -> Iterator[Finding]:
        held = {process.uuid for process in window.processes or ()}
        for uuid, used in zip(window.uuids, window.column(_USED), strict=True):
            device = window.device(uuid)
            if used is not None and used > NOBODYS and uuid not in held and device is not None and not device.mig:
                yield self.found(uuid, f"{quantity(used, 'bytes')} in use, and no process", used, "bytes")


class IdleProcess(Written):
    """A process holds memory and has computed nothing for long, whatever others do on the GPU."""

    id, title, level, hold, cause = (
        "idle-process",
        "A program holds GPU memory and does nothing",
        "info",
        1800.0,
        "idle",
    )
    help = "A process holds more than 5 % of a GPU's memory, and the driver sees none of its work for 30 min."
    steps = ("Shut its kernel down where its work is done, or free its memory: torch.cuda.empty_cache().",)

    def check(self, window: Window) -> Iterator[Finding]:
        """A finding for each."""
        for process in window.processes or ():
            if process.pid is not None and process.utilization == 0 and holds(window, process):
                detail = f"{called(process)} holds {quantity(process.memory, 'bytes')}"
                finding = replace(self.found(process.uuid, detail, process.memory, "bytes"), subject=str(process.pid))
                yield of_process(finding, process)

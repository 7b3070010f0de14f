"""The driver, looked at through an agent child as the server does it: a call that hangs hangs there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ..clock import SystemClock
from ..errors import GpuMonError
from ..model import Device, Hello
from ..sinks.urls import shown
from ..sources.cgroup import Cgroup
from ..sources.rapl import Rapl
from ..sources.urls import open_source, parse
from ..units import quantity
from .words import Asked, Line, fault, ok, warning

WAIT = 12.0
"""Seconds for a first sample; an agent says after five that the driver does not answer."""


def driver(asked: Asked) -> Iterator[Line]:
    """Whether there are numbers, from which driver, of which GPUs, and whose processes can be seen."""
    try:
        hello, live = greeting(asked.source)
    except GpuMonError as e:
        hint = getattr(e, "hint", "") or "Correct c.GpuMon.source or $GPUMON_SOURCE."
        yield fault("driver", f"The source {shown(asked.source)!r} cannot be opened: {e}", hint)
        return
    yield _state(asked, hello, live)
    for device in hello.devices:
        if device.state not in ("ok", "asleep"):
            yield fault(device.label, device.detail or device.state, "See the driver's log: dmesg | grep -i xid")
    if live and not hello.simulated and parse(asked.source).scheme in ("auto", "agent"):
        yield _processes(hello)
        yield from _withheld(hello.devices)


def greeting(source: str) -> tuple[Hello, bool]:
    """What a source says of itself, and whether a sample with GPUs came in time."""
    stream, hello = open_source(source), Hello()
    timer = threading.Timer(WAIT, stream.close)
    timer.start()
    try:
        for message in stream.stream(SystemClock()):
            if isinstance(message, Hello):
                hello = message
            elif message.gpus:
                return hello, True
            if hello.status.state not in ("live", "starting"):
                break
    finally:
        timer.cancel()
        stream.close()
    return hello, False


def _state(asked: Asked, hello: Hello, live: bool) -> Line:
    status = hello.status
    if not live:
        says = status.message or "No sample came."
        return fault("driver", says, status.hint or "See the log of gpumon record -o x.jsonl.")
    if hello.simulated:
        undo = "Take c.GpuMon.source or $GPUMON_SOURCE away to see this machine's own."
        return warning("driver", f"{_models(hello)}, simulated ({shown(asked.source)})", undo)
    return ok("driver", f"{hello.driver or 'unknown version'}, CUDA {hello.cuda or 'unknown'}: {_models(hello)}")


def _models(hello: Hello) -> str:
    """``2 × NVIDIA H200``."""
    boards = [device.name for device in hello.devices if device.parent is None]
    return ", ".join(f"{boards.count(name)} × {name}" for name in dict.fromkeys(boards)) or "no GPU"


def _processes(hello: Hello) -> Line:
    if hello.pid_namespace == "foreign":
        fix = "Start the container with --pid=host, if notebooks are to be told apart on shared GPUs."
        return warning(
            "processes", "this container has pids of its own: whose processes are on the GPUs is not seen", fix
        )
    return ok("processes", "whose they are on the GPUs can be seen")


def _withheld(devices: tuple[Device, ...]) -> Iterator[Line]:
    """Metrics that the driver keeps from this user."""
    denied = sorted({name for device in devices for name, why in device.absent.items() if why == "permission"})
    if denied:
        fix = "The driver gives these to administrators only; run the server with more rights if you need them."
        yield warning("metrics", f"withheld by the driver: {', '.join(denied)}", fix)


def permissions(asked: Asked) -> Iterator[Line]:
    """Device files, energy of CPUs, and what the container allows."""
    yield from _device_files(asked.root)
    rapl = Rapl(asked.root)
    reason = rapl.absent.get("cpu_energy", "")
    rapl.close()
    if reason.startswith("permission"):
        yield warning("CPU energy", "RAPL counters may not be read; it is estimated", _sentence(reason))
    else:
        yield ok("CPU energy", _sentence(reason) if reason else "RAPL counters can be read")
    yield _container(Cgroup(asked.root))


def _device_files(root: Path) -> Iterator[Line]:
    files = sorted((root / "dev").glob("nvidia[0-9]*")) + sorted((root / "dev").glob("nvidiactl"))
    denied = [str(path) for path in files if not os.access(path, os.R_OK | os.W_OK)]
    if denied:
        fix = "Add this user to the files' group (ls -l /dev/nvidia*; usually video or render), and sign in again."
        yield fault("device files", f"may not be opened: {', '.join(denied)}", fix)
    elif files:
        yield ok("device files", f"{len(files)} under /dev/nvidia* can be opened")


def _container(cgroup: Cgroup) -> Line:
    cpus = "no CPU limit" if cgroup.cpus is None else f"{cgroup.cpus:g} CPUs"
    memory = "no memory limit" if cgroup.memory_limit is None else quantity(float(cgroup.memory_limit), "bytes")
    return ok("limits", f"{cpus}, {memory}")


def _sentence(reason: str) -> str:
    """A reason for an absent metric, without its first word."""
    said = reason.partition(": ")[2]
    return said[:1].upper() + said[1:]

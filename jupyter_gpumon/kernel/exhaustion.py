"""A cell that ended for want of device memory is explained under it: the exception itself is left as it is."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from msgspec.structs import replace

from ..errors import GpuMonError
from ..findings import Finding
from ..model import Cell, Device, Process
from ..report import sketch
from ..rules.advice import Stretch
from ..rules.advice.exhausted import Exhausted, explain
from . import completion
from .allocators import allocators, frameworks
from .cells import Frame
from .connect import Connection, connection
from .groups import OTHERS, OWN
from .show import Shown

_BEFORE = 120.0
"""Seconds shown before the end, at least."""
LOOKED = 100
"""Cells before it that are looked at with it."""

explained: list[Finding] = []
"""The last ones, with the id of their cell."""


def look(said: Exhausted, frame: Frame | None) -> Finding:
    """Why memory did not suffice in the cell that has just failed.

    Args:
        said: by its exception.
        frame: what measures it, closed; None where nothing does.
    """
    cell = None if frame is None else frame.record(final=False)
    try:
        found = judged(said, connection(), cell)
    except GpuMonError as e:
        now = time.time()
        found = explain(said, Stretch(start=now, end=now, frameworks=_frameworks(said)), {}, None)
        sys.stderr.write(f"gpumon: {e}\n")
    explained[:] = [*explained[-9:], replace(found, subject=cell.id if cell else "")]
    return found


def draw(found: Finding) -> None:
    """Show it, below what the cell has put out."""
    text = f"gpumon │ {sketch.plain([found], numbered=False)}"
    Shown().draw({"text/plain": text, "text/html": sketch.page([found])})


def _frameworks(said: Exhausted) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, [said.framework, *frameworks()])))


def judged(said: Exhausted, link: Connection, cell: Cell | None) -> Finding:
    """The explanation, by what this kernel's source knows."""
    link.ready()
    device = _device(said, link)
    end = link.latest.time if link.latest else time.time()
    start = min(end - _BEFORE, cell.start if cell else end)
    holders, own = _holders(link, device)
    cells = tuple(completion.known())[-LOOKED:]
    stretch = Stretch(
        start=start,
        end=end,
        devices=() if device is None else (device,),
        columns=link.monitor.history.columns(start, metrics=("memory_used", "memory_total")),
        cells=cells if cell is None else (*cells, cell),
        allocators={} if device is None else _of(device, link),
        frameworks=_frameworks(said),
    )
    held = own if own is not None else said.reserved or said.allocated
    return explain(said, stretch, holders, held, _began_with(device, held, cell))


def _of(device: Device, link: Connection) -> dict[str, Any]:
    return {name: held for name, held in allocators(link.hello.devices).items() if name == device.label}


def _device(said: Exhausted, link: Connection) -> Device | None:
    """The device that was full: as the exception says, else that of which this kernel holds the most."""
    devices = link.devices()
    if said.device is not None and not _renumbered():
        return next((device for device in devices if device.index == said.device), None)
    held = {device.uuid: _mine(link, device) for device in devices}
    return max(devices, key=lambda device: held[device.uuid], default=None)


def _renumbered() -> bool:
    """Whether frameworks count other devices than there are."""
    return bool(os.environ.get("CUDA_VISIBLE_DEVICES"))


def _mine(link: Connection, device: Device) -> float:
    return sum(one.memory or 0.0 for one in _processes(link) if one.uuid == device.uuid and link.groups.owns(one))


def _processes(link: Connection) -> tuple[Process, ...]:
    """As they were last looked at while the cell ran: the next look may find the memory given back."""
    looks = [sample.processes for sample in link.tape.recent() if sample.processes is not None]
    return max(looks[-3:], key=lambda look: sum(one.memory or 0.0 for one in look), default=())


def _holders(link: Connection, device: Device | None) -> tuple[dict[str, float], float | None]:
    """Who held how much of it, the most first, and what of it is this kernel's; None where it cannot be seen."""
    held: dict[str, float] = {}
    for process in _processes(link):
        if device is not None and process.uuid == device.uuid:
            name = _name(process, link)
            held[name] = held.get(name, 0.0) + (process.memory or 0.0)
    ordered = dict(sorted(held.items(), key=lambda one: -one[1]))
    return ordered, held.get("this notebook")


def _name(process: Process, link: Connection) -> str:
    group = link.groups(process)
    if group == OWN:
        return "this notebook"
    if process.notebook:  # without its folder: what is saved with a notebook tells no paths
        return process.notebook.rpartition("/")[2]
    return "others" if group == OTHERS else f"another notebook ({group})"


def _began_with(device: Device | None, held: float | None, cell: Cell | None) -> float | None:
    """What was held on the device when the cell began, as far as it can be this kernel's."""
    if cell is None or device is None or held is None:
        return None
    peak, rise = (table.get(device.label, {}).get("memory_used") for table in (cell.peak, cell.rise))
    return None if peak is None or rise is None else min(held, max(0.0, peak - rise))

"""One look at every GPU as a table for the terminal: ``gpumon status``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..clock import SystemClock
from ..energy.trust import sentences
from ..model import Device, Gpu, Hello, Sample
from ..sources import Source
from ..units import quantity

_WAIT = 5.0
"""Seconds to wait for a first sample: an agent starts in well under one."""


def first_look(source: Source) -> tuple[Hello, Sample | None]:
    """The first sample with GPUs and the hello it belongs to; None where there is none within five seconds."""
    clock = SystemClock()
    end, hello = clock.mono() + _WAIT, Hello()
    try:
        for message in source.stream(clock):
            if isinstance(message, Hello):
                hello = message
            elif message.gpus:
                return hello, message
            if clock.mono() > end or hello.status.state not in ("live", "starting"):
                break
    finally:
        source.close()
    return hello, None


def overview(hello: Hello, sample: Sample | None, servers: Sequence[Mapping[str, Any]] = ()) -> RenderableType:
    """A line per device, what there is to say about all of them, how their energy is measured, and where the samples
    of the servers that run go."""
    kept = [Text(f"sink   │ {said}") for said in _sinks(servers)]
    if not hello.devices:
        return Group(Text(_headline(hello)), Text(_explanation(hello)), *kept)
    measured = [Text(f"energy │ {said}") for said in sentences(hello.devices)]
    return Group(Text(_headline(hello)), _table(hello, sample), *measured, *kept)


def _sinks(servers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """``:8888 sqlite:///run.db: well, 3 samples waiting``, a line per sink of a server."""
    for server in servers:
        for sink in server["sinks"]:
            numbers = ((sink.get("waiting"), "waiting"), (sink.get("dropped"), "lost"))
            parts = [str(sink.get("problem", "")).rstrip(".") or "well"]
            parts += [f"{number} sample{'' if number == 1 else 's'} {what}" for number, what in numbers if number]
            yield f":{server['port']} {sink['url']}: {', '.join(parts)}"


def _headline(hello: Hello) -> str:
    driver = "simulated GPUs" if hello.simulated else hello.driver and f"driver {hello.driver}"
    return " · ".join(filter(None, [hello.hostname, driver, hello.cuda and f"CUDA {hello.cuda}"]))


def _explanation(hello: Hello) -> str:
    status = hello.status
    return f"{status.message or 'There is no GPU here.'} {status.hint}".strip() + "\ngpumon doctor looks at it all."


def _table(hello: Hello, sample: Sample | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("GPU")
    table.add_column("model")
    for title in ("busy", "memory", "power", "temp."):
        table.add_column(title, justify="right")
    table.add_column("held back by")
    gpus = {gpu.uuid: gpu for gpu in sample.gpus} if sample else {}
    for device in hello.devices:
        table.add_row(*_row(device, gpus.get(device.uuid)))
    return table


def _row(device: Device, gpu: Gpu | None) -> tuple[str, ...]:
    if gpu is None:
        return device.label, device.name, "—", "—", "—", "—", device.detail or device.state
    held = ", ".join(word.replace("_", " ") for word in gpu.clock_events or () if word != "idle")
    memory = f"{quantity(gpu.memory_used, 'bytes')} / {quantity(gpu.memory_total or device.memory_total, 'bytes')}"
    power = f"{quantity(gpu.power, 'watts')} / {quantity(gpu.power_limit or device.power_limit_default, 'watts')}"
    return (
        device.label,
        device.name,
        quantity(gpu.utilization, "ratio"),
        memory,
        power if gpu.power is not None else "—",
        quantity(gpu.temperature, "celsius"),
        held,
    )
